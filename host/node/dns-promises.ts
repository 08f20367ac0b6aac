export { Resolver } from "./dns-resolver.ts";

interface Found {
  readonly address: string;
  readonly family: 4 | 6;
}

/** By the C library's resolver, in another thread; all addresses, in its order. */
export function lookup(name: string, { all }: { readonly all: true; readonly verbatim?: boolean }): Promise<Found[]> {
  return new Promise((resolve, reject) => {
    if (!(all as boolean)) throw new TypeError("this runtime looks up all addresses of a name");
    const fail = (code: string): void => {
      reject(Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code, hostname: name, syscall: "getaddrinfo" }));
    };
    native.hold(1);
    const result = native.lookup(name, (found) => {
      native.hold(-1);
      if (typeof found === "string") fail(found);
      else if (found.length === 0) fail("ENOTFOUND");
      else resolve(found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
    });
    if (result >= 0) return;
    native.hold(-1);
    fail(native.error(-result)[0]);
  });
}
