/** mbedTLS compiled to WebAssembly by scripts/build-dtls.sh; compiled once, shared by all sessions. */
export interface DtlsModule {
  readonly wasm: WebAssembly.Module;
}

/** Compiles the bytes of dtls.wasm. Rejects if they are not a WebAssembly module. */
export async function compileDtls(wasmBytes: Uint8Array): Promise<DtlsModule> {
  return { wasm: await WebAssembly.compile(wasmBytes) };
}

/** What shim.c imports from "host". Pointers are offsets into the instance's memory. */
export interface ShimHost {
  transmit(datagram: number, length: number): void;
  random(into: number, length: number): number;
  nowMs(): number;
  unixSeconds(): number;
}

/** What shim.c exports; its comments say what each does. */
export interface Shim {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  dtls_buffer(): number;
  dtls_buffer_size(): number;
  dtls_reserve(length: number): number;
  dtls_release(memory: number, length: number): void;
  dtls_use_psk(identity: number, identityLength: number, key: number, keyLength: number): number;
  dtls_use_certificate(ca: number, caLength: number, own: number, ownLength: number, key: number, keyLength: number): number;
  dtls_failed_part(): number;
  dtls_start(name: number, mtu: number, timerMinMs: number, timerMaxMs: number): number;
  dtls_resume(saved: number, length: number): number;
  dtls_receive(length: number): void;
  dtls_pump(): number;
  dtls_message_length(): number;
  dtls_send(length: number): number;
  dtls_longest_message(): number;
  dtls_timer(): number;
  dtls_close(): void;
  dtls_save_session(): number;
  dtls_phase(): number;
  dtls_resumed(): number;
  dtls_connection_id(): number;
  dtls_cipher_suite(): number;
  dtls_alert(): number;
  dtls_verify_flags(): number;
  dtls_wipe(): void;
}

/** A fresh instance with its own memory: sessions share code and nothing else. */
export function instantiateShim(module: DtlsModule, host: ShimHost): Shim {
  const instance = new WebAssembly.Instance(module.wasm, {
    host: {
      transmit: (datagram = 0, length = 0) => {
        host.transmit(datagram, length);
      },
      random: (into = 0, length = 0) => host.random(into, length),
      nowMs: () => host.nowMs(),
      unixSeconds: () => host.unixSeconds(),
    },
  });
  // The module is built from the shim.c beside this file; a module that is not fails at the first missing function.
  const shim = instance.exports as unknown as Shim;
  shim._initialize();
  return shim;
}
