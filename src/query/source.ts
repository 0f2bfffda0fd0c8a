import type { Json } from '../base/index.ts';
import type { Indexer } from '../index/index.ts';
import type { EffectivePartitionKey, EpkRange } from '../resource/index.ts';

/** Number of an item within its partition; grows with the order of insertion. See merge's `Incarnation`. */
export type ItemNumber = number;

/** An item as queries meet it: stored text, parsed only when an operator asks for it. */
export interface SourceItem {
  readonly number: ItemNumber;
  /** The complete item as JSON text, system properties included. */
  readonly text: Buffer;
  readonly epk: EffectivePartitionKey;
}

/** Bounds over encoded index values (see `index`): `from` inclusive, `to` exclusive. */
export interface ValueRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** One index entry: an item has `value` (encoded) at the path. */
export interface Posting {
  readonly value: Buffer;
  readonly number: ItemNumber;
}

export interface PostingCursor {
  /**
   * Up to `count` further postings, ordered by (value, number), or exactly reversed; fewer only at the end.
   */
  next(count: number): Promise<Posting[]>;
  close(): Promise<void>;
}

/** Some of the items that have `value` (encoded) at a path. */
export interface ValuePostings {
  readonly value: Buffer;
  /** Rising, not empty. */
  readonly numbers: readonly ItemNumber[];
}

export interface ValueCursor {
  /** Further values, with about `count` postings together; none only at the end. */
  next(count: number): Promise<ValuePostings[]>;
  close(): Promise<void>;
}

/** Part of an index: the entries of a path with a value in the range. */
export interface IndexScope {
  readonly pathId: Uint8Array;
  readonly range: ValueRange;
}

export interface Estimate {
  readonly atLeast: number;
  readonly atMost: number;
}

export interface NumberCursor {
  /** Up to `count` further numbers in rising order; fewer only at the end. */
  next(count: number): Promise<ItemNumber[]>;
  close(): Promise<void>;
}

/**
 * What a query reads from: one physical partition at one moment. Everything read through one source is
 * consistent, and only visible items appear. Index scans know nothing of partition keys: a query confined to
 * a key range intersects with `scanNumbers`, or checks `epk` of what it loads. Always close it.
 */
export interface QuerySource {
  /** Which paths indexes know, and know wholly. */
  readonly indexer: Pick<Indexer, 'coverage' | 'composites'>;
  /** Postings of one indexed path, starting after `after` when given (in the direction of the scan). */
  scanIndex(scan: IndexScope & { readonly reverse?: boolean; readonly after?: Posting }): PostingCursor;
  /**
   * Only the numbers, at a fraction of the cost: rising when the range holds one value, else in no order, and
   * then those of several values of an array come several times.
   */
  scanIndexNumbers(scan: IndexScope & { readonly after?: Posting }): NumberCursor;
  /**
   * Values with their numbers, in no order; one with many numbers comes in several parts. The cheapest way to
   * read all of an index.
   */
  scanValues(scan: IndexScope): ValueCursor;
  /**
   * Numbers of all items, or of those whose effective partition key lies in `epkRange`, above `after`.
   * `isBare`: the items will not be loaded, so their texts are not worth reading on the way.
   */
  scanNumbers(scan: {
    readonly epkRange?: EpkRange;
    readonly after?: ItemNumber;
    readonly isBare?: boolean;
  }): NumberCursor;
  /** How many entries the part of the index has, exactly; how many items there are without `scope`. */
  count(scope?: IndexScope): Promise<number>;
  /**
   * Between which bounds the number of entries lies, or of items with a key in the range, or of all items:
   * at once, from what indexes know of themselves. What was written of late is left out.
   */
  estimate(scope: IndexScope | { readonly epkRange: EpkRange } | undefined): Estimate;
  /** Asks the vector index of a path; undefined when there is none that could tell now. */
  nearest?(request: NearestRequest): Promise<Nearest | undefined>;
  /** Names what is read from and its state: sources with one name have the same items. */
  readonly state: string;
  /** Items by number; undefined for one that does not exist (any more) at this moment. */
  load(numbers: readonly ItemNumber[]): Promise<(SourceItem | undefined)[]>;
  close(): Promise<void>;
}

/** What to look for in a vector index. */
export interface NearestRequest {
  /** The property with the vectors. */
  readonly path: readonly string[];
  readonly vector: readonly number[];
  /** Items wanted, 1 or more. */
  readonly count: number;
  /** Vectors kept in view by an approximate search: more find more surely, at more cost. */
  readonly beam: number;
  /** Whether all vectors must be compared. */
  readonly isExact: boolean;
  /** Only these are wanted; needs `isExact`. */
  readonly members?: ReadonlySet<ItemNumber>;
}

export interface Nearest {
  /**
   * Items among which the `count` nearest are, or most of them when the search was approximate; mostly
   * nearest first. Some may not exist (any more), and how near they are is to be seen from themselves.
   */
  readonly numbers: ItemNumber[];
  /** Whether no other item (of the members) has a vector. */
  readonly isComplete: boolean;
}

export interface QuerySpec {
  readonly query: string;
  readonly parameters: readonly { readonly name: string; readonly value: Json }[];
}
