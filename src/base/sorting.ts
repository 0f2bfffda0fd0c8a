/** Sorting of lists that are too long to be sorted while others wait. */

/** Elements that are sorted, or merged, before others are asked whether they have waited. */
const SLICE = 512;
/** The same of bare numbers, which compare at a fraction of the cost. */
const NUMBERS_SLICE = 8_192;

/** The list sorted, equal elements in their order. `turn` lets others run. */
export async function sortInTurns<T>(
  list: T[],
  compare: (a: T, b: T) => number,
  turn: () => Promise<void>,
): Promise<T[]> {
  if (list.length <= SLICE) return list.sort(compare);
  let runs: T[][] = [];
  for (let from = 0; from < list.length; from += SLICE) {
    runs.push(list.slice(from, from + SLICE).sort(compare));
    await turn();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [a, b] = [runs[i] as T[], runs[i + 1]];
      merged.push(b === undefined ? a : await mergeRuns(a, b, compare, turn));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function mergeRuns<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
  turn: () => Promise<void>,
): Promise<T[]> {
  const merged: T[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const takesFirst = j >= b.length || (i < a.length && compare(a[i] as T, b[j] as T) <= 0);
    merged.push(takesFirst ? (a[i++] as T) : (b[j++] as T));
    if (merged.length % SLICE === 0) await turn();
  }
  return merged;
}

/** The numbers sorted, in memory of their own or in place. */
export async function sortNumbersInTurns(
  numbers: Float64Array,
  turn: () => Promise<void>,
): Promise<Float64Array> {
  if (numbers.length <= NUMBERS_SLICE) return numbers.sort();
  let from = numbers;
  for (let at = 0; at < from.length; at += NUMBERS_SLICE) {
    from.subarray(at, at + NUMBERS_SLICE).sort();
    await turn();
  }
  let to: Float64Array = new Float64Array(from.length);
  for (let width = NUMBERS_SLICE; width < from.length; width *= 2) {
    for (let at = 0; at < from.length; at += 2 * width) {
      await mergeNumbers(from, to, { at, width }, turn);
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Merges the sorted halves of `[at, at + 2 * width)` of `from` into the same place of `to`. */
async function mergeNumbers(
  from: Float64Array,
  to: Float64Array,
  { at, width }: { readonly at: number; readonly width: number },
  turn: () => Promise<void>,
): Promise<void> {
  const middle = Math.min(from.length, at + width);
  const end = Math.min(from.length, at + 2 * width);
  let [i, j] = [at, middle];
  for (let place = at; place < end; ) {
    const stop = Math.min(end, place + 4 * NUMBERS_SLICE);
    for (; place < stop; place++) {
      const takesFirst = j >= end || (i < middle && (from[i] as number) <= (from[j] as number));
      to[place] = (takesFirst ? from[i++] : from[j++]) as number;
    }
    await turn();
  }
}
