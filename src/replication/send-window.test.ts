import { describe, expect, test } from 'vitest';
import { ProtocolError } from './frame-sequence.ts';
import { SendWindow, WINDOW_BYTES_MAX } from './send-window.ts';

/** A puller that releases each frame `delayMs` after it was sent; the source sends whenever there is room. */
function exchange(window: SendWindow) {
  let released = 0;
  let nowMs = 0;
  return (rounds: number, delayMs: number): number => {
    let mostUnderWay = 0;
    for (let round = 0; round < rounds; round++) {
      const burst: number[] = [];
      while (window.room > 0) {
        burst.push(window.frameBytes);
        window.sendFrame(window.frameBytes, nowMs);
      }
      mostUnderWay = Math.max(mostUnderWay, window.unreleasedBytes);
      nowMs += delayMs;
      for (const bytes of burst) {
        released += bytes;
        window.release(released, nowMs);
      }
    }
    return mostUnderWay;
  };
}

describe('the limit', () => {
  test('grows to its bound while releases are prompt, and never past it by more than a frame', () => {
    const window = new SendWindow();
    const most = exchange(window)(30, 5);
    expect(most).toBeGreaterThanOrEqual(WINDOW_BYTES_MAX);
    expect(most).toBeLessThanOrEqual(WINDOW_BYTES_MAX + window.frameBytes);
    expect(window.frameBytes).toBe(256 * 1024);
  });

  test('grows over a long way too: what counts is that releases do not become slower', () => {
    expect(exchange(new SendWindow())(30, 600)).toBeGreaterThanOrEqual(WINDOW_BYTES_MAX);
  });

  test('shrinks when releases become slow, down to little', () => {
    const window = new SendWindow();
    const go = exchange(window);
    go(30, 5);
    go(20, 3_000);
    expect(window.room + window.unreleasedBytes).toBe(2 * 1024);
    expect(window.frameBytes).toBe(512);
  });

  test('is halved once for all that was under way', () => {
    const window = new SendWindow();
    window.sendFrame(100, 0);
    window.release(100, 1);
    const before = window.room;
    for (let frame = 0; frame < 10; frame++) window.sendFrame(100, 10);
    for (let frame = 1; frame <= 10; frame++) window.release(100 + 100 * frame, 5_000 + frame);
    expect(window.room).toBe(before >> 1);
  });
});

test('a full window can be widened for what its contents wait for', () => {
  const window = new SendWindow();
  window.sendFrame(window.room, 0);
  expect(window.room).toBe(0);
  window.expand();
  expect(window.room).toBe(64 * 1024);
  window.sendFrame(2 * WINDOW_BYTES_MAX, 0);
  window.expand();
  expect(window.room).toBeLessThanOrEqual(0);
});

test('old news is ignored, and nobody can release what was not sent', () => {
  const window = new SendWindow();
  window.sendFrame(100, 0);
  window.release(60, 1);
  window.release(40, 2);
  expect(window.unreleasedBytes).toBe(40);
  expect(() => window.release(101, 3)).toThrow(ProtocolError);
});
