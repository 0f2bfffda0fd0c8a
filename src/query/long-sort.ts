/** Sorting of long lists, left in the middle: pieces are sorted natively, and merged two by two. */
import type { Steps } from '../base/index.ts';

/**
 * Elements, or some ten times as many characters, between two moments at which others may have their
 * turn.
 */
export const PIECE = 4_096;

/** As `sort` of a copy. */
export function* sortedTexts(texts: readonly string[]): Steps<readonly string[]> {
  const sorted: string[] = [];
  for (let at = 0; at < texts.length; at += PIECE) {
    for (const text of texts.slice(at, at + PIECE).sort()) sorted.push(text);
    yield;
  }
  return yield* mergedSteps(sorted, (length) => new Array<string>(length));
}

/** By size; none may be NaN. */
export function* sortedNumbers(numbers: readonly number[]): Steps<Float64Array> {
  const sorted = Float64Array.from(numbers);
  for (let at = 0; at < sorted.length; at += PIECE) {
    sorted.subarray(at, at + PIECE).sort();
    yield;
  }
  return yield* mergedSteps(sorted, (length) => new Float64Array(length));
}

/** A list in order, given one of which each piece is in order. */
function* mergedSteps<List extends Float64Array | string[]>(
  pieces: List,
  make: (length: number) => List,
): Steps<List> {
  let from = pieces;
  for (let run = PIECE; run < from.length; run *= 2) {
    const merged = make(from.length);
    for (let at = 0; at < from.length; at += 2 * run) {
      let [a, b] = [at, Math.min(at + run, from.length)];
      const [middle, end] = [b, Math.min(at + 2 * run, from.length)];
      for (let to = at; to < end; to++) {
        const takesFirst = b >= end || (a < middle && isInOrder(from[a], from[b]));
        merged[to] = (takesFirst ? from[a++] : from[b++]) as string & number;
        if (to % PIECE === PIECE - 1) yield;
      }
    }
    from = merged;
  }
  return from;
}

function isInOrder(a: string | number | undefined, b: string | number | undefined): boolean {
  return (a as string) <= (b as string);
}
