import { sortNumbersInTurns } from '../base/index.ts';
import type { ScanAccess } from './access.ts';
import type { ItemNumber, NumberCursor, QuerySource } from './source.ts';

/** Sorted numbers gone through before others are asked whether they have waited. */
const NUMBERS_PER_TURN = 32_768;

/** Item numbers in rising order, each once. Always close it. */
export type NumberStream = NumberCursor;

export const NO_NUMBERS: NumberStream = {
  next: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

/** A list that was gathered and sorted before. */
export class GatheredNumbers implements NumberStream {
  readonly #numbers: Float64Array;
  #place = 0;

  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  next(count: number): Promise<ItemNumber[]> {
    const page = Array.from(this.#numbers.subarray(this.#place, this.#place + count));
    this.#place += page.length;
    return Promise.resolve(page);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The numbers of one value: the index keeps them in the order that is wanted. -1 for `after`: all. */
export function pointNumbers(
  source: QuerySource,
  { pathId, range }: ScanAccess,
  after: ItemNumber,
): NumberStream {
  const seek = after < 0 ? {} : { after: { value: range.from, number: after } };
  return source.scanIndexNumbers({ pathId, range, ...seek });
}

/** Merges a few streams into one. */
export class MergedNumbers implements NumberStream {
  readonly #streams: readonly NumberStream[];
  readonly #heads: ItemNumber[][];
  readonly #places: number[];

  constructor(streams: readonly NumberStream[]) {
    this.#streams = streams;
    this.#heads = streams.map(() => []);
    this.#places = streams.map(() => 0);
  }

  async next(count: number): Promise<ItemNumber[]> {
    const merged: ItemNumber[] = [];
    while (merged.length < count) {
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < this.#streams.length; i++) {
        if (this.#head(i) === undefined) await this.#refill(i, count);
        least = Math.min(least, this.#head(i) ?? Number.POSITIVE_INFINITY);
      }
      if (least === Number.POSITIVE_INFINITY) break;
      merged.push(least);
      // Every stream that has it moves on: each number comes once.
      for (let i = 0; i < this.#streams.length; i++) {
        if (this.#head(i) === least) this.#places[i] = (this.#places[i] ?? 0) + 1;
      }
    }
    return merged;
  }

  #head(stream: number): ItemNumber | undefined {
    return this.#heads[stream]?.[this.#places[stream] ?? 0];
  }

  async #refill(stream: number, count: number): Promise<void> {
    // The last fetch was empty: the stream has ended, asking again costs a needless read.
    if (this.#places[stream] === -1) return;
    const fetched = (await this.#streams[stream]?.next(count)) ?? [];
    this.#heads[stream] = fetched;
    this.#places[stream] = fetched.length === 0 ? -1 : 0;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await stream.close();
  }
}

/** Sorted, without repetitions. `turn` lets others run. */
export async function sortDistinct(
  numbers: readonly ItemNumber[],
  turn: () => Promise<void>,
): Promise<Float64Array> {
  const sorted = await sortNumbersInTurns(new Float64Array(numbers), turn);
  let length = 0;
  for (let place = 0; place < sorted.length; place++) {
    const number = sorted[place] as number;
    if (length === 0 || sorted[length - 1] !== number) sorted[length++] = number;
    if (place % NUMBERS_PER_TURN === NUMBERS_PER_TURN - 1) await turn();
  }
  return sorted.subarray(0, length);
}

/** The numbers that both sorted lists have. */
export async function intersectSorted(
  a: Float64Array,
  b: Float64Array,
  turn: () => Promise<void>,
): Promise<Float64Array> {
  const common = new Float64Array(Math.min(a.length, b.length));
  let length = 0;
  let steps = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i] as number;
    const y = b[j] as number;
    if (x === y) common[length++] = x;
    if (x <= y) i++;
    if (y <= x) j++;
    if (++steps % NUMBERS_PER_TURN === 0) await turn();
  }
  return common.subarray(0, length);
}

/** Place of the first of the sorted numbers that is not lower, at `from` or behind it. */
export function rankOf(numbers: Float64Array, number: ItemNumber, from: number): number {
  let low = from;
  let high = numbers.length;
  if (from > 0) {
    // Numbers of a common value stand close together.
    let step = 1;
    for (; low + step < high && (numbers[low + step] as number) < number; step *= 2) low += step;
    high = Math.min(high, low + step + 1);
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
