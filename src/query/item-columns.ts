/**
 * Properties of many items, read from their indexes instead of from the items: a column for each path, with
 * the items in the order of their numbers. What an index does not tell whole (arrays, objects, long strings)
 * is marked, and those items are read after all.
 */
import type { JsonObject } from '../base/index.ts';
import { allRange, decodeIndexValue, isExact } from '../index/index.ts';
import { indexedPath } from './condition.ts';
import type { DocumentPath } from './document-path.ts';
import type { Execution } from './execution.ts';
import { rankOf } from './number-stream.ts';
import { parseItem } from './parsed-item.ts';
import type { ItemNumber, QuerySource, ValuePostings } from './source.ts';
import type { Value } from './values.ts';

/** Postings that cost as much as reading, parsing and keeping one item from a cache or the store. */
const POSTINGS_PER_ITEM = 16;
/** Places of columns that are in memory at once, four to eight bytes each, and a number for each item. */
const PLACES_MAX = 5_000_000;
const CHUNK = 1_024;
/** Fewer items are read just as soon. */
const ITEMS_MIN = 128;
/** Items beyond this share that have to be read after all leave nothing to be gained. */
const LOADED_SHARE = 4;

/** Whether columns of the paths cost less than so many items, and can be had at all. */
export function areColumnsWorthwhile(
  source: QuerySource,
  paths: readonly DocumentPath[],
  items: number,
): boolean {
  if (items < ITEMS_MIN || items * (paths.length + 1) > PLACES_MAX) return false;
  let postings = 0;
  for (const path of paths) {
    const { id, segments } = indexedPath(path);
    if (!source.indexer.coverage(segments).indexed) return false;
    postings += source.estimate({ pathId: id, range: allRange() }).atMost;
  }
  return postings <= items * POSTINGS_PER_ITEM;
}

/** What is known of an item without having read it. */
export interface ColumnItem {
  readonly number: ItemNumber;
  /** The item itself, or an object with the properties that the query looks at. */
  readonly item: JsonObject;
}

/** Which of `values` an item has: values are few, and bare numbers cost the collector of garbage nothing. */
interface Column {
  readonly path: DocumentPath;
  /** 0 for no value. */
  readonly codes: Uint32Array;
  readonly values: Value[];
}

export class ItemColumns {
  /** Rising. */
  readonly numbers: Float64Array;
  readonly #columns: readonly Column[];
  /** Items that an index does not tell whole. */
  readonly #isLoaded: Uint8Array;
  #loaded = 0;

  private constructor(numbers: Float64Array, paths: readonly DocumentPath[]) {
    this.numbers = numbers;
    this.#columns = paths.map((path) => ({
      path,
      codes: new Uint32Array(numbers.length),
      values: [undefined],
    }));
    this.#isLoaded = new Uint8Array(numbers.length);
  }

  /** Undefined when too many of the items had to be read all the same. */
  static async read(
    execution: Execution,
    paths: readonly DocumentPath[],
    numbers: Float64Array,
  ): Promise<ItemColumns | undefined> {
    const columns = new ItemColumns(numbers, paths);
    for (const column of columns.#columns) {
      if (!(await columns.#fill(execution, column))) return undefined;
    }
    return columns;
  }

  async #fill(execution: Execution, column: Column): Promise<boolean> {
    const { source, meter } = execution;
    const cursor = source.scanValues({ pathId: indexedPath(column.path).id, range: allRange() });
    try {
      for (;;) {
        const parts = await cursor.next(CHUNK);
        if (parts.length === 0) return true;
        let count = 0;
        for (const part of parts) {
          this.#place(part, column);
          count += part.numbers.length;
        }
        await meter.read(count);
        if (this.#loaded * LOADED_SHARE > this.numbers.length) return false;
      }
    } finally {
      await cursor.close();
    }
  }

  /** Puts the value to its items; those that are not wanted are passed by. */
  #place({ value, numbers }: ValuePostings, { codes, values }: Column): void {
    const isTold = isExact(value);
    const code = isTold ? values.push(decodeIndexValue(value)) - 1 : 0;
    let rank = -1;
    for (const number of numbers) {
      rank = rankOf(this.numbers, number, rank + 1);
      if (this.numbers[rank] !== number) {
        rank--;
        continue;
      }
      if (isTold) codes[rank] = code;
      else if (this.#isLoaded[rank] === 0) {
        this.#isLoaded[rank] = 1;
        this.#loaded++;
      }
    }
  }

  /** The items from a place on; those that an index does not tell whole are read. */
  async items(execution: Execution, from: number, to: number): Promise<ColumnItem[]> {
    const found: ColumnItem[] = [];
    const wanted = this.numbers.subarray(from, to).filter((_, i) => this.#isLoaded[from + i] === 1);
    const loaded = wanted.length === 0 ? [] : await execution.load(Array.from(wanted));
    let next = 0;
    for (let place = from; place < to; place++) {
      const number = this.numbers[place] as ItemNumber;
      if (this.#isLoaded[place] !== 1) found.push({ number, item: this.#itemAt(place) });
      else {
        const item = loaded[next++];
        if (item !== undefined) found.push({ number, item: parseItem(item) });
      }
    }
    return found;
  }

  #itemAt(place: number): JsonObject {
    const item: JsonObject = {};
    for (const { path, codes, values } of this.#columns) {
      const value = values[codes[place] as number];
      if (value === undefined) continue;
      let at = item;
      for (let step = 0; step < path.length - 1; step++) {
        const name = path[step] as string;
        at[name] ??= {};
        at = at[name] as JsonObject;
      }
      at[path[path.length - 1] as string] = value;
    }
    return item;
  }
}
