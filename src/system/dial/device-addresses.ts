import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * The addresses to dial from for an upstream that is bound to a network device; link-local ones are of no use. Which way
 * packets from them take is decided by the router's source routing (mwan3, ip rule), for Node has no SO_BINDTODEVICE.
 */
export function addressesOf(device: string): readonly { readonly address: string; readonly family: 4 | 6 }[] {
  return (networkInterfaces()[device] ?? [])
    .filter(({ address }) => isIP(address) !== 0 && !/^fe[89ab]/i.test(address))
    .map(({ address }) => ({ address, family: isIP(address) === 6 ? 6 : 4 }));
}
