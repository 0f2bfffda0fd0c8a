import { compareBytes, prefixEnd, sortInTurns } from '../base/index.ts';
import { encodeIndexValue, isExact } from '../index/index.ts';
import type { Continuation } from './continuation.ts';
import type { PostingMeter } from './posting-meter.ts';
import type { ItemNumber, Posting, PostingCursor, QuerySource, SourceItem, ValueRange } from './source.ts';
import { compareForOrder, type Value } from './values.ts';

/** An item's place in the result of an ordered query. */
export interface OrderedEntry {
  readonly number: ItemNumber;
  /** Encoded sort value. */
  readonly value: Buffer;
  /**
   * Place among the entries with the same encoded value, where that does not tell the whole value; else 0.
   */
  readonly rank: number;
  /** When it was loaded on the way. */
  readonly item?: SourceItem;
}

/** Entries in the order of the query, from where the page before ended. Always close it. */
export interface OrderedEntries {
  /** Up to `count` further entries; fewer only at the end. */
  next(count: number): Promise<OrderedEntry[]>;
  close(): Promise<void>;
}

/** An item with its sort value. */
export interface KeyedItem {
  readonly number: ItemNumber;
  readonly key: Value;
  readonly item?: SourceItem;
}

/** Sorts by key, then by number, all of it reversed when descending: what the index would give. */
export function sortKeyed(
  items: KeyedItem[],
  isDescending: boolean,
  turn: () => Promise<void>,
): Promise<KeyedItem[]> {
  const sign = isDescending ? -1 : 1;
  return sortInTurns(items, (a, b) => sign * (compareForOrder(a.key, b.key) || a.number - b.number), turn);
}

/**
 * Whether strings that differ can have this encoded value; arrays and objects are equal to each other
 * anyway.
 */
function isCutString(value: Buffer): boolean {
  return value.length > 1 && !isExact(value);
}

/**
 * Drops from entries of one encoded value, in order, those up to the position. The item consumed last may
 * be gone, and a cut value does not say where it stood: then its rank does.
 */
function dropConsumed(group: readonly OrderedEntry[], after: ItemNumber, rank: number): OrderedEntry[] {
  const place = group.findIndex((entry) => entry.number === after);
  return group.slice(place < 0 ? rank : place + 1);
}

/** Tells which entries earlier pages have dealt with; undefined when there was no earlier page. */
export function consumedIn(
  { after, order }: Continuation,
  isDescending: boolean,
): ((entry: OrderedEntry) => boolean) | undefined {
  if (order === undefined) return undefined;
  const sign = isDescending ? -1 : 1;
  return ({ value, number, rank }) => {
    const side = sign * compareBytes(value, order.value);
    if (side !== 0) return side < 0;
    return isCutString(value) ? rank <= order.rank : sign * (number - after) <= 0;
  };
}

export interface IndexOrder {
  readonly source: QuerySource;
  readonly pathId: Buffer;
  readonly range: ValueRange;
  readonly isDescending: boolean;
  readonly start: Continuation;
  /** Reads the sort values of items, in their order. */
  readonly readKeys: (numbers: readonly ItemNumber[]) => Promise<KeyedItem[]>;
  readonly meter: PostingMeter;
}

/**
 * Reads the index in its own order. Strings that are too long for it stand side by side there and are
 * sorted here.
 */
export class IndexEntries implements OrderedEntries {
  readonly #order: IndexOrder;
  readonly #cursor: PostingCursor;
  /** Read from the cursor and not yet looked at. */
  #postings: Posting[] = [];
  #place = 0;
  #isExhausted = false;
  /** Sorted entries of a group, to be given next. */
  #group: OrderedEntry[] = [];

  constructor(order: IndexOrder) {
    this.#order = order;
    const { source, pathId, range, isDescending, start } = order;
    const scan = { pathId, reverse: isDescending };
    const position = start.order?.value;
    if (position === undefined) {
      this.#cursor = source.scanIndex({ ...scan, range });
    } else if (isCutString(position)) {
      // The whole group is needed once more, to sort it.
      const from = isDescending ? range.from : position;
      const to = isDescending ? (prefixEnd(position) ?? range.to) : range.to;
      this.#cursor = source.scanIndex({ ...scan, range: { from, to } });
    } else {
      this.#cursor = source.scanIndex({ ...scan, range, after: { value: position, number: start.after } });
    }
  }

  async next(count: number): Promise<OrderedEntry[]> {
    const entries: OrderedEntry[] = [];
    while (entries.length < count) {
      if (this.#group.length > 0) {
        for (const entry of this.#group.splice(0, count - entries.length)) entries.push(entry);
        continue;
      }
      const posting = await this.#nextPosting(count);
      if (posting === undefined) break;
      if (isCutString(posting.value)) await this.#gatherGroup(posting, count);
      else entries.push({ number: posting.number, value: posting.value, rank: 0 });
    }
    return entries;
  }

  async #nextPosting(count: number): Promise<Posting | undefined> {
    if (this.#place >= this.#postings.length) {
      if (this.#isExhausted) return undefined;
      this.#postings = await this.#cursor.next(count);
      this.#place = 0;
      await this.#order.meter.read(this.#postings.length);
      this.#isExhausted = this.#postings.length < count;
    }
    return this.#postings[this.#place++];
  }

  async #gatherGroup(first: Posting, count: number): Promise<void> {
    const { isDescending, readKeys, start, meter } = this.#order;
    const { value } = first;
    const numbers: ItemNumber[] = [];
    let posting: Posting | undefined = first;
    while (posting?.value.equals(value) === true) {
      numbers.push(posting.number);
      posting = await this.#nextPosting(count);
    }
    // The first posting of the next value stays where it is.
    if (posting !== undefined) this.#place--;
    const sorted = await sortKeyed(await readKeys(numbers), isDescending, meter.turn);
    const group = sorted.map(({ number }, rank) => ({ number, value, rank }));
    const position = start.order;
    this.#group =
      position?.value.equals(value) === true ? dropConsumed(group, start.after, position.rank) : group;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/**
 * Few items, read and sorted in memory; stands for the same order as IndexEntries, so pages may alternate.
 */
export class SortedEntries implements OrderedEntries {
  readonly #entries: readonly OrderedEntry[];
  #place = 0;

  /** `sorted`: see `sortKeyed`. */
  constructor(sorted: readonly KeyedItem[], isDescending: boolean, start: Continuation) {
    let rank = 0;
    let last: Buffer | undefined;
    const entries = sorted.map(({ number, key, item }): OrderedEntry => {
      const value = encodeIndexValue(key);
      rank = last?.equals(value) === true && isCutString(value) ? rank + 1 : 0;
      last = value;
      return item === undefined ? { number, value, rank } : { number, value, rank, item };
    });
    const position = start.order;
    this.#entries =
      position === undefined
        ? entries
        : entriesAfter(entries, { ...position, number: start.after }, isDescending);
  }

  next(count: number): Promise<OrderedEntry[]> {
    const entries = this.#entries.slice(this.#place, this.#place + count);
    this.#place += entries.length;
    return Promise.resolve(entries);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function entriesAfter(
  entries: readonly OrderedEntry[],
  position: { readonly value: Buffer; readonly rank: number; readonly number: ItemNumber },
  isDescending: boolean,
): OrderedEntry[] {
  const sign = isDescending ? -1 : 1;
  const side = (entry: OrderedEntry) => sign * compareBytes(entry.value, position.value);
  const group = entries.filter((entry) => side(entry) === 0);
  const rest = isCutString(position.value)
    ? dropConsumed(group, position.number, position.rank)
    : group.filter((entry) => sign * (entry.number - position.number) > 0);
  return [...rest, ...entries.filter((entry) => side(entry) > 0)];
}
