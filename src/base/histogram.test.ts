import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('values belong to the first bound that they do not exceed', () => {
  const histogram = new Histogram([0, 10, 100]);
  for (const value of [0, 0.5, 10, 11, 100, 101, 1e9]) histogram.add(value);
  expect(histogram.count).toBe(7);
  expect(histogram.snapshot()).toEqual({
    bounds: [0, 10, 100],
    counts: [1, 2, 2, 2],
    sum: 0.5 + 10 + 11 + 100 + 101 + 1e9,
  });
});
