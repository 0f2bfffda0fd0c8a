/**
 * Feeds the store behind the log. The log has already acknowledged, so nothing here is on a client's path:
 * what counts is that batches are few and large, that a batch never claims a position that the log does not
 * durably have, and that the event loop is given back between slices of work.
 */
import { assert, WeightedCache } from '../base/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Store } from '../store/index.ts';
import { type DirtyItem, termsOfDirty } from './dirty-item.ts';
import type { HeldItem } from './item-cache.ts';
import type { Partition } from './partition.ts';
import { encodePosition, encodeVector, type Position } from './record.ts';
import { checkpointKey, positionKey } from './store-key.ts';
import { writeViews } from './view-writes.ts';

/** A batch is due when the first item has waited so long. */
const BATCH_DELAY_MS = 500;
/** What a dirty item costs beside its body, in bytes: its index terms above all. */
const ITEM_OVERHEAD_BYTES = 3000;
/** Items whose index terms are remembered, at some two kilobytes each. */
const RECENT_TERMS = 2048;
/** Items turned into store writes before the event loop gets its turn. */
const SLICE_ITEMS = 32;

export interface ViewFeederOptions {
  readonly runtime: Runtime;
  readonly store: Store;
  /** Writes wait while more than this many bytes are not yet in the store. */
  readonly dirtyBytesMax: number;
  /** A batch is due when so many items wait. */
  readonly batchItems: number;
  /** The store failed: nothing more will be fed. */
  readonly onFailed: (reason: unknown) => void;
}

interface Feed {
  readonly partition: Partition;
  readonly position: Position;
  readonly changes: readonly (DirtyItem & { readonly item: HeldItem })[];
}

export class ViewFeeder {
  readonly #options: ViewFeederOptions;
  readonly #recentTerms = new WeightedCache<string, readonly Buffer[]>(RECENT_TERMS);
  #waiting = new Set<Partition>();
  #waitingItems = 0;
  #waitingBytes = 0;
  #feedingBytes = 0;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];
  #isStopped = false;

  constructor(options: ViewFeederOptions) {
    this.#options = options;
  }

  /** Bytes that only the log and memory hold. */
  get dirtyBytes(): number {
    return this.#waitingBytes + this.#feedingBytes;
  }

  /** Takes note that `partition` has something to feed. */
  markDirty(partition: Partition, bytes: number, isNew: boolean): void {
    this.#waiting.add(partition);
    // An item that is written again and again waits once: only its last state will reach the store.
    if (isNew) this.#waitingItems += 1;
    this.#waitingBytes += isNew ? bytes + ITEM_OVERHEAD_BYTES : 0;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isStopped || this.#running !== undefined || this.#waiting.size === 0) return;
    const isPressing = this.#waitingItems >= this.#options.batchItems || this.#roomWaiters.length > 0;
    if (isPressing) this.#start();
    else this.#cancelTimer ??= this.#options.runtime.after(BATCH_DELAY_MS, () => this.#start());
  }

  forget(partition: Partition): void {
    this.#waiting.delete(partition);
  }

  /** Resolves when there is room for more dirty items; undefined when there is. */
  room(): Promise<void> | undefined {
    if (this.dirtyBytes <= this.#options.dirtyBytesMax) return undefined;
    return new Promise((resolve) => {
      this.#roomWaiters.push(resolve);
      this.#schedule();
    });
  }

  /**
   * Resolves when the batch under way, if there is one, is through. Under steady load `drain` could last
   * for ever.
   */
  async batchEnd(): Promise<void> {
    await this.#running;
  }

  /** Feeds everything that is dirty now, and what becomes dirty meanwhile. */
  async drain(): Promise<void> {
    while (!this.#isStopped && (this.#running !== undefined || this.#waiting.size > 0)) {
      if (this.#running === undefined) this.#start();
      await this.#running;
    }
  }

  /** No batch starts any more; resolves when the one under way is through. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#running;
    this.#wakeRoomWaiters();
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#isStopped || this.#running !== undefined || this.#waiting.size === 0) return;
    this.#running = this.#feed()
      .catch((error: unknown) => {
        this.#isStopped = true;
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#running = undefined;
        this.#feedingBytes = 0;
        this.#wakeRoomWaiters();
        this.#schedule();
      });
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  async #feed(): Promise<void> {
    // Never in the middle of somebody's write: position and items must belong together.
    await this.#turn();
    if (this.#isStopped) return;
    const feeds: Feed[] = [];
    for (const partition of this.#waiting) feeds.push(takeFeed(partition));
    this.#waiting = new Set();
    this.#feedingBytes = this.#waitingBytes;
    this.#waitingItems = 0;
    this.#waitingBytes = 0;
    const batch = this.#options.store.batch();
    const done: Feed[] = [];
    let sliced = 0;
    for (const feed of feeds) {
      const { partition, position, changes } = feed;
      // A position must be durable in the log before the store may claim it.
      if (!(await isSettled(partition, position))) continue;
      const indexing = { indexer: partition.indexer, recent: this.#recentTerms };
      for (const change of changes) {
        const { stored: before, item: after } = change;
        const terms = () => termsOfDirty(change, indexing.indexer);
        writeViews(partition.number, { before, after, terms }, indexing, batch);
        if (++sliced % SLICE_ITEMS === 0) await this.#turn();
      }
      for (const { lsn, vector } of partition.newCheckpoints()) {
        batch.set(checkpointKey(partition.number, lsn), encodeVector(vector));
      }
      batch.set(positionKey(partition.number), encodePosition(position));
      done.push(feed);
    }
    if (this.#isStopped) {
      await batch.abandon();
      return;
    }
    await batch.commit();
    // Until the partition is told, the items stay dirty and hide what the store has: there is no hurry.
    for (const { partition, position, changes } of done) {
      partition.fedUpTo(position);
      for (const { item } of changes) {
        partition.fedItem(item);
        if (++sliced % SLICE_ITEMS === 0) await this.#turn();
      }
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#options.runtime.soon(resolve));
  }
}

/** False when the partition ended meanwhile: it was dropped, and what it held goes nowhere. */
async function isSettled(partition: Partition, position: Position): Promise<boolean> {
  try {
    await partition.settled(position.lsn);
    return !partition.isEnded;
  } catch {
    return false;
  }
}

/** Everything of one partition that the store lacks, as of now. */
function takeFeed(partition: Partition): Feed {
  const changes: DirtyItem[] = [];
  for (const dirty of partition.dirty.values()) {
    changes.push({ ...dirty });
    dirty.feeding = dirty.item;
  }
  const position = partition.position();
  assert(position.lsn >= partition.fed.lsn, 'the store never goes back');
  return { partition, position, changes };
}
