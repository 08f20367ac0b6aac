/** What the package offers. */
export { interactiveNft, type InteractiveNft, type InteractiveOptions } from "./interactive-nft.ts";
export { monitorNft, type MonitorOptions } from "./monitor-nft.ts";
export { NftError, type NftFailure } from "./nft-error.ts";
export { openNftables, type Nftables } from "./open-nftables.ts";
export type { CounterValue, HeldElement, TableNames } from "./read-json.ts";
export { longestTimeout, renderStatement, renderTransaction } from "./render-statement.ts";
export { InvalidStatement, renderValue } from "./render-value.ts";
export { spawnNft, type NftProgram, type SpawnOptions } from "./spawn-nft.ts";
export type { BaseChain, Element, Expression, Field, KeyType, ObjectKind, SetFlag, Statement, Table, TableFamily, Value, Verdict } from "./statement.ts";
