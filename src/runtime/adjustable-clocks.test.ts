import { expect, test } from 'vitest';
import { createAdjustableClocks } from './adjustable-clocks.ts';
import type { Runtime } from './runtime.ts';

function open() {
  const at = { ms: 1_000 };
  const delays: number[] = [];
  const base = {
    nowMs: () => 1e12 + at.ms,
    monotonicMs: () => at.ms,
    after: (delayMs: number) => {
      delays.push(delayMs);
      return () => undefined;
    },
  } as unknown as Runtime;
  return { at, delays, clocks: createAdjustableClocks(base) };
}

test('clocks are right until they are made wrong', () => {
  const { clocks } = open();
  expect(clocks.runtime.nowMs()).toBe(1e12 + 1_000);
  expect(clocks.runtime.monotonicMs()).toBe(1_000);
});

test('a skew moves the wall clock alone', () => {
  const { clocks } = open();
  clocks.adjust({ skewMs: -5_000, ppm: 0 });
  expect(clocks.runtime.nowMs()).toBe(1e12 - 4_000);
  expect(clocks.runtime.monotonicMs()).toBe(1_000);
});

test('a drift makes all clocks and timers run fast, and what it gained stays', () => {
  const { at, delays, clocks } = open();
  clocks.adjust({ skewMs: 0, ppm: 1e5 });
  at.ms += 10_000;
  expect(clocks.runtime.monotonicMs()).toBeCloseTo(12_000);
  expect(clocks.runtime.nowMs()).toBe(1e12 + 12_000);
  clocks.runtime.after(1_100, () => undefined);
  expect(delays[0]).toBeCloseTo(1_000);
  clocks.adjust({ skewMs: 0, ppm: 0 });
  at.ms += 500;
  expect(clocks.runtime.monotonicMs()).toBeCloseTo(12_500);
  expect(clocks.runtime.nowMs()).toBe(1e12 + 12_500);
});
