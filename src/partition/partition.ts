/**
 * One physical partition in one region: the only place where writes are ordered.
 *
 * A write is decided against the newest state, stamped (dot, context, hybrid time), handed to the log and
 * applied to memory, all in one synchronous step; it is answered when the log has it. Between those two
 * moments it is *in flight*: later writes build on it, and whoever reads it waits for it, so nothing that
 * could still vanish in a crash is ever shown. The store follows behind (see view-feeder.ts): until it has
 * an item, the item stays *dirty* in memory and hides what the store says of it.
 */
import { assert, type JsonObject } from '../base/index.ts';
import { ORIGIN_MAX, type Origin, type VersionVector } from '../causality/index.ts';
import type { DatabaseError } from '../errors/index.ts';
import type { Indexer } from '../index/index.ts';
import { ENTRY_BYTES_MAX, type Lsn, type PartitionNumber } from '../log/index.ts';
import type { Incarnation, ItemOperation, StoredPut } from '../merge/index.ts';
import type { EffectivePartitionKey } from '../resource/index.ts';
import { casualtiesOf, endSuppressedBy } from './casualties.ts';
import { deliverable } from './delivery.ts';
import type { DirtyItem } from './dirty-item.ts';
import { DurableLog } from './durable-log.ts';
import { type Change, decodeEntry, encodeEntry } from './entry.ts';
import { ExpiryRule } from './expiry.ts';
import { CollectionHorizon, type Horizon } from './horizon.ts';
import { decodeManifest, IndexRuns, NO_RUNS } from './index-runs.ts';
import type { Intent, WriteOutcome } from './intent.ts';
import type { HeldItem, PartitionCache } from './item-cache.ts';
import { epkOf, type ItemKey } from './item-key.ts';
import { KeyWatches } from './key-watches.ts';
import { PartitionItems } from './partition-items.ts';
import type { PartitionOptions } from './partition-options.ts';
import {
  type DraftedOperation,
  draftedOperations,
  type EntryStamp,
  expiryOperation,
  intendedOperation,
} from './put-operation.ts';
import { decodePosition, type Position, START } from './record.ts';
import type { ReplicatedPartition } from './replicated-partition.ts';
import { manifestKey, positionKey } from './store-key.ts';
import {
  type ItemDraft,
  type Standpoint,
  Transaction,
  type TransactionHost,
  tooLarge,
} from './transaction.ts';
import type { UniqueIndex } from './unique-index.ts';
import { VectorViews } from './vector-views.ts';
import type { Waiting } from './waiters.ts';

/**
 * Incarnations are insertion sequence times this, plus the origin: unique in the world, rising with
 * insertion.
 */
const ORIGINS = ORIGIN_MAX + 1;

/** After a cut thousands of entries arrive at once: others get their turn every few milliseconds. */
const RECEIVED_AT_ONCE = 256;

export class Partition implements ReplicatedPartition, TransactionHost {
  readonly number: PartitionNumber;
  /** What the index in the store consists of. */
  readonly index: IndexRuns;
  readonly #options: PartitionOptions;
  /** Where the store is. */
  #fed: Position;
  /** Where memory is: everything handed to the log. */
  readonly #applied: { -readonly [K in keyof Position]: Position[K] };
  readonly #durable: DurableLog;
  readonly vector: VersionVector;
  readonly #items: PartitionItems;
  readonly watches = new KeyWatches();
  readonly horizon: CollectionHorizon;
  readonly expiry: ExpiryRule;
  #ended: DatabaseError | undefined;
  #indexer: Indexer;
  #vectors: VectorViews | undefined;

  constructor(options: PartitionOptions) {
    this.number = options.number;
    this.#options = options;
    this.#indexer = options.indexer;
    this.expiry = new ExpiryRule(options.nowMs);
    const stored = options.store.get(positionKey(options.number));
    this.#fed = stored === undefined ? START : decodePosition(stored);
    const manifest = stored && options.store.get(manifestKey(options.number));
    this.horizon = CollectionHorizon.load(options.store, options.number);
    this.index = new IndexRuns(manifest === undefined ? NO_RUNS : decodeManifest(manifest));
    this.#applied = { ...this.#fed, vector: this.#fed.vector.clone() };
    this.#items = new PartitionItems({
      ...options,
      applied: this.#applied,
      termsOf: (item) => this.#indexer.packedTerms(item),
      onReplaced: (old, now, isNew) => this.#noteChange(old, now, isNew),
    });
    this.#durable = new DurableLog(this.#fed);
    this.vector = this.#durable.vector;
    options.clock.resumeAfter(this.#fed.time);
    this.#watchVectors();
  }

  #watchVectors(): void {
    if (this.#vectors !== undefined || this.#indexer.vectors.length === 0) return;
    const itemCount = () => this.#applied.itemCount;
    const start = this.#applied.lsn;
    this.#vectors = new VectorViews({ ...this.#options.vectorViews, start, itemCount });
  }

  /** Undefined when the policy wants no vector index. */
  get vectors(): VectorViews | undefined {
    return this.#vectors;
  }

  get indexer(): Indexer {
    return this.#indexer;
  }

  /** The policy was changed. What the index lacks of it comes with the feeder's next batches. */
  set indexer(indexer: Indexer) {
    this.#indexer = indexer;
    this.#items.forgetTerms();
    this.#watchVectors();
  }

  /** The store's position; entries after it live only in the log and in memory. */
  get fed(): Position {
    return this.#fed;
  }

  get applied(): Position {
    return this.#applied;
  }

  get durableLsn(): Lsn {
    return this.#durable.lsn;
  }

  get dirty(): ReadonlyMap<ItemKey, DirtyItem> {
    return this.#items.dirty;
  }

  /** Undefined when the container has no unique keys. */
  get unique(): UniqueIndex | undefined {
    return this.#items.unique;
  }

  get cache(): PartitionCache {
    return this.#options.cache;
  }

  // --- reading -----------------------------------------------------------------------------------------

  /** The newest state of an item, possibly still in flight: see `settled`. */
  lookup(key: ItemKey): HeldItem | undefined {
    return this.#items.lookup(key);
  }

  /** What readers see of an item that `lookup` gave. */
  shown(item: HeldItem | undefined): StoredPut | undefined {
    return this.expiry.shown(item?.visible);
  }

  /** The key of the visible item with this number; undefined when there is none. Not for hot paths. */
  keyOf(number: Incarnation): ItemKey | undefined {
    return this.#items.keyOf(number);
  }

  /** Resolves once everything up to `lsn` is durable; undefined when it already is. */
  settled(lsn: Lsn): Promise<void> | undefined {
    return this.#durable.settled(lsn);
  }

  /**
   * Resolves once `demand` is applied and durable here; undefined when it already is. The caller bounds its
   * patience.
   */
  covering(demand: VersionVector): Waiting | undefined {
    return this.#durable.covering(demand);
  }

  // --- writing -----------------------------------------------------------------------------------------

  /**
   * Shows `decide` the visible item and does what it says, atomically; resolves when durable.
   * When `decide` throws, the error reaches the caller only after the state that it was based on is durable.
   */
  write(key: ItemKey, decide: (visible: StoredPut | undefined) => Intent): Promise<WriteOutcome> {
    if (this.unique !== undefined) return this.#writeAlone(key, decide);
    try {
      this.#admit();
    } catch (error) {
      return Promise.reject(error);
    }
    const before = this.lookup(key);
    let intent: Intent;
    try {
      intent = decide(this.shown(before));
    } catch (error) {
      return this.#refuse(error, before?.lsn ?? 0);
    }
    const { operation, parsed } = this.#stamp(before, intent);
    // First, so that memory stays as it is when no entry can be made.
    const entry = encodeEntry({ changes: [{ itemKey: key, operation }] });
    if (entry.length > ENTRY_BYTES_MAX) return this.#refuse(tooLarge(), before?.lsn ?? 0);
    const expectedTail = this.#applied.lsn;
    this.#advance(operation);
    const put = this.#apply(key, before, operation, parsed);
    return this.#append(expectedTail, [entry], { lsn: this.#applied.lsn, put });
  }

  /** As `write`, for items that others may be in the way of, or in the way of which they are. */
  async #writeAlone(key: ItemKey, decide: (visible: StoredPut | undefined) => Intent): Promise<WriteOutcome> {
    const transaction = this.begin(epkOf(key));
    try {
      transaction.write(key, decide(transaction.get(key)));
    } catch (error) {
      await transaction.rollBack();
      throw error;
    }
    const { lsn, puts } = await transaction.commit();
    return { lsn, put: puts.get(key) };
  }

  /**
   * Begins a transaction on one logical partition; see Transaction. It costs nothing until it is committed,
   * and needs no end if it never is.
   */
  begin(epk: EffectivePartitionKey): Transaction {
    this.#demandOpen();
    return new Transaction(this, epk);
  }

  standpoint(): Standpoint {
    const { origin, clock } = this.#options;
    const { lsn, vector, sequence } = this.#applied;
    const stamp = { origin, n: vector.get(origin) + 1, time: clock.now(), partition: this.number };
    const { defaultTtl } = this.expiry;
    return { lsn, defaultTtl, stamp, incarnation: (k) => (sequence + 1 + k) * ORIGINS + origin };
  }

  commitDrafts(drafts: readonly ItemDraft[], { stamp }: Standpoint): Promise<Lsn> {
    this.#admit();
    const head = this.#head(stamp);
    const casualties = this.unique === undefined ? [] : casualtiesOf(drafts, this.unique, this);
    const changes: (Change & DraftedOperation)[] = this.#expiries(head, casualties);
    for (const draft of drafts) {
      const { key: itemKey } = draft;
      for (const drafted of draftedOperations(head, draft, this.lookup(itemKey)))
        changes.push({ itemKey, ...drafted });
    }
    // First, so that memory stays as it is when no entry can be made.
    const entry = encodeEntry({ changes });
    if (entry.length > ENTRY_BYTES_MAX) return this.#refuse(tooLarge(), this.#applied.lsn);
    const expectedTail = this.#applied.lsn;
    this.#advance(head);
    for (const { itemKey, operation, parsed } of changes) {
      this.#apply(itemKey, this.lookup(itemKey), operation, parsed);
    }
    this.#items.judge();
    return this.#append(expectedTail, [entry], this.#applied.lsn);
  }

  #expiries(head: EntryStamp, keys: Iterable<ItemKey>): Change[] {
    return [...keys].map((itemKey) => ({ itemKey, operation: expiryOperation(head, this.lookup(itemKey)) }));
  }

  async #refuse(error: unknown, basedOn: Lsn): Promise<never> {
    await this.settled(basedOn);
    throw error;
  }

  #stamp(before: HeldItem | undefined, intent: Intent): DraftedOperation {
    const { stamp, incarnation: freshNumber } = this.standpoint();
    const incarnation = this.shown(before)?.incarnation ?? freshNumber(0);
    return intendedOperation(this.#head(stamp), { before, intent }, { ...stamp, incarnation });
  }

  #head({ origin, n, time }: Standpoint['stamp']): EntryStamp {
    return { dot: { origin, n }, context: this.#applied.vector.clone(), time };
  }

  /**
   * Takes items away for good, as one entry; see merge's Expiry. Undefined, and nothing happens, when they
   * carry more conflicts along than fit one.
   */
  expire(keys: readonly ItemKey[]): Promise<void> | undefined {
    const { lsn, stamp } = this.standpoint();
    const ended = new Set(keys);
    if (this.unique !== undefined) endSuppressedBy(keys, this.unique, this, ended);
    const changes = this.#expiries(this.#head(stamp), ended);
    const entry = encodeEntry({ changes });
    if (entry.length > ENTRY_BYTES_MAX) return undefined;
    this.#applyEntry(changes);
    return this.#append(lsn, [entry], undefined);
  }

  /** Entries of other regions; see ReplicatedPartition. */
  async receive(entries: readonly Uint8Array[]): Promise<void> {
    await this.#options.room();
    this.#demandOpen();
    let durable: Promise<void> | undefined;
    let basedOn: Lsn = 0;
    for (let from = 0; from < entries.length; from += RECEIVED_AT_ONCE) {
      if (from > 0) {
        await this.#options.turn();
        this.#demandOpen();
      }
      const some = entries.slice(from, from + RECEIVED_AT_ONCE);
      const fresh = deliverable(this.#applied.vector, some);
      // What is here already may still be on its way into the log.
      if (fresh.length < some.length) basedOn = this.#applied.lsn;
      if (fresh.length === 0) continue;
      this.horizon.admit(fresh, this.#applied.lsn);
      const expectedTail = this.#applied.lsn;
      for (const { changes } of fresh) this.#applyEntry(changes);
      const appended = fresh.map((entry) => entry.bytes);
      durable = this.#append(expectedTail, appended, undefined);
      // A failure of this one is a failure of those after it.
      durable.catch(() => undefined);
    }
    await durable;
    await this.settled(basedOn);
  }

  /** All changes of an entry, in the step in which the partition takes its position. */
  #applyEntry(changes: readonly Change[]): void {
    const [first] = changes;
    assert(first !== undefined, 'an entry changes something');
    const { dot, time } = first.operation;
    const isOwn = dot.origin === this.#options.origin;
    // What is too far ahead is not followed after a restart either.
    this.#advance(first.operation, isOwn || this.#options.clock.observe(time));
    for (const { itemKey, operation } of changes) {
      this.#apply(itemKey, this.lookup(itemKey), operation, undefined);
    }
    this.#items.judge();
  }

  /** Resolves to `outcome` once the entries are durable. One promise, since every write goes this way. */
  #append<T>(expectedTail: Lsn, entries: readonly Uint8Array[], outcome: T): Promise<T> {
    return this.#options.log.append(this.number, expectedTail, entries).then(
      (lsn) => {
        this.#durable.reach(lsn);
        return outcome;
      },
      (error: unknown) => {
        if (this.#ended !== undefined) throw this.#ended;
        // Memory is now ahead of a log that will not follow: only opening anew can mend that.
        this.#options.onBroken(error);
        throw error;
      },
    );
  }

  /**
   * No operation succeeds from here on, and those that wait fail with `reason`: the partition is dropped or
   * its node stops.
   */
  end(reason: DatabaseError): void {
    this.#ended = reason;
    this.#durable.fail(reason);
    this.vectors?.close();
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Another write of this region may be decided now. */
  #admit(): void {
    this.#demandOpen();
    this.#options.admitWrite?.(this.number, this.#applied.vector.get(this.#options.origin));
  }

  #demandOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** The next entry takes its place: nothing else may come between this and its changes. */
  #advance({ dot, time }: Pick<ItemOperation, 'dot' | 'time'>, isFollowed = true): void {
    const applied = this.#applied;
    applied.lsn += 1;
    applied.vector.advance(dot.origin, dot.n);
    if (isFollowed) applied.time = Math.max(applied.time, time);
    this.#durable.begin(applied.lsn, dot);
  }

  #apply(
    key: ItemKey,
    before: HeldItem | undefined,
    operation: ItemOperation,
    parsed: JsonObject | undefined,
  ): StoredPut | undefined {
    if (operation.kind === 'put') {
      const sequence = Math.floor(operation.incarnation / ORIGINS);
      this.#applied.sequence = Math.max(this.#applied.sequence, sequence);
    }
    this.watches.note(key);
    return this.#items.apply(key, before, operation, parsed);
  }

  #noteChange(old: StoredPut | undefined, now: StoredPut | undefined, isNew: boolean): void {
    if (this.vectors !== undefined && old !== now)
      this.vectors.note(this.#applied.lsn, old?.incarnation, now?.incarnation);
    this.#options.onDirty(this, now?.body.length ?? 0, isNew);
  }

  /** The log's word that it has more of this partition; before any append of that group resolves. */
  logAdvanced(): void {
    this.#durable.reach(this.#options.log.tail(this.number));
  }

  // --- replication -------------------------------------------------------------------------------------

  tail(): Lsn {
    return this.#durable.lsn;
  }

  knownOf(origin: Origin): VersionVector | undefined {
    return this.horizon.knownOf(origin);
  }

  coveredLsn(vector: VersionVector): Lsn {
    return this.#durable.coveredLsn(vector);
  }

  read(fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]> {
    return this.#options.log.read(this.number, fromLsn, bytesMax);
  }

  // --- recovery, feeding and collection ----------------------------------------------------------------

  /**
   * Applies the log's entries behind the store's position. `pause` is awaited between chunks, so that the
   * feeder can keep up.
   */
  async recover(pause: () => Promise<void>): Promise<void> {
    const { log, store } = this.#options;
    const tail = log.tail(this.number);
    assert(this.#fed.lsn <= tail, 'a store ahead of its log is rebuilt before its partitions open');
    await this.#durable.loadCheckpoints(store, this.number);
    await this.#items.loadUnsettled();
    while (this.#applied.lsn < tail) {
      for (const bytes of await log.read(this.number, this.#applied.lsn + 1, 1 << 20)) {
        this.#applyEntry(decodeEntry(bytes).changes);
      }
      this.#durable.reach(this.#applied.lsn);
      await pause();
    }
    this.#options.clock.resumeAfter(this.#applied.time);
  }

  /** Items whose merge state is more than one settled write, as of now. */
  unsettledKeys(): ItemKey[] {
    return this.#items.unsettledKeys();
  }

  /** Begins a round of collection: see `UnsettledItems`. */
  takeCollectible(stable: VersionVector): ItemKey[] {
    return this.#items.takeCollectible(stable);
  }

  /** Checkpoints that the store does not have yet, up to what is durable. */
  newCheckpoints(): ReturnType<DurableLog['checkpointsAfter']> {
    return this.#durable.checkpointsAfter(this.#fed.lsn);
  }

  /** A picture of where memory is, for the feeder. */
  position(): Position {
    return { ...this.#applied, vector: this.#applied.vector.clone() };
  }

  /** The store now is at `position`; `fedItem` follows for each item of the batch. */
  fedUpTo(position: Position): void {
    this.#fed = position;
  }

  /** The store now holds `item` as it was given. */
  fedItem(item: HeldItem): void {
    this.#items.fed(item);
  }

  /** Losing versions and marks of the dead that wait for collection, for people to see. */
  countUnsettled(): { readonly siblings: number; readonly tombstones: number } {
    return this.#items.countUnsettled();
  }

  /**
   * Drops merge state of one item that nobody can still need when all of `stable` is applied everywhere.
   * Not logged: it follows from the log.
   */
  collectItem(key: ItemKey, stable: Horizon): void {
    if (this.#items.collect(key, stable.vector)) this.horizon.reach(stable);
  }
}
