// The part of the WebAssembly JavaScript API that dtls-module.ts uses. Neither TypeScript's ES2023 library nor
// @types/node 20 declares it, and the DOM library, which does, would let browser globals slip through the type check.
declare namespace WebAssembly {
  // Compiled code has no members that anybody needs; the brand keeps other objects out.
  interface Module {
    readonly __compiledWebAssembly: never;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
  const Instance: new(module: Module, imports: Record<string, Record<string, (...args: number[]) => unknown>>) => Instance;
}
