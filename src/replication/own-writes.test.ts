import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { OwnWrites } from './own-writes.ts';

test('the oldest write that somebody lacks', () => {
  const own = new OwnWrites(5, 0);
  own.note(6, 100);
  own.note(7, 105);
  own.note(9, 300);
  expect(own.ageAfter(9, 1_000)).toBe(0);
  expect(own.ageAfter(8, 1_000)).toBe(700);
  // Shares a mark with the sixth: seems older, never younger.
  expect(own.ageAfter(6, 1_000)).toBe(900);
  expect(own.ageAfter(4, 1_000)).toBe(Number.POSITIVE_INFINITY);
  expect(own.waitingMs(4, 1_000)).toBe(1_000);
  expect(own.between(5, 9)).toEqual([100, 300]);
  own.prune(7);
  expect(own.ageAfter(7, 1_000)).toBe(700);
});

test('ages are never younger than the truth, however many writes there are', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 300, maxLength: 1_500 });
  fc.assert(
    fc.property(steps, fc.nat(), (gapsMs, pick) => {
      const own = new OwnWrites(0, 0);
      const atMs: number[] = [];
      let nowMs = 0;
      for (const gap of gapsMs) {
        nowMs += gap;
        atMs.push(nowMs);
        own.note(atMs.length, nowMs);
      }
      const acknowledged = pick % atMs.length;
      const truth = nowMs - (atMs[acknowledged] ?? 0);
      const told = own.ageAfter(acknowledged, nowMs);
      expect(told).toBeGreaterThanOrEqual(truth);
    }),
    { numRuns: runs(60) },
  );
});
