import { assert, type JsonObject } from '../base/index.ts';
import type { Dot, VersionVector } from '../causality/index.ts';
import type { PackedTerms } from '../index/index.ts';
import {
  applyOperation,
  collect,
  EMPTY_ITEM,
  etagOf,
  type Incarnation,
  type ItemOperation,
  type StoredPut,
  visiblePut,
} from '../merge/index.ts';
import { type DirtyItem, DirtyItems } from './dirty-item.ts';
import { candidateOf, type HeldItem, isSuppressed } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { loadItem } from './item-loader.ts';
import type { PartitionOptions } from './partition-options.ts';
import { decodeDocument, type Position } from './record.ts';
import { documentKey } from './store-key.ts';
import { UniqueIndex } from './unique-index.ts';
import { UnsettledItems } from './unsettled-items.ts';

/** What the items count in a partition's position. */
type Counts = { -readonly [K in 'itemCount' | 'itemBytes' | 'unsettled']: Position[K] } & Pick<
  Position,
  'lsn'
>;

export interface PartitionItemsOptions
  extends Pick<PartitionOptions, 'number' | 'store' | 'cache' | 'uniqueKeys'> {
  /** Where memory is; what items count is kept in it. */
  readonly applied: Counts;
  /** Index terms by the present policy. */
  readonly termsOf: (item: JsonObject) => PackedTerms;
  /** Called for each change of an item; `isNew`: it was not waiting for the store already. */
  readonly onReplaced: (old: StoredPut | undefined, now: StoredPut | undefined, isNew: boolean) => void;
}

/**
 * The newest state of one partition's items, wherever it is: in memory until the store has it, in the cache,
 * or in the store alone.
 */
export class PartitionItems {
  readonly #options: PartitionItemsOptions;
  readonly #dirty = new DirtyItems();
  readonly #unsettled = new UnsettledItems();
  /** Undefined when the container has no unique keys. */
  readonly unique: UniqueIndex | undefined;
  /** Whether the store has nothing of the partition. */
  #isStoreEmpty: boolean;

  constructor(options: PartitionItemsOptions) {
    const { uniqueKeys, store, number } = options;
    this.#options = options;
    this.unique = uniqueKeys && new UniqueIndex(uniqueKeys, store, number);
    this.#isStoreEmpty = options.applied.lsn === 0;
  }

  get dirty(): ReadonlyMap<ItemKey, DirtyItem> {
    return this.#dirty.all;
  }

  lookup(key: ItemKey): HeldItem | undefined {
    const dirty = this.#dirty.get(key);
    if (dirty !== undefined) return dirty.item;
    if (this.#isStoreEmpty) return undefined;
    const { cache, store, number } = this.#options;
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const loaded = loadItem(store, number, key);
    if (loaded !== undefined) cache.set(loaded);
    return loaded;
  }

  keyOf(number: Incarnation): ItemKey | undefined {
    const { cache, store, number: partition } = this.#options;
    const cached = cache.getByNumber(number);
    if (cached !== undefined) return cached.key;
    for (const { item } of this.dirty.values()) if (item.visible?.incarnation === number) return item.key;
    const document = store.get(documentKey(partition, number));
    return document && decodeDocument(document, number).key;
  }

  /** One change of the entry at the applied LSN; the write itself when it is among the siblings then. */
  apply(
    key: ItemKey,
    before: HeldItem | undefined,
    operation: ItemOperation,
    parsed: JsonObject | undefined,
  ): StoredPut | undefined {
    const state = applyOperation(before?.state ?? EMPTY_ITEM, operation);
    const { dot } = operation;
    let put: StoredPut | undefined;
    if (operation.kind === 'put')
      put = state.siblings.find((sibling) => sibling.dot.origin === dot.origin && sibling.dot.n === dot.n);
    const visible = visiblePut(state);
    if (this.unique !== undefined) this.unique.note(key, candidateOf(before), visible);
    const { lsn } = this.#options.applied;
    // What is new will be fed once, most likely, so its terms are made while it is at hand as parsed. What is
    // replaced may be replaced again before that.
    const isNew = before === undefined && visible === put && put?.isUnindexed !== true;
    const terms = isNew && parsed !== undefined ? this.#options.termsOf(parsed) : undefined;
    this.#replace(before, { key, state, visible, lsn }, terms);
    return put;
  }

  /**
   * To be called once an entry is applied as a whole: what has a unique value is shown, what lost it is not.
   */
  judge(): void {
    if (this.unique === undefined) return;
    const { lsn } = this.#options.applied;
    for (const [key, isLosing] of this.unique.judge((each) => candidateOf(this.lookup(each)))) {
      const item = this.lookup(key);
      assert(item !== undefined, 'what claims a unique value is there');
      if (isSuppressed(item) === isLosing) continue;
      const visible = isLosing ? undefined : visiblePut(item.state);
      this.#replace(item, { ...item, visible, lsn }, undefined);
    }
  }

  #replace(before: HeldItem | undefined, after: HeldItem, terms: PackedTerms | undefined): void {
    const { applied, cache, onReplaced } = this.#options;
    const old = before?.visible;
    const now = after.visible;
    applied.itemCount += (now === undefined ? 0 : 1) - (old === undefined ? 0 : 1);
    applied.itemBytes += (now?.body.length ?? 0) - (old?.body.length ?? 0);
    this.#unsettled.note(after);
    applied.unsettled = this.#unsettled.size;
    const isNew = this.#dirty.replace(before, after, terms);
    cache.delete(after.key);
    onReplaced(old, now, isNew);
  }

  /** Index terms are worked out anew: by other rules. */
  forgetTerms(): void {
    this.#dirty.forgetTerms();
  }

  /** The store now holds `item` as it was given. */
  fed(item: HeldItem): void {
    this.#isStoreEmpty = false;
    if (this.#dirty.fed(item)) this.#options.cache.pack(item);
  }

  /** Reads back which items earlier processes left for collection. */
  async loadUnsettled(): Promise<void> {
    const { applied, store, number } = this.#options;
    if (applied.unsettled > 0) await this.#unsettled.load(store, number);
  }

  unsettledKeys(): ItemKey[] {
    return this.#unsettled.keys();
  }

  /** See Partition.takeCollectible. */
  takeCollectible(stable: VersionVector): ItemKey[] {
    return this.#unsettled.takeCollectible(stable);
  }

  countUnsettled(): ReturnType<UnsettledItems['count']> {
    return this.#unsettled.count((key) => this.lookup(key));
  }

  /** See Partition.collectItem. False when nothing can go. */
  collect(key: ItemKey, stable: VersionVector): boolean {
    const before = this.lookup(key);
    if (before === undefined) return false;
    const isStable = (dot: Dot) => stable.covers(dot);
    const state = collect(before.state, isStable, this.unique !== undefined) ?? EMPTY_ITEM;
    if (state === before.state) return false;
    const [was, is] = [candidateOf(before), visiblePut(state)];
    assert((was && etagOf(was)) === (is && etagOf(is)), 'collection never changes what is visible');
    const visible = isSuppressed(before) ? undefined : is;
    this.#replace(before, { key, state, visible, lsn: before.lsn }, undefined);
    return true;
  }
}
