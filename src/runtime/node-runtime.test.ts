import { expect, test } from 'vitest';
import { createNodeRuntime } from './node-runtime.ts';
import { sleep } from './runtime.ts';

const runtime = createNodeRuntime();

test('waits no less than asked, fractions included', async () => {
  const start = runtime.monotonicMs();
  await sleep(runtime, 4.6);
  // Timers and performance.now round differently, by less than a millisecond.
  expect(runtime.monotonicMs() - start).toBeGreaterThanOrEqual(3.9);
});

test('a cancelled task never runs, and cancelling late or twice does nothing', async () => {
  const ran: string[] = [];
  const cancel = runtime.after(1, () => ran.push('cancelled'));
  const late = runtime.after(1, () => ran.push('kept'));
  cancel();
  cancel();
  await sleep(runtime, 10);
  late();
  expect(ran).toEqual(['kept']);
});

test('a delay longer than a timer can hold does not run at once', async () => {
  let ran = false;
  const cancel = runtime.after(2 ** 31 + 5, () => {
    ran = true;
  });
  await sleep(runtime, 10);
  cancel();
  expect(ran).toBe(false);
});

test('soon runs after the promises that are ready, before timers that are not', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    runtime.after(20, () => {
      order.push('after');
      resolve();
    });
    runtime.soon(() => order.push('soon'));
    void Promise.resolve().then(() => order.push('promise'));
    order.push('now');
  });
  expect(order).toEqual(['now', 'promise', 'soon', 'after']);
});

test('the clock is in Unix milliseconds, GUIDs are lower case and differ, chance stays below 1', () => {
  expect(runtime.nowMs()).toBeGreaterThan(Date.UTC(2024, 0, 1));
  expect(runtime.uuid()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(runtime.uuid()).not.toBe(runtime.uuid());
  for (let i = 0; i < 100; i++) expect(runtime.random()).toBeLessThan(1);
});

test.each([false, true])('a waiting timer holds the process only when asked: %s', (timersHoldProcess) => {
  const holders = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = holders();
  const cancel = createNodeRuntime({ timersHoldProcess }).after(60_000, () => undefined);
  expect(holders() - before).toBe(timersHoldProcess ? 1 : 0);
  cancel();
});
