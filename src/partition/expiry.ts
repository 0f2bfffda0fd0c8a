/**
 * Time to live as a rule: an item is gone for readers from its deadline on, in every region by that region's
 * own clock, without anything being written. Taking it away for good is another matter: see
 * `PartitionHost.collect`.
 *
 * The store keeps, of partitions whose container has a time to live, where each item stands in time. Items
 * with a time to live of their own stand at their deadline, the others at the time of their last write, so
 * that a change of the container's default moves no entry.
 */
import { unixMs } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { StoredPut } from '../merge/index.ts';
import type { StoreBatch, StoreSnapshot } from '../store/index.ts';
import { expiryBound, expiryKey, trailingNumber } from './store-key.ts';

/** Never: the container has the rule, and this item is exempt. */
const NEVER = -1;

/**
 * Whether readers see the item no more. `defaultTtl`: the container's, in seconds; -1 for a rule that holds
 * only for items with a time to live of their own.
 */
function isExpired({ time, ttl }: StoredPut, defaultTtl: number, nowMs: number): boolean {
  const seconds = ttl ?? defaultTtl;
  return seconds !== NEVER && nowMs >= unixMs(time) + seconds * 1000;
}

/** A partition's rule, and how far the store is ordered by it. */
export class ExpiryRule {
  /** By which items expire: the region's wall clock, in Unix milliseconds. */
  readonly nowMs: () => number;
  /** The container's, in seconds; -1 for items with one of their own only, undefined for no such rule. */
  defaultTtl: number | undefined;
  /** Whether what is fed to the store is put in the order of deadlines too. */
  isIndexed = false;
  /** Undefined once all items in the store are in that order. */
  building: Promise<void> | undefined;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** The item, unless it has expired. */
  shown(visible: StoredPut | undefined): StoredPut | undefined {
    if (this.defaultTtl === undefined || visible === undefined) return visible;
    return isExpired(visible, this.defaultTtl, this.nowMs()) ? undefined : visible;
  }
}

interface Place {
  readonly isOwn: boolean;
  readonly ms: number;
}

function placeOf({ time, ttl }: StoredPut): Place | undefined {
  if (ttl === NEVER) return undefined;
  return ttl === undefined
    ? { isOwn: false, ms: unixMs(time) }
    : { isOwn: true, ms: unixMs(time) + ttl * 1000 };
}

/** Moves an item from where it stood in time to where it stands now. */
export function writeExpiry(
  partition: PartitionNumber,
  before: StoredPut | undefined,
  after: StoredPut | undefined,
  batch: Pick<StoreBatch, 'set'>,
): void {
  const from = before && placeOf(before);
  const to = after && placeOf(after);
  if (before !== undefined && from !== undefined) {
    batch.set(expiryKey(partition, from, before.incarnation), undefined);
  }
  if (after !== undefined && to !== undefined) {
    batch.set(expiryKey(partition, to, after.incarnation), Buffer.alloc(0));
  }
}

const CHUNK = 1000;

/** Numbers of the stored items whose deadline has passed, oldest first; `limit` of each kind at most. */
export async function dueNumbers(
  snapshot: StoreSnapshot,
  partition: PartitionNumber,
  { defaultTtl, nowMs, limit = Number.POSITIVE_INFINITY }: DueRequest,
): Promise<number[]> {
  const due: number[] = [];
  const ends: Place[] = [{ isOwn: true, ms: nowMs + 1 }];
  if (defaultTtl !== NEVER) ends.push({ isOwn: false, ms: Math.max(0, nowMs + 1 - defaultTtl * 1000) });
  for (const { isOwn, ms } of ends) {
    const range = { from: expiryBound(partition, isOwn, 0), to: expiryBound(partition, isOwn, ms) };
    const cursor = snapshot.scan(range);
    for (let found = 0; found < limit; ) {
      const pairs = await cursor.next(Math.min(CHUNK, limit - found));
      for (const [key] of pairs) due.push(trailingNumber(key));
      found += pairs.length;
      if (pairs.length < CHUNK) break;
    }
    await cursor.close();
  }
  return due;
}

export interface DueRequest {
  readonly defaultTtl: number;
  readonly nowMs: number;
  readonly limit?: number;
}
