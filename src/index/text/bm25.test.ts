import { expect, test } from 'vitest';
import { bm25Score } from './bm25.ts';

const STATISTICS = { documentCount: 100, wordCount: 1_000, hitCounts: [10, 50] };

test('the published formula, worked out by hand', () => {
  const score = bm25Score({ wordCount: 20, occurrences: [2, 0] }, STATISTICS);
  const idf = Math.log(1 + (100 - 10 + 0.5) / (10 + 0.5));
  expect(score).toBeCloseTo((idf * 2 * 2.2) / (2 + 1.2 * (0.25 + 0.75 * 2)), 12);
});

test('more occurrences, rarer words and shorter texts count more', () => {
  const score = (wordCount: number, ...occurrences: number[]) =>
    bm25Score({ wordCount, occurrences }, STATISTICS);
  expect(score(10, 2, 0)).toBeGreaterThan(score(10, 1, 0));
  expect(score(10, 1, 0)).toBeGreaterThan(score(10, 0, 1));
  expect(score(5, 1, 0)).toBeGreaterThan(score(10, 1, 0));
  expect(score(10, 1, 1)).toBeCloseTo(score(10, 1, 0) + score(10, 0, 1), 12);
  expect(score(10, 0, 0)).toBe(0);
});

test('statistics that lag behind the texts never make a score negative or infinite', () => {
  for (const all of [
    { documentCount: 0, wordCount: 0, hitCounts: [0] },
    { documentCount: 1, wordCount: 3, hitCounts: [5] },
  ]) {
    const score = bm25Score({ wordCount: 3, occurrences: [1] }, all);
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThan(100);
  }
});
