/**
 * Request units. The published figures hold for point operations with default indexing at Session level;
 * between two figures we interpolate, so a charge depends on the size alone and repeats exactly.
 */

/** [item size in KB, RU of a read, RU of a create] */
const PUBLISHED: readonly (readonly [number, number, number])[] = [
  [1, 1, 4.95],
  [2, 1.04, 6.29],
  [4, 1.14, 6.67],
  [8, 1.33, 7.04],
  [16, 1.67, 9.52],
  [32, 2.19, 11.23],
  [64, 4.76, 22.67],
  [128, 9.95, 48.19],
  [256, 20.28, 98.29],
  [512, 40.95, 184.57],
  [1024, 145.9, 625],
  [2048, 291.8, 1250],
];

function interpolate(sizeBytes: number, column: 1 | 2): number {
  const sizeKb = sizeBytes / 1024;
  let below = PUBLISHED[0] as (typeof PUBLISHED)[number];
  if (sizeKb <= below[0]) return below[column];
  for (const above of PUBLISHED) {
    if (sizeKb <= above[0]) {
      const share = (sizeKb - below[0]) / (above[0] - below[0]);
      return round(below[column] + share * (above[column] - below[column]));
    }
    below = above;
  }
  return below[column];
}

function round(units: number): number {
  return Math.round(units * 100) / 100;
}

export function readCharge(sizeBytes: number): number {
  return interpolate(sizeBytes, 1);
}

export function createCharge(sizeBytes: number): number {
  return interpolate(sizeBytes, 2);
}

/** A replace takes the old index entries away too. */
export function replaceCharge(sizeBytes: number): number {
  return round(2 * interpolate(sizeBytes, 2));
}

/** For answers that read no item: preconditions that failed, items that are not there, metadata. */
export const LOOKUP_CHARGE = 1;
