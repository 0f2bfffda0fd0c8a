/**
 * What queries read: the store's snapshot, corrected by the items that were dirty at that same moment.
 * A dirty item hides whatever the store has under its old number, and shows itself under its new one.
 */
import { compareBytes } from '../base/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type {
  ItemNumber,
  NumberCursor,
  Posting,
  PostingCursor,
  QuerySource,
  SourceItem,
  ValueRange,
} from '../query/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { Store, StoreCursor, StoreSnapshot } from '../store/index.ts';
import { termsOfDirty } from './dirty-item.ts';
import type { PartitionCache } from './item-cache.ts';
import { epkOf } from './item-key.ts';
import type { Partition } from './partition.ts';
import { decodeDocument } from './record.ts';
import {
  boundKey,
  documentKey,
  indexPosting,
  kindEnd,
  partitionKeyPosting,
  postingEpk,
  postingValue,
  trailingNumber,
} from './store-key.ts';

/** Items met by a scan of numbers and kept for the load that is likely to follow. */
const MET_MAX = 1024;

type DirtyVisible = SourceItem & { readonly terms: () => readonly Buffer[] };

/** Opens a source on the newest state; it is given out once all of that state is durable. */
export async function openSource(partition: Partition, store: Store): Promise<QuerySource> {
  const source = new PartitionSource(partition, store);
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
  readonly #lsn: Lsn;
  /** Dirty items that are visible, by number. */
  readonly #dirty = new Map<ItemNumber, DirtyVisible>();
  /** Numbers under which the store shows something that is no longer so. */
  readonly #hidden = new Set<ItemNumber>();
  /** Items that a scan of numbers met on its way, for the `load` that will follow. */
  readonly #met = new Map<ItemNumber, SourceItem>();

  constructor(partition: Partition, store: Store) {
    this.#number = partition.number;
    this.#snapshot = store.snapshot();
    this.#cache = partition.cache;
    this.#lsn = partition.applied.lsn;
    const { indexer } = partition;
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

  scanIndex(scan: {
    pathId: Uint8Array;
    range: ValueRange;
    reverse?: boolean;
    after?: Posting;
  }): PostingCursor {
    const { pathId, range, after } = scan;
    const reverse = scan.reverse === true;
    const from = boundKey(this.#number, 'x', pathId, range.from);
    const to = boundKey(this.#number, 'x', pathId, range.to);
    const edge = after && indexPosting(this.#number, Buffer.concat([pathId, after.value]), after.number);
    const stored = this.#snapshot.scan({
      from: edge !== undefined && !reverse ? Buffer.concat([edge, Buffer.alloc(1)]) : from,
      to: edge !== undefined && reverse ? edge : to,
      reverse,
    });
    const extra = this.#dirtyPostings(pathId, range, after, reverse);
    const postings = new ConvertedCursor(stored, (key) => this.#posting(key, pathId.length));
    return new MergedCursor(postings, extra, reverse ? (a, b) => comparePostings(b, a) : comparePostings);
  }

  #dirtyPostings(
    pathId: Uint8Array,
    range: ValueRange,
    after: Posting | undefined,
    reverse: boolean,
  ): Posting[] {
    const found: Posting[] = [];
    for (const item of this.#dirty.values()) {
      for (const term of item.terms()) {
        if (!startsWith(term, pathId)) continue;
        const posting = { value: term.subarray(pathId.length), number: item.number };
        if (compareBytes(posting.value, range.from) < 0 || compareBytes(posting.value, range.to) >= 0)
          continue;
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
        : new KeyedNumbers(this.#snapshot, this.#number, scan.epkRange, after, this.#hidden);
    return new MergedCursor(stored, extra, compareNumbers);
  }

  #allNumbers(after: ItemNumber): NumberCursor {
    const cursor = this.#snapshot.scan({
      from: documentKey(this.#number, after + 1),
      to: kindEnd(this.#number, 'd'),
    });
    return new ConvertedCursor(cursor, (key, value) => this.#meet(key, value));
  }

  #posting(key: Buffer, pathBytes: number): Posting | undefined {
    const number = trailingNumber(key);
    return this.#hidden.has(number) ? undefined : { value: postingValue(key, pathBytes), number };
  }

  #meet(key: Buffer, value: Buffer): ItemNumber | undefined {
    const number = trailingNumber(key);
    if (this.#hidden.has(number)) return undefined;
    // Whoever scans without loading must not fill the memory with what it passes by.
    if (this.#met.size >= MET_MAX) this.#met.clear();
    this.#met.set(number, sourceItem(number, value));
    return number;
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
    if (cached?.visible === undefined || cached.lsn > this.#lsn) return undefined;
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

/**
 * Numbers of the items in a range of partition keys. Keys stand by partition key first, so all are
 * gathered, then sorted.
 */
class KeyedNumbers implements Cursor<ItemNumber> {
  readonly #cursor: StoreCursor;
  readonly #range: EpkRange;
  readonly #after: ItemNumber;
  readonly #hidden: ReadonlySet<ItemNumber>;
  #numbers: ItemNumber[] | undefined;
  #place = 0;

  constructor(
    snapshot: StoreSnapshot,
    partition: PartitionNumber,
    range: EpkRange,
    after: ItemNumber,
    hidden: ReadonlySet<ItemNumber>,
  ) {
    const bound = Buffer.from(range.max, 'latin1');
    this.#cursor = snapshot.scan({
      from: partitionKeyPosting(partition, range.min, 0),
      // The key itself may belong to the range's end; what is read is checked, this only bounds the scan.
      to: boundKey(partition, 'p', bound, Buffer.alloc(1, 0xff)),
    });
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
    const numbers: ItemNumber[] = [];
    const chunk = 1000;
    for (;;) {
      const pairs = await this.#cursor.next(chunk);
      for (const [key] of pairs) {
        const number = trailingNumber(key);
        if (number <= this.#after || this.#hidden.has(number)) continue;
        if (inRange(postingEpk(key), this.#range)) numbers.push(number);
      }
      if (pairs.length < chunk) break;
    }
    return numbers.sort(compareNumbers);
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/** Called for every term of every dirty item: a plain loop beats a view and a native comparison. */
function startsWith(term: Buffer, prefix: Uint8Array): boolean {
  for (let place = 0; place < prefix.length; place++) if (term[place] !== prefix[place]) return false;
  return true;
}

function inRange(epk: string, range: EpkRange | undefined): boolean {
  return range === undefined || (epk >= range.min && epk < range.max);
}

function comparePostings(a: Posting, b: Posting): number {
  return compareBytes(a.value, b.value) || a.number - b.number;
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
