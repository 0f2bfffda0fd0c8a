import { expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { DiskOutdatedError, lossOf, ToldWrites } from './told-writes.ts';

const has = (n: number) =>
  new VersionVector([
    [1, n],
    [2, 99],
  ]);

test('others may have what the region began with and what it has sent, and no more', () => {
  const told = new ToldWrites(1);
  told.open(7, has(3));
  expect(told.problem(7, 2, has(3))).toBeUndefined();
  expect(told.problem(7, 2, has(4))).toBeInstanceOf(DiskOutdatedError);
  told.note(7, 5);
  told.note(7, 4);
  expect(told.problem(7, 2, has(5))).toBeUndefined();
  expect(told.problem(7, 2, has(6))?.message).toMatch(/told 5 .* partition 7, .* origin 2 has 6/);
});

test('of a partition that is not open nothing is known', () => {
  expect(new ToldWrites(1).problem(7, 2, has(4))).toBeUndefined();
});

test('a region has what others know it to have had, or its disk is older', () => {
  const known = new VersionVector([
    [1, 2],
    [3, 4],
  ]);
  const applied = known.clone();
  expect(lossOf({ partition: 7, peer: 2, known, applied })).toBeUndefined();
  applied.advance(2, 9);
  expect(lossOf({ partition: 7, peer: 2, known, applied })).toBeUndefined();
  const problem = lossOf({ partition: 7, peer: 2, known, applied: has(99) });
  expect(problem).toBeInstanceOf(DiskOutdatedError);
  expect(problem?.message).toMatch(/an earlier time: of partition 7 .* has \(1:99 2:99\), .* \(1:2 3:4\)/);
});
