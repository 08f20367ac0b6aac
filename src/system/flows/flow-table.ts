import { setTimeout } from "node:timers/promises";
import type { Flow } from "../../model/flow.ts";
import { formatIpAddress, parseIpAddress, type IpPrefix } from "../../model/ip-prefix.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { milliseconds } from "../../model/time.ts";
import { addressSet } from "../../nat-lookup/match/address-set.ts";
import type { AddressSet } from "../../nat-lookup/match/address-set.ts";
import { gatherCandidates } from "../../nat-lookup/match/candidates.ts";
import { deletionArguments, listingArguments, wholeListing } from "../../nat-lookup/conntrack/conntrack-arguments.ts";
import type { Deletion } from "../../nat-lookup/conntrack/conntrack-arguments.ts";
import { parseConntrack } from "../../nat-lookup/conntrack/parse-conntrack.ts";
import { wireViews } from "../../nat-lookup/match/wire-view.ts";
import type { FlowTable, Log } from "../../model/ports.ts";
import { failedStatus } from "../process/run-command.ts";
import type { CommandResult, RunCommand } from "../process/run-command.ts";

/** A whole table of 262,144 entries is some 50 MB of text, none of which is held. */
const listing = { timeout: milliseconds(20_000), mostOutput: 256 * 1024 * 1024 };
/** Deletions that are run without looking first: each walks the whole table. */
const fewDeletions = 4;
/** Deletions at most for one cut; the packet filter stops what they would have, but for offloaded flows. */
const mostDeletions = 32;
/** How often one is begun again, each time with fewer flows. */
const deletionAttempts = 5;
/** Walks of the table at a time: a home router has two or four cores, and forwards packets with them. */
const walksAtATime = 2;

/** Flows that were ended, of which the counters are kept. */
const mostEnded = 4_096;

export interface ConntrackTable extends FlowTable {
  /** `living`: all living flows with these targets, where they are known. */
  cut(addresses: readonly string[], targets: readonly IpPrefix[], living?: readonly Flow[]): Promise<readonly Flow[]>;
}

/**
 * Connection tracking, by way of the `conntrack` tool: the witness that needs no preparation. Never
 * /proc/net/nf_conntrack, which on kernel 6.1 takes quadratic time, and loses and repeats entries.
 */
export function openConntrack({ run, log }: { readonly run: RunCommand; readonly log: Log }): ConntrackTable {
  const walk = (args: readonly string[], onFlow: (flow: Flow) => void, isUrgent = false): Promise<CommandResult> =>
    run("conntrack", args, {
      ...listing,
      isUrgent,
      onLine(line) {
        const flow = parseConntrack(line);
        if (flow) onFlow(flow);
      },
    });

  const list = async (args: readonly string[], onFlow: (flow: Flow) => void, isUrgent = false): Promise<void> => {
    const result = await walk(args, onFlow, isUrgent);
    if (result.status !== 0) throw failedStatus("conntrack", result);
  };

  const remove = async (deletion: Deletion, onFlow: (flow: Flow) => void, attempts = deletionAttempts): Promise<void> => {
    // It prints what it deletes.
    const result = await walk(deletion.arguments, onFlow);
    // Status 1 is also that of "0 flow entries have been deleted", the usual end of half of the deletions.
    if (result.status === 0 || /\b\d+ flow entries have been deleted/.test(result.stderr)) return;
    // A flow that ended by itself, between being listed and being deleted: conntrack gives up there, and the rest is still to be deleted.
    if (attempts > 1 && result.stderr.includes("such conntrack doesn't exist")) await remove(deletion, onFlow, attempts - 1);
    else throw failedStatus("conntrack", result);
  };

  /** Leaves out the deletions that no entry calls for: of those that are known, or else at the cost of one listing a family. */
  const onlyUseful = async (deletions: readonly Deletion[], living?: readonly Flow[]): Promise<readonly Deletion[]> => {
    const useful = new Set<Deletion>();
    const checks = new Map<string, Check[]>();
    for (const deletion of deletions) {
      const key = `${formatIpAddress(deletion.device)} ${deletion.opener}`;
      checks.set(key, [...(checks.get(key) ?? []), checkOf(deletion)]);
    }
    const weigh = (flow: Flow): void => {
      for (const view of wireViews(flow)) {
        for (const { deletion, isTarget } of checks.get(`${view.deviceAddress} ${view.opener}`) ?? []) {
          if (isTarget(view.target.address)) useful.add(deletion);
        }
      }
    };
    if (living) { for (const flow of living) weigh(flow); }
    else for (const family of new Set(deletions.map(({ device }) => device.family))) await list(wholeListing(family), weigh);
    return deletions.filter((deletion) => useful.has(deletion));
  };

  return {
    async matching(asked: AttackFlows, depth = "quick") {
      const candidates = gatherCandidates(asked);
      await inTurn(listingArguments(asked), (args) => list(args, candidates.add, depth === "explain"));
      if (candidates.leftOut > 0)
        log("warn", `conntrack: ${candidates.leftOut} of ${candidates.count} flows that match a request do not fit into its evidence`);
      return candidates.flows();
    },
    async cut(addresses, targets, living) {
      // The upstream's answer goes first: starting a process holds up the event loop.
      await setTimeout(0);
      const devices = addresses.flatMap((address) => parseIpAddress(address) ?? []);
      let deletions: readonly Deletion[] = deletionArguments(devices, targets);
      if (living || deletions.length > fewDeletions) deletions = await onlyUseful(deletions, living);
      if (deletions.length > mostDeletions)
        log("warn", `conntrack: ${deletions.length - mostDeletions} flows were not deleted: too many addresses and targets`);
      const ended: Flow[] = [];
      await inTurn(deletions.slice(0, mostDeletions), (deletion) =>
        remove(deletion, (flow) => {
          if (ended.length < mostEnded) ended.push(flow);
        }));
      return ended;
    },
  };
}

interface Check {
  readonly deletion: Deletion;
  readonly isTarget: AddressSet;
}

function checkOf(deletion: Deletion): Check {
  return { deletion, isTarget: deletion.target === null ? () => true : addressSet([deletion.target]) };
}

/** Does all, a few at a time; fails with the first failure, after those under way have ended. */
async function inTurn<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await act(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: walksAtATime }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
