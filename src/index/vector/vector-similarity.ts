import type { Json } from '../../base/index.ts';
import type { VectorDistanceFunction } from '../../resource/index.ts';

/** Longest vector that is compared. */
export const DIMENSIONS_MAX = 4096;

/** The numbers of a vector; undefined for anything but an array of finite numbers, at least one. */
export function readVector(value: Json | undefined): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > DIMENSIONS_MAX) return undefined;
  for (const element of value) if (typeof element !== 'number') return undefined;
  return value as number[];
}

/**
 * What `VectorDistance` gives: the similarity (cosine, dotproduct: more is nearer) or the distance
 * (euclidean: less is nearer). Undefined when the lengths differ, when a vector without direction is asked
 * for its cosine, and when the result is no finite number.
 */
export function vectorScore(
  a: readonly number[],
  b: readonly number[],
  distanceFunction: VectorDistanceFunction,
): number | undefined {
  if (a.length !== b.length) return undefined;
  const score = SCORES[distanceFunction](a, b);
  return Number.isFinite(score) ? score : undefined;
}

/** Whether a higher score means nearer. */
export function isSimilarity(distanceFunction: VectorDistanceFunction): boolean {
  return distanceFunction !== 'euclidean';
}

const SCORES: Readonly<
  Record<VectorDistanceFunction, (a: readonly number[], b: readonly number[]) => number>
> = {
  cosine: (a, b) => {
    let dot = 0;
    let aa = 0;
    let bb = 0;
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return dot / Math.sqrt(aa * bb);
  },
  dotproduct: (a, b) => {
    let dot = 0;
    for (let i = 0; i < a.length; i++) dot += (a[i] as number) * (b[i] as number);
    return dot;
  },
  euclidean: (a, b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) {
      const difference = (a[i] as number) - (b[i] as number);
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  },
};
