import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HybridClock, hybridTime, unixMs } from './hybrid-clock.ts';

const START_MS = Date.UTC(2026, 6, 28, 12, 30, 15, 123);

function clockAt(startMs: number, driftMsMax?: number) {
  const wall = { ms: startMs };
  return { wall, clock: new HybridClock({ nowMs: () => wall.ms }, driftMsMax) };
}

test('wall time survives the round trip, from 2020 to 2089', () => {
  for (const ms of [Date.UTC(2020, 0, 1), START_MS, Date.UTC(2089, 0, 1)]) {
    expect(unixMs(hybridTime(ms))).toBe(ms);
    expect(Number.isSafeInteger(hybridTime(ms) + 4095)).toBe(true);
  }
});

test('fractions of a millisecond are cut, times before 2020 count as its start', () => {
  expect(hybridTime(START_MS + 0.75)).toBe(hybridTime(START_MS));
  expect(hybridTime(0)).toBe(0);
});

test('readings stay near wall time and are told apart within one millisecond', () => {
  const { clock } = clockAt(START_MS);
  const readings = Array.from({ length: 1000 }, () => clock.now());
  expect(new Set(readings).size).toBe(1000);
  expect(readings.every((time) => unixMs(time) === START_MS)).toBe(true);
});

test('a wall clock that steps back does not turn time back', () => {
  const { wall, clock } = clockAt(START_MS);
  const before = clock.now();
  wall.ms -= 3_600_000;
  expect(clock.now()).toBeGreaterThan(before);
  wall.ms = START_MS + 5;
  expect(unixMs(clock.now())).toBe(START_MS + 5);
});

test('the next reading is later than an observed time ahead of us', () => {
  const { clock } = clockAt(START_MS);
  const ahead = hybridTime(START_MS + 30_000);
  expect(clock.observe(ahead)).toBe(true);
  expect(clock.now()).toBeGreaterThan(ahead);
});

test('a time beyond the drift limit is reported and does not move us', () => {
  const { clock } = clockAt(START_MS, 1_000);
  expect(clock.observe(hybridTime(START_MS + 1_000) + 4095)).toBe(true);
  expect(clock.observe(hybridTime(START_MS + 1_001))).toBe(false);
  // The counter of the last millisecond in the limit was full.
  expect(unixMs(clock.now())).toBe(START_MS + 1_001);
});

test('after a restart nothing is given again', () => {
  const first = clockAt(START_MS);
  const given = first.clock.now() + 77;
  const second = clockAt(START_MS - 60_000, 0);
  second.clock.resumeAfter(given);
  expect(second.clock.now()).toBeGreaterThan(given);
});

test('every reading is later than all readings and accepted times before it', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('now' as const) }),
      fc.record({ kind: fc.constant('step' as const), ms: fc.integer({ min: -5_000, max: 5_000 }) }),
      fc.record({
        kind: fc.constant('observe' as const),
        aheadMs: fc.integer({ min: -90_000, max: 90_000 }),
      }),
    ),
  );
  fc.assert(
    fc.property(steps, (list) => {
      const { wall, clock } = clockAt(START_MS);
      let latest = 0;
      for (const step of list) {
        if (step.kind === 'step') wall.ms += step.ms;
        else if (step.kind === 'observe') {
          const time = hybridTime(wall.ms + step.aheadMs);
          const isAccepted = clock.observe(time);
          expect(isAccepted).toBe(step.aheadMs <= 60_000);
          if (isAccepted) latest = Math.max(latest, time);
        } else {
          const time = clock.now();
          expect(time).toBeGreaterThan(latest);
          latest = time;
        }
      }
    }),
  );
});
