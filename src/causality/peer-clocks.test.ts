import { describe, expect, test } from 'vitest';
import { PeerClocks } from './peer-clocks.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 6, 28);

function open(peers: readonly number[]) {
  const at = { trueMs: 0, skewMs: 0 };
  const clocks = new PeerClocks({ nowMs: () => START + at.trueMs + at.skewMs, monotonicMs: () => at.trueMs });
  const tell = () => {
    for (const [place, skewMs] of peers.entries()) clocks.note(place + 2, START + at.trueMs + skewMs);
  };
  const errorMs = () => clocks.nowMs() - START - at.trueMs;
  tell();
  return { at, clocks, tell, errorMs };
}

describe('a region whose clock is wrong', () => {
  test('believes it as long as most others are no further away than half a minute', () => {
    const { at, errorMs, clocks } = open([5, -20]);
    at.skewMs = 29_000;
    expect(errorMs()).toBe(29_000);
    expect(clocks.correctionMs).toBe(0);
  });

  test('is held back or drawn on at once when it jumps, also when nobody is heard any more', () => {
    const { at, errorMs, clocks } = open([5, -20]);
    at.skewMs = HOUR;
    expect(errorMs()).toBeLessThanOrEqual(30_005);
    at.skewMs = -HOUR;
    expect(errorMs()).toBeGreaterThanOrEqual(-30_020);
    at.skewMs = HOUR;
    at.trueMs = 10 * HOUR;
    expect(errorMs()).toBeLessThanOrEqual(30_005);
    expect(clocks.correctionMs).toBeGreaterThan(HOUR - 31_000);
  });

  test('is not believed by hearing it again', () => {
    const { at, errorMs, tell } = open([5, -20]);
    at.skewMs = HOUR;
    tell();
    expect(errorMs()).toBeLessThanOrEqual(30_005);
  });
});

test('who hears one region only hears of the others from it', () => {
  const at = { trueMs: 0 };
  const machine = (skewMs: number) =>
    new PeerClocks({ nowMs: () => START + at.trueMs + skewMs, monotonicMs: () => at.trueMs });
  const skews = [5, HOUR, -20];
  const [middle, wrong, right] = skews.map(machine) as [PeerClocks, PeerClocks, PeerClocks];
  for (let round = 0; round < 3; round++) {
    at.trueMs += 250;
    for (const [end, origin] of [
      [wrong, 2],
      [right, 3],
    ] as const) {
      middle.note(origin, START + at.trueMs + (skews[origin - 1] ?? 0));
      end.note(1, START + at.trueMs + 5, middle.heardBeside(origin));
    }
  }
  expect(wrong.nowMs() - START - at.trueMs).toBeLessThanOrEqual(30_005);
  expect([right.correctionMs, middle.correctionMs]).toEqual([0, 0]);
  wrong.retain(new Set([1]));
  expect(wrong.correctionMs, 'of two that disagree nobody can tell').toBe(0);
});

test('a clock at the limit goes wrong once, and is right again when it is well within', () => {
  const { at, clocks, tell } = open([0, 0]);
  const changes: unknown[] = [];
  const look = (skewMs: number) => {
    at.skewMs = skewMs;
    at.trueMs += 1_000;
    tell();
    changes.push(clocks.change());
  };
  for (const skewMs of [29_999, 30_000, 30_001, 30_000, 29_999, 30_001, 26_000]) look(skewMs);
  expect(changes).toEqual([undefined, undefined, 'went wrong', ...Array(4).fill(undefined)]);
  changes.length = 0;
  for (const skewMs of [25_000, 29_000, -29_000, -30_001, -29_000, 0]) look(skewMs);
  expect(changes).toEqual([
    'is right again',
    undefined,
    undefined,
    'went wrong',
    undefined,
    'is right again',
  ]);
});

test('time that passes between two looks at a clock is no error of it', () => {
  let readings = 0;
  const clocks = new PeerClocks({ nowMs: () => START + readings++, monotonicMs: () => readings });
  clocks.note(2, START);
  clocks.note(3, START);
  expect(clocks.correctionMs).toBe(0);
  expect(clocks.change()).toBeUndefined();
});

test('a peer that is wrong changes nothing', () => {
  for (const wrong of [HOUR, -HOUR]) {
    const { errorMs } = open([wrong, 0]);
    expect(errorMs()).toBe(0);
  }
});

test('two regions that disagree leave each other alone', () => {
  for (const wrong of [HOUR, -HOUR]) expect(open([wrong]).errorMs()).toBe(0);
});

test('without others, or after they left, the wall clock is all there is', () => {
  const { at, clocks, errorMs } = open([0, 0]);
  at.skewMs = HOUR;
  clocks.retain(new Set());
  expect(errorMs()).toBe(HOUR);
  clocks.note(2, Number.NaN);
  expect(errorMs()).toBe(HOUR);
});
