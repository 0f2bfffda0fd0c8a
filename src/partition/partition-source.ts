/**
 * What queries read: the store's snapshot, corrected by the items that were dirty at that same moment.
 * A dirty item hides whatever the store has under its old number, and shows itself under its new one.
 */
import { isDeepStrictEqual } from 'node:util';
import { assert } from '../base/index.ts';
import type { TermPart, TermText } from '../index/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type {
  ItemNumber,
  Nearest,
  NearestRequest,
  NumberCursor,
  Posting,
  PostingCursor,
  QuerySource,
  SourceItem,
  ValueRange,
} from '../query/index.ts';
import type { EpkRange, VectorEmbedding } from '../resource/index.ts';
import type { Store, StoreCursor, StoreSnapshot } from '../store/index.ts';
import { termsOfDirty } from './dirty-item.ts';
import { type BlockCache, IndexReader, type PostingScan } from './index-reader.ts';
import { decodeManifest, keyBound, keyOfTerm, type Manifest } from './index-runs.ts';
import type { PartitionCache } from './item-cache.ts';
import { epkOf } from './item-key.ts';
import type { Partition } from './partition.ts';
import { decodeDocument } from './record.ts';
import { documentKey, kindEnd, manifestKey, trailingNumber } from './store-key.ts';
import type { VectorViews } from './vector-views.ts';

/** Items met by a scan of numbers and kept for the load that is likely to follow. */
const MET_MAX = 1024;

type DirtyVisible = SourceItem & { readonly terms: () => readonly TermText[] };

/** Opens a source on the newest state; it is given out once all of that state is durable. */
export async function openSource(
  partition: Partition,
  store: Store,
  blocks: BlockCache,
): Promise<QuerySource> {
  const source = new PartitionSource(partition, store, blocks);
  try {
    await partition.settled(partition.applied.lsn);
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
  readonly lsn: Lsn;
  readonly #blocks: BlockCache;
  /** Manifests that the snapshot may have; one, unless a batch was being written when it was taken. */
  readonly #manifests: readonly [Manifest, ...Manifest[]];
  #index: IndexReader | undefined;
  readonly #vectors: VectorViews | undefined;
  readonly #embeddings: readonly VectorEmbedding[];
  /** Dirty items that are visible, by number. */
  readonly #dirty = new Map<ItemNumber, DirtyVisible>();
  /** Numbers under which the store shows something that is no longer so. */
  readonly #hidden = new Set<ItemNumber>();
  /** Items that a scan of numbers met on its way, for the `load` that will follow. */
  readonly #met = new Map<ItemNumber, SourceItem>();

  constructor(partition: Partition, store: Store, blocks: BlockCache) {
    this.#number = partition.number;
    this.#blocks = blocks;
    const { committed, pending } = partition.index;
    this.#manifests = pending === undefined ? [committed] : [committed, pending];
    this.#snapshot = store.snapshot();
    this.#cache = partition.cache;
    this.lsn = partition.applied.lsn;
    this.#vectors = partition.vectors;
    const { indexer } = partition;
    this.#embeddings = indexer.vectors;
    for (const dirty of partition.dirty.values()) {
      const { item, stored, feeding } = dirty;
      const { visible } = item;
      // Whether the store shows the item as it was fed last or as it is being fed, nobody can tell: hide
      // both.
      if (stored?.visible !== undefined) this.#hidden.add(stored.visible.incarnation);
      if (feeding?.visible !== undefined) this.#hidden.add(feeding.visible.incarnation);
      if (visible === undefined) continue;
      // The item may be written again while this source is open, and must not change in it.
      const frozen = { ...dirty };
      this.#dirty.set(visible.incarnation, {
        number: visible.incarnation,
        text: asBuffer(visible.body),
        epk: epkOf(item.key),
        terms: () => termsOfDirty(frozen, indexer),
      });
    }
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

  scanIndex(scan: {
    pathId: Uint8Array;
    range: ValueRange;
    reverse?: boolean;
    after?: Posting;
  }): PostingCursor {
    const { after } = scan;
    const reverse = scan.reverse === true;
    const path = textOf(scan.pathId);
    const range = { from: path + textOf(scan.range.from), to: path + textOf(scan.range.to) };
    const place = after && { term: path + textOf(after.value), number: after.number };
    const extra = this.#dirtyPostings(range, place, reverse);
    const parts = this.#reader.scan({ ...range, reverse, ...(place === undefined ? {} : { after: place }) });
    const postings = new StoredPostings(parts, this.#hidden);
    const compare = reverse ? (a: TermPosting, b: TermPosting) => comparePostings(b, a) : comparePostings;
    return new IndexPostings(new MergedCursor(postings, extra, compare), path.length);
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

  scanNumbers(scan: { epkRange?: EpkRange; after?: ItemNumber }): NumberCursor {
    const after = scan.after ?? -1;
    const extra: ItemNumber[] = [];
    for (const item of this.#dirty.values()) {
      if (item.number > after && inRange(item.epk, scan.epkRange)) extra.push(item.number);
    }
    extra.sort(compareNumbers);
    const stored =
      scan.epkRange === undefined
        ? this.#allNumbers(after)
        : new KeyedNumbers(this.#reader, scan.epkRange, after, this.#hidden);
    return new MergedCursor(stored, extra, compareNumbers);
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
    // Whoever scans without loading must not fill the memory with what it passes by.
    if (this.#met.size >= MET_MAX) this.#met.clear();
    this.#met.set(number, sourceItem(number, value));
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
        if (value !== undefined) items[place] = sourceItem(numbers[place] as ItemNumber, value);
      }
    }
    this.#met.clear();
    return items;
  }

  #inMemory(number: ItemNumber): SourceItem | undefined {
    const dirty = this.#dirty.get(number) ?? this.#met.get(number);
    if (dirty !== undefined) return dirty;
    if (this.#hidden.has(number)) return undefined;
    const cached = this.#cache.getByNumber(number);
    // A later state of the item than this source shows must not leak in.
    if (cached?.visible === undefined || cached.lsn > this.lsn) return undefined;
    return { number, text: asBuffer(cached.visible.body), epk: epkOf(cached.key) };
  }

  close(): Promise<void> {
    return this.#snapshot.close();
  }
}

/** A source of sorted values, in the shape of the query module's cursors. */
interface Cursor<T> {
  next(count: number): Promise<T[]>;
  close(): Promise<void>;
}

/** Merges a cursor with a sorted list. */
class MergedCursor<T> implements Cursor<T> {
  readonly #cursor: Cursor<T>;
  readonly #extra: readonly T[];
  readonly #compare: (a: T, b: T) => number;
  #extraPlace = 0;
  #stored: T[] = [];
  #storedPlace = 0;
  #isExhausted = false;

  constructor(cursor: Cursor<T>, extra: readonly T[], compare: (a: T, b: T) => number) {
    this.#cursor = cursor;
    this.#extra = extra;
    this.#compare = compare;
  }

  async next(count: number): Promise<T[]> {
    if (this.#extra.length === 0) return this.#cursor.next(count);
    const merged: T[] = [];
    while (merged.length < count) {
      if (this.#storedPlace >= this.#stored.length && !this.#isExhausted) await this.#refill(count);
      const stored = this.#stored[this.#storedPlace];
      const extra = this.#extra[this.#extraPlace];
      if (stored === undefined && extra === undefined) break;
      if (extra === undefined || (stored !== undefined && this.#compare(stored, extra) < 0)) {
        merged.push(stored as T);
        this.#storedPlace++;
      } else {
        merged.push(extra);
        this.#extraPlace++;
      }
    }
    return merged;
  }

  async #refill(count: number): Promise<void> {
    this.#stored = await this.#cursor.next(count);
    this.#storedPlace = 0;
    this.#isExhausted = this.#stored.length < count;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/**
 * What a store cursor gives, converted; reads on past what is unwanted until `count` are found or it ends.
 */
class ConvertedCursor<T> implements Cursor<T> {
  readonly #cursor: StoreCursor;
  readonly #convert: (key: Buffer, value: Buffer) => T | undefined;

  /** `convert` gives undefined for what is unwanted. */
  constructor(cursor: StoreCursor, convert: (key: Buffer, value: Buffer) => T | undefined) {
    this.#cursor = cursor;
    this.#convert = convert;
  }

  async next(count: number): Promise<T[]> {
    const found: T[] = [];
    while (found.length < count) {
      const want = count - found.length;
      const pairs = await this.#cursor.next(want);
      for (const [key, value] of pairs) {
        const converted = this.#convert(key, value);
        if (converted !== undefined) found.push(converted);
      }
      if (pairs.length < want) break;
    }
    return found;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/** A posting as indexes hold it. */
interface TermPosting {
  readonly term: TermText;
  readonly number: ItemNumber;
}

/** Postings of the store, one by one, without those of hidden items. */
class StoredPostings implements Cursor<TermPosting> {
  readonly #scan: PostingScan;
  readonly #hidden: ReadonlySet<ItemNumber>;
  #part: TermPart | undefined;
  #place = 0;

  constructor(scan: PostingScan, hidden: ReadonlySet<ItemNumber>) {
    this.#scan = scan;
    this.#hidden = hidden;
  }

  async next(count: number): Promise<TermPosting[]> {
    const found: TermPosting[] = [];
    while (found.length < count) {
      if (this.#part === undefined) {
        this.#part = this.#scan.next();
        this.#place = 0;
        if (this.#part === undefined) {
          if (this.#scan.pending === undefined) break;
          await this.#scan.pending;
          continue;
        }
      }
      const { term, numbers } = this.#part;
      const to = Math.min(numbers.length, this.#place + count - found.length);
      for (let place = this.#place; place < to; place++) {
        const number = numbers[place] as ItemNumber;
        assert(number >= 0, 'an index takes away only what it gave');
        if (!this.#hidden.has(number)) found.push({ term, number });
      }
      this.#place = to;
      if (to === numbers.length) this.#part = undefined;
    }
    return found;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Postings in the shape of the query module. */
class IndexPostings implements PostingCursor {
  readonly #postings: Cursor<TermPosting>;
  readonly #pathLength: number;

  constructor(postings: Cursor<TermPosting>, pathLength: number) {
    this.#postings = postings;
    this.#pathLength = pathLength;
  }

  async next(count: number): Promise<Posting[]> {
    const postings = await this.#postings.next(count);
    let last: TermText | undefined;
    let value = NOTHING;
    return postings.map(({ term, number }) => {
      // Postings of one value stand together and share it.
      if (term !== last) value = Buffer.from(term.slice(this.#pathLength), 'latin1');
      last = term;
      return { value, number };
    });
  }

  close(): Promise<void> {
    return this.#postings.close();
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * Numbers of the items in a range of partition keys. They stand by partition key first, so all are
 * gathered, then sorted.
 */
class KeyedNumbers implements Cursor<ItemNumber> {
  readonly #scan: PostingScan;
  readonly #range: EpkRange;
  readonly #after: ItemNumber;
  readonly #hidden: ReadonlySet<ItemNumber>;
  #numbers: ItemNumber[] | undefined;
  #place = 0;

  constructor(reader: IndexReader, range: EpkRange, after: ItemNumber, hidden: ReadonlySet<ItemNumber>) {
    this.#scan = reader.scan({ from: keyBound(range.min), to: keyBound(range.max) });
    this.#range = range;
    this.#after = after;
    this.#hidden = hidden;
  }

  async next(count: number): Promise<ItemNumber[]> {
    this.#numbers ??= await this.#gather();
    const page = this.#numbers.slice(this.#place, this.#place + count);
    this.#place += page.length;
    return page;
  }

  async #gather(): Promise<ItemNumber[]> {
    const found: ItemNumber[] = [];
    let first: TermText | undefined;
    let isSorted = true;
    for (;;) {
      const part = this.#scan.next();
      if (part === undefined) {
        if (this.#scan.pending === undefined) break;
        await this.#scan.pending;
        continue;
      }
      if (!inRange(keyOfTerm(part.term), this.#range)) continue;
      first ??= part.term;
      isSorted &&= part.term === first;
      for (const number of part.numbers) {
        if (number > this.#after && !this.#hidden.has(number)) found.push(number);
      }
    }
    return isSorted ? found : found.sort(compareNumbers);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function textOf(bytes: Uint8Array): TermText {
  return asBuffer(bytes).toString('latin1');
}

function inRange(epk: string, range: EpkRange | undefined): boolean {
  return range === undefined || (epk >= range.min && epk < range.max);
}

function comparePostings(a: TermPosting, b: TermPosting): number {
  if (a.term === b.term) return a.number - b.number;
  return a.term < b.term ? -1 : 1;
}

function compareNumbers(a: number, b: number): number {
  return a - b;
}

function sourceItem(number: ItemNumber, value: Buffer): SourceItem {
  const { key, put } = decodeDocument(value, number);
  return { number, text: asBuffer(put.body), epk: epkOf(key) };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
