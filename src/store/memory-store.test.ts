import { expect, test } from 'vitest';
import type { Runtime } from '../runtime/index.ts';
import { createMemoryStore, MemoryStoreState, StoreFailedError } from './index.ts';

/** Time that moves only when told. */
function manualRuntime() {
  let nowMs = 0;
  let tasks: { dueMs: number; task: () => void }[] = [];
  const after = (delayMs: number, task: () => void) => {
    const entry = { dueMs: nowMs + delayMs, task };
    tasks.push(entry);
    return () => {
      tasks = tasks.filter((other) => other !== entry);
    };
  };
  const runtime: Runtime = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    random: () => 0.5,
    uuid: () => '00000000-0000-0000-0000-000000000000',
    after,
    soon: (task) => void after(0, task),
  };
  const advance = async (ms: number) => {
    nowMs += ms;
    for (const { task } of tasks.filter(({ dueMs }) => dueMs <= nowMs)) task();
    tasks = tasks.filter(({ dueMs }) => dueMs > nowMs);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { runtime, advance };
}

const one = (key: string, value: string) => [{ key: Buffer.from(key), value: Buffer.from(value) }];

test('what was resolved survives a crash; what was under way is absent, and never ends', async () => {
  const { runtime, advance } = manualRuntime();
  const state = new MemoryStoreState();
  const crashed = createMemoryStore({ state, runtime, writeMsMax: 40 });
  let resolved = 0;
  const count = () => {
    resolved += 1;
  };
  void crashed.write(one('a', '1')).then(count);
  await advance(10);
  expect(resolved, 'durable, but not yet told').toBe(0);
  await advance(10);
  expect(resolved).toBe(1);
  void crashed.write([...one('b', '2'), ...one('c', '3')]).then(count, count);
  await advance(5);
  const reopened = createMemoryStore({ state, runtime, writeMsMax: 40 });
  await advance(100);
  expect(resolved, 'the dead process hears nothing').toBe(1);
  expect(reopened.get(Buffer.from('a'))?.toString()).toBe('1');
  expect(reopened.get(Buffer.from('b'))).toBeUndefined();
  expect(reopened.get(Buffer.from('c'))).toBeUndefined();
  expect(() => crashed.get(Buffer.from('a'))).toThrow(StoreFailedError);
});

test('a crash after the write became durable keeps all of it', async () => {
  const { runtime, advance } = manualRuntime();
  const state = new MemoryStoreState();
  void createMemoryStore({ state, runtime, writeMsMax: 40 }).write([...one('b', '2'), ...one('c', '3')]);
  await advance(10);
  const reopened = createMemoryStore({ state });
  expect((await reopened.getMany([Buffer.from('b'), Buffer.from('c')])).map(String)).toEqual(['2', '3']);
});

test('a store that failed stays failed; the next one on its state works', async () => {
  const state = new MemoryStoreState();
  const store = createMemoryStore({ state });
  await store.write(one('a', '1'));
  const snapshot = store.snapshot();
  state.failStore('no space left');
  await expect(store.write(one('a', '2'))).rejects.toThrow(/no space left/);
  expect(() => store.get(Buffer.from('a'))).toThrow(StoreFailedError);
  expect(() => snapshot.get(Buffer.from('a'))).toThrow(StoreFailedError);
  await snapshot.close();
  await store.close();
  const next = createMemoryStore({ state });
  expect(next.get(Buffer.from('a'))?.toString()).toBe('1');
});
