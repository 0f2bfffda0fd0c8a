import { unixMs } from '../../src/causality/index.ts';
import type { Incarnation, ItemOperation, Put } from '../../src/merge/index.ts';
import type { OperationRecord } from './client-history.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { type ModelItem, nameOf } from './model-item.ts';
import type { RegionLog } from './region-log.ts';

/*
 * What makes merging hard, as it came up in one world: where a simple rule would have gone wrong. A world in
 * which nothing of the kind happens is passed by any rule.
 */

export interface TrapsOptions {
  readonly ledger: Ledger;
  readonly records: readonly OperationRecord[];
  readonly regions: readonly string[];
}

/** Writes that meet are near each other in a log: each is compared with so many before it. */
const NEAR = 8;

/** How often each trap came up, by its name. */
export function countTraps({ ledger, records, regions }: TrapsOptions): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string, count: number) => counts.set(name, (counts.get(name) ?? 0) + count);
  const [first = ''] = regions;
  const kept = new Set<string>();
  for (const partition of ledger.partitions()) {
    for (const region of regions) {
      const log = ledger.log(region, partition);
      add('trap: a write comes after its item has ended', countLate(log));
      for (const item of log.items.values())
        add('trap: a winner that had lost shows again', countReturns(item));
    }
    // Once everybody has everything, one region's log has all that is left.
    for (const { writes } of ledger.log(first, partition).items.values()) {
      add('trap: a delete meets a write it had not seen', countPairs(writes, isMetDelete));
      add('trap: concurrent writes of one second', countPairs(writes, isOneSecond));
      add('trap: later, higher and neither', countCycles(writes));
    }
    for (const { operation } of ledger.changes(partition)) {
      if (operation.kind === 'put') kept.add(itemValue(operation.body));
    }
  }
  for (const { request, outcome } of records) {
    const isWrite = request.kind !== 'read';
    if (isWrite) add('trap: nobody knows whether a write happened', outcome?.kind === 'unknown' ? 1 : 0);
    const isLost = outcome?.kind === 'ok' && request.value !== undefined && !kept.has(request.value);
    if (isWrite) add('trap: only a lost disk had the write', isLost ? 1 : 0);
  }
  return counts;
}

/** Writes of an incarnation that was deleted before they came. */
function countLate({ entries }: RegionLog): number {
  const dead = new Set<Incarnation>();
  let count = 0;
  for (const { changes } of entries) {
    for (const { operation } of changes) {
      if (operation.kind === 'delete') for (const one of operation.incarnations) dead.add(one);
      else if (operation.kind === 'put' && dead.has(operation.incarnation)) count += 1;
    }
  }
  return count;
}

/** Versions that were shown, were not, and were shown again. */
function countReturns({ timeline }: ModelItem): number {
  const shown = new Set<string>();
  let count = 0;
  for (const { put } of timeline) {
    // What is merged has the name of its strongest part, which is no return.
    if (put === undefined || put.parts !== undefined) continue;
    const name = nameOf(put.dot);
    if (shown.has(name)) count += 1;
    shown.add(name);
  }
  return count;
}

function countPairs(
  writes: readonly ItemOperation[],
  isTrap: (one: ItemOperation, other: ItemOperation) => boolean,
): number {
  let count = 0;
  for (const [place, one] of writes.entries()) {
    for (const other of writes.slice(Math.max(0, place - NEAR), place)) {
      if (isConcurrent(one, other) && (isTrap(one, other) || isTrap(other, one))) count += 1;
    }
  }
  return count;
}

function isMetDelete(one: ItemOperation, other: ItemOperation): boolean {
  return one.kind === 'delete' && other.kind === 'put' && one.incarnations.includes(other.incarnation);
}

function isOneSecond(one: ItemOperation, other: ItemOperation): boolean {
  const second = ({ time }: ItemOperation) => Math.floor(unixMs(time) / 1_000);
  return one.kind === 'put' && other.kind === 'put' && second(one) === second(other);
}

/** A write that lowers the number of one it saw, while a third that neither saw is between them. */
function countCycles(writes: readonly ItemOperation[]): number {
  const puts = writes.filter((one): one is Put => one.kind === 'put' && one.priority !== undefined);
  let count = 0;
  for (const [place, later] of puts.entries()) {
    const near = puts.slice(Math.max(0, place - NEAR), place + NEAR);
    const between = near.filter((one) => isConcurrent(one, later) && number(one) > number(later));
    if (between.length === 0) continue;
    const isTrap = (earlier: Put) =>
      later.context.covers(earlier.dot) &&
      between.some((one) => number(one) < number(earlier) && isConcurrent(one, earlier));
    if (near.some(isTrap)) count += 1;
  }
  return count;
}

function number({ priority = Number.NEGATIVE_INFINITY }: Put): number {
  return priority;
}

function isConcurrent(one: ItemOperation, other: ItemOperation): boolean {
  const isSame = one.dot.origin === other.dot.origin && one.dot.n === other.dot.n;
  return !isSame && !one.context.covers(other.dot) && !other.context.covers(one.dot);
}
