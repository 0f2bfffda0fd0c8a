import { assert, WeightedCache } from '../base/index.ts';
import type { HybridClock, Origin, VersionVector } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Indexer } from '../index/index.ts';
import { type Log, LogDamagedError, type PartitionNumber } from '../log/index.ts';
import type { QuerySource } from '../query/index.ts';
import type { UniqueKeys } from '../resource/index.ts';
import { type Runtime, Turns } from '../runtime/index.ts';
import type { Store } from '../store/index.ts';
import { isLostForGood } from './casualties.ts';
import { dueNumbers } from './expiry.ts';
import { buildExpiryIndex, hasExpiryIndex } from './expiry-index.ts';
import { IndexCompactor } from './index-compactor.ts';
import { needsConversion } from './index-conversion.ts';
import { ItemCache } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { Partition } from './partition.ts';
import { openSource, type SourceMeans, type SourceView } from './partition-source.ts';
import { decodeDocument, decodePosition } from './record.ts';
import type { PartitionTable } from './replicated-partition.ts';
import { documentKey, expiryMarkKey, partitionBounds, positionKey } from './store-key.ts';
import { VectorMemory } from './vector-views.ts';
import { ViewFeeder } from './view-feeder.ts';

export interface PartitionHostOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly store: Store;
  readonly clock: HybridClock;
  /** Bytes of recently used items kept in memory, over all partitions. */
  readonly cacheBytesMax: number;
  /** Writes wait while the store lags by more than this many bytes. */
  readonly dirtyBytesMax: number;
  /** The store is fed when so many items wait for it, or two seconds after the first. Default 1024. */
  readonly batchItems?: number;
  /** See PartitionOptions; asked for at each write, since levels change. */
  readonly admitWrite?: (partition: PartitionNumber, head: number) => void;
  /**
   * Bytes of vectors kept in memory, over all partitions, for those that have vector indexes. Default 256
   * MiB.
   */
  readonly vectorBytesMax?: number;
  /** The store failed: this node must be opened anew. */
  readonly onFailed: (reason: unknown) => void;
}

/** What a container demands of its items. */
export interface PartitionRules {
  /** In seconds; -1 for items with one of their own only. */
  readonly defaultTtl?: number | undefined;
  readonly uniqueKeys?: UniqueKeys | undefined;
}

/** Expired items looked at in one round of collection, and taken away together. */
const EXPIRIES_MAX = 5000;
const EXPIRIES_IN_ENTRY = 100;
/** Items that collection looks at before the event loop gets its turn. */
const VISITS_IN_TURN = 256;

/** Few enough that queries can go through all dirty items, enough that a batch is worth its sync. */
const BATCH_ITEMS = 1024;
/** Blocks of indexes are kept in memory up to this part of what items may take, beside them. */
const BLOCK_CACHE_SHARE = 4;
/** Some 180,000 vectors of 256 dimensions, or 35,000 of 1,536, with their graphs. */
const VECTOR_BYTES_MAX = 256 * 1024 * 1024;

/** All physical partitions of one region's node: they share its log, store, cache and feeder. */
export class PartitionHost implements PartitionTable {
  readonly #options: PartitionHostOptions;
  readonly #cache: ItemCache;
  readonly #means: SourceMeans;
  readonly #vectorMemory: VectorMemory;
  readonly #compactor: IndexCompactor;
  readonly #feeder: ViewFeeder;
  readonly #partitions = new Map<PartitionNumber, Partition>();
  readonly #openedListeners = new Set<(number: PartitionNumber) => void>();
  readonly #durableListeners = new Set<(numbers: readonly PartitionNumber[]) => void>();
  readonly #droppedListeners = new Set<(number: PartitionNumber) => void>();
  readonly #removeLogListener: () => void;

  constructor(options: PartitionHostOptions) {
    this.#options = options;
    this.#cache = new ItemCache(options.cacheBytesMax);
    this.#means = {
      blocks: new WeightedCache(options.cacheBytesMax / BLOCK_CACHE_SHARE),
      turn: new Turns(options.runtime).begin(),
    };
    this.#vectorMemory = new VectorMemory(options.vectorBytesMax ?? VECTOR_BYTES_MAX);
    this.#compactor = new IndexCompactor({
      ...options,
      onMerged: (partition) => this.#feeder.markMerged(partition),
    });
    this.#feeder = new ViewFeeder({
      ...options,
      batchItems: options.batchItems ?? BATCH_ITEMS,
      compactor: this.#compactor,
    });
    this.#removeLogListener = options.log.onDurable((numbers) => this.#logAdvanced(numbers));
  }

  #logAdvanced(numbers: readonly PartitionNumber[]): void {
    for (const number of numbers) this.#partitions.get(number)?.logAdvanced();
    for (const listener of this.#durableListeners) listener(numbers);
  }

  /**
   * Opens a partition and catches it up with its log. `origin`: under which this region writes.
   * @throws LogDamagedError when the log no longer has what the store lacks.
   */
  async open(
    number: PartitionNumber,
    origin: Origin,
    indexer: Indexer,
    { defaultTtl, uniqueKeys }: PartitionRules = {},
  ): Promise<Partition> {
    assert(!this.#partitions.has(number), 'a partition is opened once');
    const { log, store, clock, runtime } = this.#options;
    await this.#discardFalsePosition(number);
    const partition = new Partition({
      number,
      origin,
      log,
      store,
      cache: this.#cache.forPartition(),
      clock,
      indexer,
      uniqueKeys,
      vectorViews: { runtime, memory: this.#vectorMemory },
      onDirty: (...change) => this.#feeder.markDirty(...change),
      room: () => this.#feeder.room(),
      turn: this.#means.turn,
      admitWrite: this.#options.admitWrite,
      nowMs: () => runtime.nowMs(),
      onBroken: this.#options.onFailed,
    });
    // Whatever recovery feeds has to be in the order of deadlines too.
    partition.expiry.isIndexed = hasExpiryIndex(store, number);
    if (log.head(number) > partition.fed.lsn + 1) {
      throw new LogDamagedError(
        `partition ${number}: the log starts at ${log.head(number)}, the store ends at ${partition.fed.lsn}`,
      );
    }
    await partition.recover(async () => this.#feeder.room());
    // In one step: whoever finds it may write to it, and who keeps account of writes must know it by then.
    this.#partitions.set(number, partition);
    for (const listener of this.#openedListeners) listener(number);
    if (needsConversion(partition)) this.#feeder.markConverting(partition);
    await this.setDefaultTtl(partition, defaultTtl);
    return partition;
  }

  /**
   * A store that claims more than the log has belongs to another log: its views of this partition are
   * worthless.
   */
  async #discardFalsePosition(number: PartitionNumber): Promise<void> {
    const { log, store } = this.#options;
    const stored = store.get(positionKey(number));
    if (stored === undefined || decodePosition(stored).lsn <= log.tail(number)) return;
    const { from, to } = partitionBounds(number);
    await store.clear(from, to);
  }

  /** Removes a partition with all it holds. */
  async drop(number: PartitionNumber): Promise<void> {
    const partition = this.#partitions.get(number);
    if (partition === undefined) return;
    this.#partitions.delete(number);
    partition.end(new DatabaseError('OwnerNotFound', 'Owner resource does not exist'));
    partition.cache.clear();
    this.#feeder.forget(partition);
    for (const listener of this.#droppedListeners) listener(number);
    // A batch under way may still hold keys of it; later ones will not.
    await this.#feeder.batchEnd();
    await this.#compactor.leave(partition);
    await this.forget(number);
  }

  /** Removes what is left of a partition that is not open. */
  async forget(number: PartitionNumber): Promise<void> {
    assert(!this.#partitions.has(number), 'an open partition is dropped');
    const { from, to } = partitionBounds(number);
    await this.#options.store.clear(from, to);
    await this.#options.log.drop(number);
  }

  /** The container's policy may have changed: queries and writes follow it from here on. */
  setIndexer(partition: Partition, indexer: Indexer): void {
    if (partition.indexer === indexer || partition.isEnded) return;
    partition.indexer = indexer;
    if (needsConversion(partition)) this.#feeder.markConverting(partition);
  }

  /**
   * The container's time to live may have changed: readers follow it from here on. Resolves when queries can
   * tell, which takes a while when items are already there and the container had none.
   */
  async setDefaultTtl(partition: Partition, defaultTtl: number | undefined): Promise<void> {
    if (partition.isEnded) return;
    const { expiry } = partition;
    const { store, onFailed } = this.#options;
    expiry.defaultTtl = defaultTtl;
    if (defaultTtl === undefined && expiry.isIndexed) {
      expiry.isIndexed = false;
      await store.write([{ key: expiryMarkKey(partition.number), value: undefined }]);
    } else if (defaultTtl !== undefined && !expiry.isIndexed) {
      const build = { partition, store, batchEnd: () => this.#feeder.batchEnd() };
      expiry.building = buildExpiryIndex(build)
        .catch(onFailed)
        .finally(() => {
          expiry.building = undefined;
        });
    }
    await expiry.building;
  }

  get(number: PartitionNumber): Partition | undefined {
    return this.#partitions.get(number);
  }

  numbers(): Iterable<PartitionNumber> {
    return this.#partitions.keys();
  }

  /** Resolves when the store has caught up enough for another write; undefined when it has. */
  room(): Promise<void> | undefined {
    return this.#feeder.room();
  }

  /** Not to be written to; see `SourceView`. */
  openSource(partition: Partition, view: SourceView = {}): Promise<QuerySource> {
    return openSource(partition, this.#options.store, this.#means, view);
  }

  /**
   * Drops the merge state that nobody can need any more, and takes expired items away. `stableIn`: what every
   * member is known to have applied; `members`: who they are at that moment. `isOurs`: whether it is on this
   * region to take away what an origin wrote last.
   */
  async collect(
    stableIn: (partition: Partition) => VersionVector,
    isOurs: (origin: Origin) => boolean,
    members: () => readonly Origin[],
  ): Promise<void> {
    for (const partition of [...this.#partitions.values()]) {
      let visited = 0;
      const { expiry } = partition;
      const hasTtl = expiry.defaultTtl !== undefined && expiry.building === undefined;
      if (partition.applied.unsettled === 0 && !hasTtl) continue;
      const stable = stableIn(partition);
      const horizon = { vector: stable, origins: members() };
      if (hasTtl) await this.#expire(partition, stable, isOurs);
      if (partition.unique !== undefined) {
        const isLost = (key: ItemKey) => isLostHere(partition, key, stable, isOurs);
        await this.#endItems(partition, partition.unsettledKeys(), isLost);
      }
      if (!partition.horizon.isWithin(stable)) continue;
      for (const key of partition.takeCollectible(stable)) {
        partition.collectItem(key, horizon);
        if (++visited % VISITS_IN_TURN === 0) await this.#means.turn();
      }
    }
  }

  async #expire(
    partition: Partition,
    stable: VersionVector,
    isOurs: (origin: Origin) => boolean,
  ): Promise<void> {
    const { store } = this.#options;
    const { number, expiry } = partition;
    const { defaultTtl } = expiry;
    if (defaultTtl === undefined) return;
    const snapshot = store.snapshot();
    const isDueNow = (key: ItemKey) => isDue(partition, key, stable, isOurs);
    const keys: ItemKey[] = [];
    try {
      const request = { defaultTtl, nowMs: expiry.nowMs(), limit: EXPIRIES_MAX };
      let visited = 0;
      for (const due of await dueNumbers(snapshot, number, request)) {
        const document = snapshot.get(documentKey(number, due));
        const key = document && decodeDocument(document, due).key;
        // While a region is away all that expires stays here, and is looked at in each round.
        if (key !== undefined && isDueNow(key)) keys.push(key);
        if (++visited % VISITS_IN_TURN === 0) await this.#means.turn();
      }
    } finally {
      await snapshot.close();
    }
    await this.#endItems(partition, keys, isDueNow);
  }

  /** Takes away those of the items that are due by then, in entries of many. */
  async #endItems(
    partition: Partition,
    keys: readonly ItemKey[],
    isDueNow: (key: ItemKey) => boolean,
  ): Promise<void> {
    let size = EXPIRIES_IN_ENTRY;
    for (let place = 0; place < keys.length; ) {
      if (partition.isEnded) return;
      const group = keys.slice(place, place + size);
      const due = group.filter(isDueNow);
      if (due.length > 0) {
        const ending = partition.expire(due);
        // Of items with large conflicts fewer fit; one that fits no entry alone stays as it is, out of sight.
        if (ending === undefined && size > 1) {
          size >>= 1;
          continue;
        }
        await ending;
      }
      place += group.length;
    }
  }

  /** Resolves when the store has everything that was acknowledged before the call. */
  drain(): Promise<void> {
    return this.#feeder.drain();
  }

  /** Bytes held in memory for items: cached, waiting for the store, and their vectors. */
  memory(): { readonly cachedBytes: number; readonly dirtyBytes: number; readonly vectorBytes: number } {
    return {
      cachedBytes: this.#cache.bytes,
      dirtyBytes: this.#feeder.dirtyBytes,
      vectorBytes: this.#vectorMemory.bytes,
    };
  }

  onOpened(listener: (number: PartitionNumber) => void): () => void {
    this.#openedListeners.add(listener);
    return () => this.#openedListeners.delete(listener);
  }

  onDurable(listener: (numbers: readonly PartitionNumber[]) => void): () => void {
    this.#durableListeners.add(listener);
    return () => this.#durableListeners.delete(listener);
  }

  onDropped(listener: (number: PartitionNumber) => void): () => void {
    this.#droppedListeners.add(listener);
    return () => this.#droppedListeners.delete(listener);
  }

  /** Feeds the store what is left; the log and the store stay open, they are the caller's. */
  async close(): Promise<void> {
    await this.#feeder.drain();
    this.#endAll();
    await this.#feeder.stop();
    await this.#compactor.stop();
    this.#removeLogListener();
  }

  #endAll(): void {
    const reason = new DatabaseError('ServiceUnavailable', 'The region is stopping.');
    for (const partition of this.#partitions.values()) partition.end(reason);
  }

  /** Stops at once, as a crash would. */
  async abandon(): Promise<void> {
    this.#endAll();
    this.#removeLogListener();
    await this.#feeder.stop();
    await this.#compactor.stop();
  }
}

/** Whether an item has expired, and no region can lack its last writes. */
function isDue(
  partition: Partition,
  key: ItemKey,
  stable: VersionVector,
  isOurs: (origin: Origin) => boolean,
): boolean {
  const item = partition.lookup(key);
  if (item?.visible === undefined || partition.shown(item) !== undefined) return false;
  return isOurs(item.visible.dot.origin) && item.state.siblings.every(({ dot }) => stable.covers(dot));
}

/** Whether an item has lost its unique values for ever, and it is on this region to take it away. */
function isLostHere(
  partition: Partition,
  key: ItemKey,
  stable: VersionVector,
  isOurs: (origin: Origin) => boolean,
): boolean {
  const [best] = partition.lookup(key)?.state.siblings ?? [];
  if (partition.unique === undefined || best === undefined || !isOurs(best.dot.origin)) return false;
  return isLostForGood(key, partition.unique, partition, (dot) => stable.covers(dot));
}
