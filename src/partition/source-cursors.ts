/** What a source's cursors are made of: the store's postings without hidden items, merged with memory's. */
import { assert, sortNumbersInTurns } from '../base/index.ts';
import type { TermPart, TermText } from '../index/index.ts';
import type { ItemNumber, Posting, PostingCursor, ValueCursor, ValuePostings } from '../query/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { StoreCursor } from '../store/index.ts';
import type { IndexReader, PostingScan } from './index-reader.ts';
import { keyOfTerm } from './index-runs.ts';

/** Read before others are asked whether they have waited: a fraction of a millisecond. */
const POSTINGS_PER_TURN = 1_024;

/** A source of sorted values, in the shape of the query module's cursors. */
export interface Cursor<T> {
  next(count: number): Promise<T[]>;
  close(): Promise<void>;
}

/** Merges a cursor with a sorted list. */
export class MergedCursor<T> implements Cursor<T> {
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
export class ConvertedCursor<T> implements Cursor<T> {
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
export interface TermPosting {
  readonly term: TermText;
  readonly number: ItemNumber;
}

/** Postings of the store, one by one, without those of hidden items. */
export class StoredPostings implements Cursor<TermPosting> {
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
export class IndexPostings implements PostingCursor {
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
export class KeyedNumbers implements Cursor<ItemNumber> {
  readonly #scans: readonly PostingScan[];
  readonly #range: EpkRange;
  readonly #after: ItemNumber;
  readonly #hidden: ReadonlySet<ItemNumber>;
  readonly #turn: () => Promise<void>;
  #numbers: Float64Array | undefined;
  #place = 0;

  constructor(
    scans: readonly PostingScan[],
    range: EpkRange,
    after: ItemNumber,
    { hidden, turn }: { readonly hidden: ReadonlySet<ItemNumber>; readonly turn: () => Promise<void> },
  ) {
    this.#scans = scans;
    this.#range = range;
    this.#after = after;
    this.#hidden = hidden;
    this.#turn = turn;
  }

  async next(count: number): Promise<ItemNumber[]> {
    this.#numbers ??= await this.#gather();
    const page = Array.from(this.#numbers.subarray(this.#place, this.#place + count));
    this.#place += page.length;
    return page;
  }

  async #gather(): Promise<Float64Array> {
    const found: ItemNumber[] = [];
    let first: TermText | undefined;
    let isSorted = true;
    let sinceTurn = 0;
    for (const scan of this.#scans) {
      for (;;) {
        const part = scan.next();
        if (part === undefined) {
          if (scan.pending === undefined) break;
          await scan.pending;
          continue;
        }
        sinceTurn += part.numbers.length;
        if (sinceTurn > POSTINGS_PER_TURN) {
          sinceTurn = 0;
          await this.#turn();
        }
        if (!inRange(keyOfTerm(part.term), this.#range)) continue;
        first ??= part.term;
        isSorted &&= part.term === first;
        for (const number of part.numbers) {
          if (number > this.#after && !this.#hidden.has(number)) found.push(number);
        }
      }
    }
    const numbers = new Float64Array(found);
    return isSorted ? numbers : sortNumbersInTurns(numbers, this.#turn);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export function inRange(epk: string, range: EpkRange | undefined): boolean {
  return range === undefined || (epk >= range.min && epk < range.max);
}

export function comparePostings(a: TermPosting, b: TermPosting): number {
  if (a.term === b.term) return a.number - b.number;
  return a.term < b.term ? -1 : 1;
}

/** Numbers alone, in the order of their postings. */
export class StoredNumbers implements Cursor<ItemNumber> {
  readonly #scan: PostingScan;
  readonly #hidden: ReadonlySet<ItemNumber>;
  #part: readonly number[] = [];
  #place = 0;

  constructor(scan: PostingScan, hidden: ReadonlySet<ItemNumber>) {
    this.#scan = scan;
    this.#hidden = hidden;
  }

  async next(count: number): Promise<ItemNumber[]> {
    const found: ItemNumber[] = [];
    const hidden = this.#hidden;
    while (found.length < count) {
      if (this.#place >= this.#part.length) {
        const part = this.#scan.next();
        if (part === undefined) {
          if (this.#scan.pending === undefined) break;
          await this.#scan.pending;
          continue;
        }
        this.#part = part.numbers;
        this.#place = 0;
      }
      const to = Math.min(this.#part.length, this.#place + count - found.length);
      for (let place = this.#place; place < to; place++) {
        const number = this.#part[place] as ItemNumber;
        assert(number >= 0, 'an index takes away only what it gave');
        if (hidden.size === 0 || !hidden.has(number)) found.push(number);
      }
      this.#place = to;
    }
    return found;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Values with their numbers: those of the store, and then those of memory. */
export class StoredValues implements ValueCursor {
  readonly #scan: PostingScan;
  readonly #hidden: ReadonlySet<ItemNumber>;
  readonly #extra: readonly TermPosting[];
  readonly #pathLength: number;
  #extraPlace = 0;

  constructor(
    scan: PostingScan,
    hidden: ReadonlySet<ItemNumber>,
    extra: readonly TermPosting[],
    pathLength: number,
  ) {
    this.#scan = scan;
    this.#hidden = hidden;
    this.#extra = extra;
    this.#pathLength = pathLength;
  }

  async next(count: number): Promise<ValuePostings[]> {
    const found: ValuePostings[] = [];
    const hidden = this.#hidden;
    for (let read = 0; read < count; ) {
      const part = this.#scan.next();
      if (part === undefined) {
        if (this.#scan.pending === undefined) break;
        await this.#scan.pending;
        continue;
      }
      const shown = hidden.size === 0 ? part.numbers : part.numbers.filter((number) => !hidden.has(number));
      read += part.numbers.length;
      if (shown.length > 0) found.push({ value: this.#valueOf(part.term), numbers: shown });
    }
    if (found.length > 0) return found;
    for (; found.length < count; this.#extraPlace++) {
      const posting = this.#extra[this.#extraPlace];
      if (posting === undefined) break;
      found.push({ value: this.#valueOf(posting.term), numbers: [posting.number] });
    }
    return found;
  }

  #valueOf(term: TermText): Buffer {
    return Buffer.from(term.slice(this.#pathLength), 'latin1');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Postings in a range, without those of hidden items. */
export async function countOf(
  reader: IndexReader,
  range: { readonly from: TermText; readonly to: TermText },
  hidden: ReadonlySet<ItemNumber>,
  turn: () => Promise<void>,
): Promise<number> {
  if (hidden.size === 0) return reader.count(range.from, range.to);
  const numbers = new StoredNumbers(reader.scan(range), hidden);
  for (let count = 0; ; ) {
    const chunk = await numbers.next(POSTINGS_PER_TURN);
    count += chunk.length;
    if (chunk.length < POSTINGS_PER_TURN) return count;
    await turn();
  }
}
