import { succeed } from "./system-error.ts";

interface Address {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly internal: boolean;
}

export function networkInterfaces(): Record<string, Address[]> {
  const found: Record<string, Address[]> = {};
  for (const [name, address, family, internal] of succeed<[string, string, 4 | 6, boolean][]>(native.interfaces(), "getifaddrs")) {
    (found[name] ??= []).push({ address, family: family === 4 ? "IPv4" : "IPv6", internal });
  }
  return found;
}

export const tmpdir = (): string => "/tmp";
