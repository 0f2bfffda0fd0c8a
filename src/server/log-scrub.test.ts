import { expect, test } from 'vitest';
import { LogDamagedError } from '../log/index.ts';
import { LogScrub } from './log-scrub.ts';

test('a log is read again a day after it was read, and damage is told each time, until it is stopped', async () => {
  const timers: { readonly delayMs: number; readonly task: () => void; isCancelled: boolean }[] = [];
  const told: string[] = [];
  let rounds = 0;
  const scrub = new LogScrub({
    runtime: {
      after: (delayMs, task) => {
        const timer = { delayMs, task, isCancelled: false };
        timers.push(timer);
        return () => {
          timer.isCancelled = true;
        };
      },
    },
    log: { scrub: async () => [new LogDamagedError(`round ${++rounds}`)] },
    onDamage: ({ message }) => told.push(message),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  expect(told).toEqual(['round 1']);
  timers[0]?.task();
  await settle();
  expect(told).toEqual(['round 1', 'round 2']);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([86_400_000, 86_400_000]);
  expect(scrub.damagedSegments).toBe(1);
  scrub.stop();
  expect(timers[1]?.isCancelled).toBe(true);
});
