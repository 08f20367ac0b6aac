/** What the package offers. */
export { decodeTable, encodeTable, type BlobmsgType, type UbusTable, type UbusValue } from "./blobmsg.ts";
export type { UbusCaller } from "./hosted-object.ts";
export { ubusStatus } from "./message.ts";
export type { FoundObject } from "./call-objects.ts";
export { openUbus, type Ubus, type UbusOptions } from "./open-ubus.ts";
export type { ObjectToPublish, Publication, UbusMethod } from "./published-object.ts";
export { UbusError } from "./ubus-error.ts";
