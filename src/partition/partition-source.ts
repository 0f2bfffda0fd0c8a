/**
 * What queries read: the store's snapshot, corrected by the items that were dirty at that same moment.
 * A dirty item hides whatever the store has under its old number, and shows itself under its new one.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Indexer, type TermText, unpackTerms } from '../index/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { StoredPut } from '../merge/index.ts';
import type {
  Estimate,
  IndexScope,
  ItemNumber,
  Nearest,
  NearestRequest,
  NumberCursor,
  Posting,
  PostingCursor,
  QuerySource,
  SourceItem,
  ValueCursor,
} from '../query/index.ts';
import type { EpkRange, VectorEmbedding } from '../resource/index.ts';
import type { Store, StoreSnapshot } from '../store/index.ts';
import { type DirtyItem, parseBody, termsOf, termsOfDirty } from './dirty-item.ts';
import { dueNumbers } from './expiry.ts';
import { commonCoverage } from './index-conversion.ts';
import { type BlockCache, IndexReader } from './index-reader.ts';
import { ALL_TERM, decodeManifest, keyBound, type Manifest, unindexedBound } from './index-runs.ts';
import type { PartitionCache } from './item-cache.ts';
import { epkOf } from './item-key.ts';
import type { Partition } from './partition.ts';
import { decodeDocument } from './record.ts';
import {
  ConvertedCursor,
  comparePostings,
  countOf,
  IndexPostings,
  inRange,
  KeyedNumbers,
  MergedCursor,
  StoredNumbers,
  StoredPostings,
  StoredValues,
  type TermPosting,
} from './source-cursors.ts';
import { documentKey, kindEnd, manifestKey, trailingNumber } from './store-key.ts';
import type { TransactionOverlay } from './transaction.ts';
import type { VectorViews } from './vector-views.ts';

/** Items met by a scan of numbers and kept for the load that is likely to follow. */
const MET_MAX = 1024;

type DirtyVisible = SourceItem & { readonly terms: () => readonly TermText[] };

/** What a source shows beside what is committed and indexed. */
export interface SourceView {
  /** A transaction's own writes, for a query inside it. */
  readonly overlay?: TransactionOverlay;
  /** Also the items that stay out of the index: for lists of all items. Only scans of numbers give them. */
  readonly withUnindexed?: boolean;
}

/** What sources share. */
export interface SourceMeans {
  readonly blocks: BlockCache;
  /** Lets other work of the process run. */
  readonly turn: () => Promise<void>;
}

/** Opens a source on the newest state; it is given out once all of the state is durable. */
export async function openSource(
  partition: Partition,
  store: Store,
  { blocks, turn }: SourceMeans,
  { overlay, withUnindexed = false }: SourceView,
): Promise<QuerySource> {
  if (partition.expiry.building !== undefined) await partition.expiry.building;
  const source = new PartitionSource(partition, store, { blocks, turn }, withUnindexed);
  if (overlay !== undefined) source.lay(overlay, partition.indexer);
  const { lsn } = partition.applied;
  try {
    if (partition.expiry.defaultTtl !== undefined) await source.hideDue(partition.expiry.defaultTtl);
    await partition.settled(lsn);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

class PartitionSource implements QuerySource {
  readonly #number: PartitionNumber;
  readonly #snapshot: StoreSnapshot;
  readonly #cache: PartitionCache;
  /** How many batches had been begun when the snapshot was taken. */
  readonly #batches: number;
  readonly lsn: Lsn;
  readonly #openedAtMs: number;
  readonly #blocks: BlockCache;
  readonly #turn: () => Promise<void>;
  /** Manifests that the snapshot may have; one, unless a batch was being written when it was taken. */
  readonly #manifests: readonly [Manifest, ...Manifest[]];
  readonly indexer: QuerySource['indexer'];
  #index: IndexReader | undefined;
  readonly #vectors: VectorViews | undefined;
  readonly #embeddings: readonly VectorEmbedding[];
  /** Dirty items that are visible, by number. */
  readonly #dirty = new Map<ItemNumber, DirtyVisible>();
  /** Numbers under which the store shows something that is no longer so. */
  readonly #hidden = new Set<ItemNumber>();
  /**
   * Items that a scan of numbers met on its way, for the `load` that will follow. Never cleared but replaced:
   * a map's old table keeps the new one and all that is in it alive until a major collection (see Slots).
   */
  #met = new Map<ItemNumber, SourceItem>();
  readonly #withUnindexed: boolean;

  constructor(partition: Partition, store: Store, { blocks, turn }: SourceMeans, withUnindexed: boolean) {
    this.#withUnindexed = withUnindexed;
    this.#number = partition.number;
    this.#blocks = blocks;
    this.#turn = turn;
    const { committed, pending } = partition.index;
    this.#manifests = pending === undefined ? [committed] : [committed, pending];
    this.#snapshot = store.snapshot();
    this.#cache = partition.cache;
    this.#batches = partition.cache.documents.batches;
    this.lsn = partition.applied.lsn;
    this.#openedAtMs = partition.expiry.nowMs();
    this.#vectors = partition.vectors;
    const { indexer } = partition;
    this.indexer = commonCoverage(this.#manifests, indexer);
    this.#embeddings = indexer.vectors;
    for (const dirty of partition.dirty.values()) {
      const { item, stored, feeding } = dirty;
      const { visible } = item;
      // Whether the store shows the item as it was fed last or as it is being fed, nobody can tell: hide
      // both.
      if (stored?.visible !== undefined) this.#hidden.add(stored.visible.incarnation);
      if (feeding?.visible !== undefined) this.#hidden.add(feeding.visible.incarnation);
      if (visible === undefined || partition.shown(item) === undefined) continue;
      if (this.#isLeftOut(visible)) continue;
      this.#dirty.set(visible.incarnation, {
        number: visible.incarnation,
        text: asBuffer(visible.body),
        epk: epkOf(item.key),
        terms: presentTerms(dirty, partition),
      });
    }
  }

  lay({ hidden, shown }: TransactionOverlay, indexer: Indexer): void {
    for (const number of hidden) {
      this.#hidden.add(number);
      this.#dirty.delete(number);
    }
    for (const { key, put, parsed } of shown) {
      if (this.#isLeftOut(put)) continue;
      this.#dirty.set(put.incarnation, {
        number: put.incarnation,
        text: asBuffer(put.body),
        epk: epkOf(key),
        terms: () => (put.isUnindexed === true ? [] : indexer.terms(parsed ?? parseBody(put.body))),
      });
    }
  }

  /** Expired items of the store are gone for readers, though they are still there. */
  async hideDue(defaultTtl: number): Promise<void> {
    const request = { defaultTtl, nowMs: this.#openedAtMs };
    for (const number of await dueNumbers(this.#snapshot, this.#number, request)) this.#hidden.add(number);
  }

  #isLeftOut({ isUnindexed }: StoredPut): boolean {
    return isUnindexed === true && !this.#withUnindexed;
  }

  get #reader(): IndexReader {
    this.#index ??= new IndexReader(this.#number, this.#snapshot, this.#manifest(), this.#blocks);
    return this.#index;
  }

  /** The manifest that the snapshot has. */
  #manifest(): Manifest {
    const [committed, pending] = this.#manifests;
    if (pending === undefined) return committed;
    const stored = this.#snapshot.get(manifestKey(this.#number));
    return stored !== undefined && decodeManifest(stored).version === pending.version ? pending : committed;
  }

  get state(): string {
    return `${this.#number} ${this.lsn}${this.#withUnindexed ? ' all' : ''}`;
  }

  scanIndex(scan: IndexScope & { reverse?: boolean; after?: Posting }): PostingCursor {
    const reverse = scan.reverse === true;
    const range = termRange(scan);
    const after = placeAfter(scan);
    const extra = this.#dirtyPostings(range, after, reverse);
    const parts = this.#reader.scan({ ...range, reverse, ...(after === undefined ? {} : { after }) });
    const postings = new StoredPostings(parts, this.#hidden);
    const compare = reverse ? (a: TermPosting, b: TermPosting) => comparePostings(b, a) : comparePostings;
    return new IndexPostings(new MergedCursor(postings, extra, compare), scan.pathId.length);
  }

  scanIndexNumbers(scan: IndexScope & { after?: Posting }): NumberCursor {
    const range = termRange(scan);
    const after = placeAfter(scan);
    const extra = this.#dirtyPostings(range, after, false);
    const parts = this.#reader.scan(after === undefined ? range : { ...range, after });
    const stored = new StoredNumbers(parts, this.#hidden);
    // What memory adds comes in its place where numbers rise, which is where there is one value.
    const numbers = extra.map((posting) => posting.number);
    return numbers.length === 0 ? stored : new MergedCursor(stored, numbers, compareNumbers);
  }

  scanValues(scan: IndexScope): ValueCursor {
    const range = termRange(scan);
    const extra = this.#dirtyPostings(range, undefined, false);
    return new StoredValues(this.#reader.scan(range), this.#hidden, extra, scan.pathId.length);
  }

  count(scope?: IndexScope): Promise<number> {
    const range = scope === undefined ? ALL_RANGE : termRange(scope);
    const added =
      scope === undefined ? this.#dirty.size : this.#dirtyPostings(range, undefined, false).length;
    return countOf(this.#reader, range, this.#hidden, this.#turn).then((count) => count + added);
  }

  estimate(scope: IndexScope | { readonly epkRange: EpkRange } | undefined): Estimate {
    let range = ALL_RANGE;
    if (scope !== undefined) {
      range =
        'epkRange' in scope
          ? { from: keyBound(scope.epkRange.min), to: keyBound(scope.epkRange.max) }
          : termRange(scope);
    }
    return this.#reader.estimate(range.from, range.to);
  }

  #dirtyPostings(
    range: { readonly from: TermText; readonly to: TermText },
    after: TermPosting | undefined,
    reverse: boolean,
  ): TermPosting[] {
    const found: TermPosting[] = [];
    for (const { number, terms } of this.#dirty.values()) {
      for (const term of terms()) {
        if (term < range.from || term >= range.to) continue;
        const posting = { term, number };
        if (after !== undefined && comparePostings(posting, after) * (reverse ? -1 : 1) <= 0) continue;
        found.push(posting);
      }
    }
    return found.sort(reverse ? (a, b) => comparePostings(b, a) : comparePostings);
  }

  scanNumbers(scan: { epkRange?: EpkRange; after?: ItemNumber; isBare?: boolean }): NumberCursor {
    const after = scan.after ?? -1;
    const extra: ItemNumber[] = [];
    for (const item of this.#dirty.values()) {
      if (item.number > after && inRange(item.epk, scan.epkRange)) extra.push(item.number);
    }
    extra.sort(compareNumbers);
    return new MergedCursor(this.#storedNumbers(scan, after), extra, compareNumbers);
  }

  #storedNumbers({ epkRange, isBare }: { epkRange?: EpkRange; isBare?: boolean }, after: ItemNumber) {
    if (epkRange !== undefined) {
      const bounds = this.#withUnindexed ? [keyBound, unindexedBound] : [keyBound];
      const scans = bounds.map((bound) =>
        this.#reader.scan({ from: bound(epkRange.min), to: bound(epkRange.max) }),
      );
      return new KeyedNumbers(scans, epkRange, after, { hidden: this.#hidden, turn: this.#turn });
    }
    if (isBare !== true || this.#withUnindexed) return this.#allNumbers(after);
    const parts = this.#reader.scan({ ...ALL_RANGE, after: { term: ALL_TERM, number: after } });
    return new StoredNumbers(parts, this.#hidden);
  }

  #allNumbers(after: ItemNumber): NumberCursor {
    const cursor = this.#snapshot.scan({
      from: documentKey(this.#number, after + 1),
      to: kindEnd(this.#number, 'd'),
    });
    return new ConvertedCursor(cursor, (key, value) => this.#meet(key, value));
  }

  #meet(key: Buffer, value: Buffer): ItemNumber | undefined {
    const number = trailingNumber(key);
    if (this.#hidden.has(number)) return undefined;
    const item = this.#sourceItem(number, value);
    if (item === undefined) return undefined;
    // Whoever scans without loading must not fill the memory with what it passes by.
    if (this.#met.size >= MET_MAX) this.#met = new Map();
    this.#met.set(number, item);
    return number;
  }

  async nearest(request: NearestRequest): Promise<Nearest | undefined> {
    const { path, vector } = request;
    const embedding = this.#embeddings.find((each) => isDeepStrictEqual(each.path, path));
    if (embedding?.dimensions !== vector.length) return undefined;
    return this.#vectors?.nearest(this, embedding, request);
  }

  async load(numbers: readonly ItemNumber[]): Promise<(SourceItem | undefined)[]> {
    const items: (SourceItem | undefined)[] = new Array(numbers.length);
    const missing: number[] = [];
    const keys: Buffer[] = [];
    for (let place = 0; place < numbers.length; place++) {
      const number = numbers[place] as ItemNumber;
      const known = this.#inMemory(number);
      if (known !== undefined) items[place] = known;
      else if (!this.#hidden.has(number)) {
        missing.push(place);
        keys.push(documentKey(this.#number, number));
      }
    }
    if (keys.length > 0) {
      const values = await this.#snapshot.getMany(keys);
      for (let i = 0; i < missing.length; i++) {
        const value = values[i];
        const place = missing[i] as number;
        const item = value && this.#sourceItem(numbers[place] as ItemNumber, value);
        if (item === undefined) continue;
        items[place] = item;
        if (!this.#withUnindexed) this.#cache.documents.keep(item, this.#batches);
      }
    }
    if (this.#met.size > 0) this.#met = new Map();
    return items;
  }

  #inMemory(number: ItemNumber): SourceItem | undefined {
    const dirty = this.#dirty.get(number) ?? this.#met.get(number);
    if (dirty !== undefined) return dirty;
    if (this.#hidden.has(number)) return undefined;
    const cached = this.#cache.getByNumber(number);
    // A later state of the item than this source shows must not leak in.
    if (cached?.visible === undefined || cached.lsn > this.lsn) {
      return this.#cache.documents.get(number, this.#batches);
    }
    if (this.#isLeftOut(cached.visible)) return undefined;
    return { number, text: asBuffer(cached.visible.body), epk: epkOf(cached.key) };
  }

  #sourceItem(number: ItemNumber, value: Buffer): SourceItem | undefined {
    const { key, put } = decodeDocument(value, number);
    return this.#isLeftOut(put) ? undefined : { number, text: asBuffer(put.body), epk: epkOf(key) };
  }

  close(): Promise<void> {
    return this.#snapshot.close();
  }
}

/**
 * The terms of a dirty item as it is now, to be worked out when they are wanted: by then it may have been
 * written again, or the policy changed.
 */
function presentTerms(dirty: DirtyItem, partition: Partition): () => readonly TermText[] {
  const { item } = dirty;
  const { indexer } = partition;
  let terms: readonly TermText[] | undefined;
  return () => {
    const isPresent = dirty.item === item && partition.indexer === indexer;
    terms ??= unpackTerms(isPresent ? termsOfDirty(dirty, indexer) : termsOf(item.visible, indexer));
    return terms;
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const ALL_RANGE = { from: ALL_TERM, to: `${ALL_TERM}\0` };

function termRange({ pathId, range }: IndexScope): { readonly from: TermText; readonly to: TermText } {
  const path = textOf(pathId);
  return { from: path + textOf(range.from), to: path + textOf(range.to) };
}

function placeAfter({ pathId, after }: IndexScope & { after?: Posting }): TermPosting | undefined {
  return after && { term: textOf(pathId) + textOf(after.value), number: after.number };
}

function textOf(bytes: Uint8Array): TermText {
  return asBuffer(bytes).toString('latin1');
}

function compareNumbers(a: number, b: number): number {
  return a - b;
}
