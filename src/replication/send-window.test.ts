import { describe, expect, test } from 'vitest';
import { ProtocolError } from './frame-sequence.ts';
import { SendWindow, WINDOW_BYTES_MAX } from './send-window.ts';

/** Sends whenever there is room, and releases each frame `delayMs` later; gives the most that was under way. */
function run(window: SendWindow, options: { delayMs: number; frames: number; startMs?: number }): number {
  let nowMs = options.startMs ?? 0;
  let sent = window.unreleasedBytes;
  let most = 0;
  const base = total.get(window) ?? 0;
  let released = base;
  sent = base;
  for (let n = 0; n < options.frames; n++) {
    const burst: number[] = [];
    while (window.room > 0) {
      const bytes = window.frameBytes;
      window.sendFrame(bytes, nowMs);
      burst.push(bytes);
      sent += bytes;
    }
    most = Math.max(most, window.unreleasedBytes);
    nowMs += options.delayMs;
    for (const bytes of burst) {
      released += bytes;
      window.release(released, nowMs);
    }
  }
  total.set(window, sent);
  return most;
}

const total = new WeakMap<SendWindow, number>();

describe('the limit', () => {
  test('grows to its bound while releases are prompt, and never past it by more than a frame', () => {
    const window = new SendWindow();
    const most = run(window, { delayMs: 5, frames: 30 });
    expect(most).toBeGreaterThanOrEqual(WINDOW_BYTES_MAX);
    expect(most).toBeLessThanOrEqual(WINDOW_BYTES_MAX + window.frameBytes);
    expect(window.frameBytes).toBe(256 * 1024);
  });

  test('grows over a long way too: what counts is that releases do not become slower', () => {
    expect(run(new SendWindow(), { delayMs: 600, frames: 30 })).toBeGreaterThanOrEqual(WINDOW_BYTES_MAX);
  });

  test('shrinks when releases become slow, down to little', () => {
    const window = new SendWindow();
    run(window, { delayMs: 5, frames: 30 });
    run(window, { delayMs: 3_000, frames: 20, startMs: 1_000 });
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
