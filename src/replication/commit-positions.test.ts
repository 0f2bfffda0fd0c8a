import { expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { CommitPositions } from './commit-positions.ts';

const at = (n: number, other = 0) => new VersionVector([[1, n], ...(other > 0 ? [[2, other] as const] : [])]);

test('a place in the log is committed when what it amounts to is', async () => {
  const positions = new CommitPositions();
  positions.note(3, at(2, 1), 10);
  positions.note(5, at(4, 1), 20);
  expect(positions.wait(0)).toBeUndefined();
  const wait = positions.wait(3);
  expect(positions.waitingSinceMs).toBe(10);
  expect(positions.learn(at(4))).toBe(true);
  expect(positions.lsn).toBe(0);
  expect(positions.learn(at(3, 1))).toBe(true);
  expect(positions.lsn).toBe(5);
  await wait?.promise;
  expect(positions.learn(at(4, 1))).toBe(false);
  expect(positions.waitingSinceMs).toBeUndefined();
});

test('what is known before it is here is committed as soon as it comes', () => {
  const positions = new CommitPositions();
  positions.learn(at(9));
  positions.note(9, at(9), 0);
  expect(positions.wait(9)).toBeUndefined();
  positions.note(10, at(10), 0);
  expect(positions.wait(9)).toBeUndefined();
  expect(positions.wait(10)).toBeDefined();
});

test('many marks are thinned without calling anything committed too early', () => {
  const positions = new CommitPositions();
  for (let n = 1; n <= 5_000; n++) positions.note(n, at(n), n);
  for (const n of [1, 2, 77, 1_000, 4_999, 5_000]) {
    positions.learn(at(n));
    expect(positions.lsn).toBeLessThanOrEqual(n);
  }
  expect(positions.lsn).toBe(5_000);
});

test('a wait that was given up is forgotten; released ones end', async () => {
  const positions = new CommitPositions();
  positions.note(1, at(1), 0);
  let isDone = false;
  const given = positions.wait(1);
  void given?.promise.then(() => {
    isDone = true;
  });
  given?.cancel();
  const kept = positions.wait(1);
  positions.release();
  await kept?.promise;
  expect(isDone).toBe(false);
});
