/**
 * Feeds the store behind the log. The log has already acknowledged, so nothing here is on a client's path:
 * what counts is that batches are few and large, that a batch never claims a position that the log does not
 * durably have, and that the event loop is given back between slices of work.
 */
import { isDeepStrictEqual } from 'node:util';
import { assert, WeightedCache } from '../base/index.ts';
import { encodeFences, type Indexer, type PackedTerms, PostingGatherer } from '../index/index.ts';
import { type Runtime, Turns } from '../runtime/index.ts';
import type { Store, StoreBatch } from '../store/index.ts';
import { type DirtyItem, termsOf, termsOfDirty } from './dirty-item.ts';
import { encodeHorizon, type Horizon } from './horizon.ts';
import type { IndexCompactor } from './index-compactor.ts';
import { convertSome, indexersByNumber, needsConversion } from './index-conversion.ts';
import { encodeManifest, type IndexRules, type IndexRun, newRun } from './index-runs.ts';
import type { HeldItem } from './item-cache.ts';
import type { Partition } from './partition.ts';
import { encodePosition, encodeVector, type Position } from './record.ts';
import { blockKey, checkpointKey, fencesKey, horizonKey, manifestKey, positionKey } from './store-key.ts';
import { type ClaimChanges, writeClaims } from './unique-index.ts';
import { writeViews } from './view-writes.ts';

/** A batch is due when the first item has waited so long. What is written again meanwhile is fed once. */
const BATCH_DELAY_MS = 2_000;
/** What a dirty item costs beside its body, in bytes: its index terms above all. */
const ITEM_OVERHEAD_BYTES = 3000;
/** Items whose index terms are remembered, at half a kilobyte each. */
const RECENT_TERMS = 2048;
/** Items turned into store writes before the event loop gets its turn. */
const SLICE_ITEMS = 8;
/** Postings of a run, when a batch has more: sorting them must not hold up the event loop. */
const RUN_POSTINGS = 32_768;

export interface ViewFeederOptions {
  readonly runtime: Runtime;
  readonly store: Store;
  /** Writes wait while more than this many bytes are not yet in the store. */
  readonly dirtyBytesMax: number;
  /** A batch is due when so many items wait. */
  readonly batchItems: number;
  readonly compactor: IndexCompactor;
  /** The store failed: nothing more will be fed. */
  readonly onFailed: (reason: unknown) => void;
}

/** What one partition has waiting. */
interface Backlog {
  items: number;
  bytes: number;
}

interface Feed {
  readonly partition: Partition;
  readonly position: Position;
  /** By which the terms are that changes remember. */
  readonly indexer: Indexer;
  readonly changes: readonly (DirtyItem & { readonly item: HeldItem })[];
  /** Undefined when the container has no unique keys. */
  readonly claims: ClaimChanges | undefined;
  /** Undefined when the store has it. */
  readonly horizon: Horizon | undefined;
}

export class ViewFeeder {
  readonly #options: ViewFeederOptions;
  readonly #turns: Turns;
  readonly #recentTerms = new WeightedCache<string, PackedTerms>(RECENT_TERMS);
  #waiting = new Map<Partition, Backlog>();
  /** Partitions whose index is being converted: each batch takes them a step on. */
  readonly #converting = new Set<Partition>();
  #waitingItems = 0;
  #waitingBytes = 0;
  #feedingBytes = 0;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];
  #isStopped = false;

  constructor(options: ViewFeederOptions) {
    this.#options = options;
    this.#turns = new Turns(options.runtime);
  }

  /** Bytes that only the log and memory hold. */
  get dirtyBytes(): number {
    return this.#waitingBytes + this.#feedingBytes;
  }

  /** Takes note that `partition` has something to feed. */
  markDirty(partition: Partition, bytes: number, isNew: boolean): void {
    const backlog = this.#backlogOf(partition);
    // An item that is written again and again waits once: only its last state will reach the store.
    if (isNew) {
      const cost = bytes + ITEM_OVERHEAD_BYTES;
      backlog.items += 1;
      backlog.bytes += cost;
      this.#waitingItems += 1;
      this.#waitingBytes += cost;
    }
    this.#schedule();
  }

  #backlogOf(partition: Partition): Backlog {
    let backlog = this.#waiting.get(partition);
    if (backlog === undefined) {
      backlog = { items: 0, bytes: 0 };
      this.#waiting.set(partition, backlog);
    }
    return backlog;
  }

  /** Takes note that the index of `partition` has a merger to take in. */
  markMerged(partition: Partition): void {
    this.#backlogOf(partition);
    this.#schedule();
  }

  /** Takes note that the index of `partition` is not what its policy wants. */
  markConverting(partition: Partition): void {
    this.#converting.add(partition);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    const isConverting = this.#converting.size > 0;
    if (this.#waiting.size === 0 && !isConverting) return;
    const isFull = this.#waitingItems >= this.#options.batchItems;
    const isPressing = isFull || isConverting || this.#roomWaiters.length > 0;
    if (isPressing) this.#start();
    else this.#cancelTimer ??= this.#options.runtime.after(BATCH_DELAY_MS, () => this.#start());
  }

  /** The partition is dropped: what it had waiting is waited for no more. */
  forget(partition: Partition): void {
    const { items, bytes } = this.#backlogOf(partition);
    this.#waitingItems -= items;
    this.#waitingBytes -= bytes;
    this.#waiting.delete(partition);
    this.#converting.delete(partition);
    // Else nobody might: without anything to feed no batch comes whose end could wake them.
    if (this.#hasRoom) this.#wakeRoomWaiters();
  }

  get #hasRoom(): boolean {
    return this.dirtyBytes <= this.#options.dirtyBytesMax;
  }

  /** Resolves when there is room for more dirty items; undefined when there is. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined;
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
    if (this.#isStopped || this.#running !== undefined) return;
    if (this.#waiting.size === 0 && this.#converting.size === 0) return;
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
    for (const partition of this.#converting) this.#backlogOf(partition);
    for (const partition of this.#waiting.keys()) feeds.push(takeFeed(partition));
    this.#waiting = new Map();
    this.#feedingBytes = this.#waitingBytes;
    this.#waitingItems = 0;
    this.#waitingBytes = 0;
    const batch = this.#options.store.batch();
    const done: Feed[] = [];
    for (const feed of feeds) {
      const { partition, position } = feed;
      // A position must be durable in the log before the store may claim it.
      if (!(await isSettled(partition, position))) continue;
      await this.#writeFeed(feed, batch);
      done.push(feed);
    }
    if (this.#isStopped) {
      await batch.abandon();
      return;
    }
    await batch.commit();
    for (const { partition } of done) {
      this.#options.compactor.settled(partition);
      if (!needsConversion(partition)) this.#converting.delete(partition);
    }
    // Until the partition is told, the items stay dirty and hide what the store has: there is no hurry.
    let told = 0;
    for (const { partition, position, changes, claims, horizon } of done) {
      partition.fedUpTo(position);
      if (horizon !== undefined) partition.horizon.fed(horizon);
      if (claims !== undefined) partition.unique?.fed(claims);
      for (const { item } of changes) {
        partition.fedItem(item);
        if (++told % SLICE_ITEMS === 0) await this.#turn();
      }
    }
  }

  async #writeFeed(
    { partition, position, changes, indexer, claims, horizon }: Feed,
    batch: StoreBatch,
  ): Promise<void> {
    const { number, index } = partition;
    const added: IndexRun[] = [];
    const rules = await this.#convert(partition, indexer, added, batch);
    const indexerOf = indexersByNumber(rules, indexer);
    const { isIndexed: keepsExpiry } = partition.expiry;
    let postings = new PostingGatherer();
    for (let place = 0; place < changes.length; place++) {
      const change = changes[place] as Feed['changes'][number];
      const terms = (by: Indexer) =>
        by === indexer ? termsOfDirty(change, by) : termsOf(change.item.visible, by);
      const indexing = { indexerOf, recent: this.#recentTerms, keepsExpiry, postings };
      writeViews(number, { before: change.stored, after: change.item, terms }, indexing, batch);
      if (postings.size >= RUN_POSTINGS) {
        added.push(await this.#writeRun(partition, postings, batch));
        postings = new PostingGatherer();
      }
      if ((place + 1) % SLICE_ITEMS === 0) await this.#turn();
    }
    if (!postings.isEmpty) added.push(await this.#writeRun(partition, postings, batch));
    if (added.length > 0 || index.hasFinished || !isDeepStrictEqual(rules, index.committed.rules)) {
      batch.set(manifestKey(number), encodeManifest(index.propose(added, rules)));
    }
    for (const { lsn, vector } of partition.newCheckpoints()) {
      batch.set(checkpointKey(number, lsn), encodeVector(vector));
    }
    if (claims !== undefined) writeClaims(number, claims, batch);
    if (horizon !== undefined) batch.set(horizonKey(number), encodeHorizon(horizon));
    batch.set(positionKey(number), encodePosition(position));
  }

  async #convert(
    partition: Partition,
    indexer: Indexer,
    added: IndexRun[],
    batch: StoreBatch,
  ): Promise<IndexRules> {
    const { rules: known } = partition.index.committed;
    if (known !== undefined && known.conversion === undefined && known.rules === indexer.rules) return known;
    // Terms that were remembered are those of other rules.
    this.#recentTerms.clear();
    const postings = new PostingGatherer();
    const rules = await convertSome(partition, indexer, this.#options.store, postings, () => this.#turn());
    if (!postings.isEmpty) added.push(await this.#writeRun(partition, postings, batch));
    return rules;
  }

  async #writeRun(
    { number, index }: Partition,
    postings: PostingGatherer,
    batch: StoreBatch,
  ): Promise<IndexRun> {
    const id = index.takeId();
    const emit = (place: number, block: Buffer) => batch.set(blockKey(number, id, place), block);
    const { fences, bytes } = await postings.build(emit, this.#turns.begin());
    if (fences.terms.length > 1) batch.set(fencesKey(number, id), encodeFences(fences));
    return newRun(id, fences, bytes);
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
  const { documents } = partition.cache;
  documents.batches += 1;
  for (const dirty of partition.dirty.values()) {
    const { stored, item } = dirty;
    if (stored?.visible !== undefined) documents.drop(stored.visible.incarnation);
    if (item.visible !== undefined) documents.drop(item.visible.incarnation);
    changes.push({ ...dirty });
    dirty.feeding = dirty.item;
  }
  const position = partition.position();
  assert(position.lsn >= partition.fed.lsn, 'the store never goes back');
  const claims = partition.unique?.takeChanges();
  const { indexer, horizon } = partition;
  return { partition, position, changes, claims, indexer, horizon: horizon.unfed };
}
