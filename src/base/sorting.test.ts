import { expect, test } from 'vitest';
import { sortInTurns, sortNumbersInTurns } from './index.ts';

test.each([0, 1, 4_096, 4_097, 20_000, 33_000])(
  '%i elements are sorted, equal ones in their order',
  async (count) => {
    let turns = 0;
    const turn = () => {
      turns++;
      return Promise.resolve();
    };
    const list = Array.from({ length: count }, (_, i) => ({ key: (i * 7_919) % 101, i }));
    const expected = [...list].sort((a, b) => a.key - b.key || a.i - b.i);
    expect(await sortInTurns(list, (a, b) => a.key - b.key, turn)).toEqual(expected);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 4_097));
  },
);

test.each([0, 3, 65_536, 65_537, 400_000])('%i numbers are sorted', async (count) => {
  let turns = 0;
  const turn = () => {
    turns++;
    return Promise.resolve();
  };
  const numbers = Float64Array.from({ length: count }, (_, i) => (i * 7_919) % 100_003);
  const expected = Float64Array.from(numbers).sort();
  const sorted = await sortNumbersInTurns(numbers, turn);
  expect(Buffer.compare(Buffer.from(sorted.buffer), Buffer.from(expected.buffer))).toBe(0);
  expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 65_537));
});
