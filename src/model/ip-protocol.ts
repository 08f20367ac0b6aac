/** IP protocol numbers that this project treats by name (IANA protocol-numbers). */
export const ipProtocol = { icmp: 1, tcp: 6, udp: 17, dccp: 33, gre: 47, esp: 50, icmpv6: 58, sctp: 132, udplite: 136 } as const;

/** Protocols whose header starts with a source and a destination port. */
export const portProtocols: readonly number[] = [ipProtocol.tcp, ipProtocol.udp, ipProtocol.dccp, ipProtocol.sctp, ipProtocol.udplite];
