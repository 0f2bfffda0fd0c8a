import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { createMemoryStore, openLevelStore, type Store, StoreFailedError } from './index.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openMemory(): Promise<Store> {
  const store = createMemoryStore();
  closers.push(() => store.close());
  return store;
}

async function openLevel(): Promise<Store> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-store-'));
  const store = await openLevelStore({ directory, writeBufferBytes: 1 << 20 });
  closers.push(
    () => rm(directory, { recursive: true }),
    () => store.close(),
  );
  return store;
}

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value: string) => ({ key: bytes(key), value: bytes(value) });
const drop = (key: string) => ({ key: bytes(key), value: undefined });

async function scan(
  store: Store,
  { from = '\0', to = '\x7f', reverse = false, chunk = 100 } = {},
): Promise<string[]> {
  const snapshot = store.snapshot();
  const cursor = snapshot.scan({ from: bytes(from), to: bytes(to), reverse });
  const found: string[] = [];
  let pairs = await cursor.next(chunk);
  while (pairs.length > 0) {
    found.push(...pairs.map(([key, value]) => `${key}=${value}`));
    if (pairs.length < chunk) break;
    pairs = await cursor.next(chunk);
  }
  expect(await cursor.next(chunk), 'nothing follows the end').toEqual(pairs.length < chunk ? [] : pairs);
  await cursor.close();
  await snapshot.close();
  return found;
}

describe.each([
  ['memory', openMemory],
  ['level', openLevel],
])('%s store', (_name, open) => {
  test('reads what was written, and the last write of a key in a batch wins', async () => {
    const store = await open();
    await store.write([put('a', '1'), put('b', '2'), put('a', '3'), drop('b'), put('c', '')]);
    expect(store.get(bytes('a'))?.toString()).toBe('3');
    expect(store.get(bytes('b'))).toBeUndefined();
    expect(store.get(bytes('c'))).toEqual(Buffer.alloc(0));
    const many = await store.getMany([bytes('c'), bytes('x'), bytes('a')]);
    expect(many.map((value) => value?.toString())).toEqual(['', undefined, '3']);
    expect(await store.getMany([])).toEqual([]);
  });

  test('takes plain Uint8Arrays and keeps nothing of them', async () => {
    const store = await open();
    const key = Uint8Array.of(1, 2);
    const value = Uint8Array.of(3, 4);
    await store.write([{ key, value }]);
    key.fill(9);
    value.fill(9);
    expect(store.get(Uint8Array.of(1, 2))).toEqual(Buffer.of(3, 4));
  });

  test('scans both ways in chunks, from inclusive, to exclusive', async () => {
    const store = await open();
    await store.write(['a', 'b', 'ba', 'c', 'd'].map((key) => put(key, key)));
    for (const chunk of [1, 2, 3, 100]) {
      expect(await scan(store, { from: 'b', to: 'd', chunk })).toEqual(['b=b', 'ba=ba', 'c=c']);
      expect(await scan(store, { from: 'b', to: 'd', chunk, reverse: true })).toEqual([
        'c=c',
        'ba=ba',
        'b=b',
      ]);
    }
    expect(await scan(store, { from: 'aa', to: 'b' })).toEqual([]);
    expect(await scan(store, { from: 'b', to: 'b' })).toEqual([]);
    expect(await scan(store, { from: 'd', to: 'a' })).toEqual([]);
    expect(await scan(store, { from: 'd', to: 'a', reverse: true })).toEqual([]);
    expect(await scan(store, { from: 'e', to: 'f', reverse: true })).toEqual([]);
  });

  test('gives as many pairs as asked for, however large they are', async () => {
    const store = await open();
    const value = Buffer.alloc(300_000, 7);
    await store.write(Array.from({ length: 12 }, (_, i) => ({ key: Buffer.of(1, i), value })));
    const snapshot = store.snapshot();
    const cursor = snapshot.scan({ from: Buffer.of(1), to: Buffer.of(2) });
    expect((await cursor.next(11)).map(([key]) => key[1])).toEqual([...Array(11).keys()]);
    expect((await cursor.next(11)).length).toBe(1);
    expect((await cursor.next(11)).length).toBe(0);
    await cursor.close();
    await snapshot.close();
  });

  test('shows a whole range of keys without anything of its own', async () => {
    const store = await open();
    await store.write([{ key: Buffer.alloc(7, 0xff), value: Buffer.of(1) }]);
    const snapshot = store.snapshot();
    for (const reverse of [false, true]) {
      const cursor = snapshot.scan({ from: Buffer.of(0), to: Buffer.alloc(40, 0xff), reverse });
      expect((await cursor.next(10)).map(([key]) => key)).toEqual([Buffer.alloc(7, 0xff)]);
      await cursor.close();
    }
    await snapshot.close();
  });

  test('a snapshot and its cursors stay as they were', async () => {
    const store = await open();
    await store.write([put('a', '1'), put('b', '2'), put('c', '3')]);
    const snapshot = store.snapshot();
    const early = snapshot.scan({ from: bytes('a'), to: bytes('z') });
    expect((await early.next(1)).length).toBe(1);
    await store.write([put('a', 'new'), drop('b'), put('bb', 'new'), put('d', 'new')]);
    expect(snapshot.get(bytes('a'))?.toString()).toBe('1');
    expect(snapshot.get(bytes('d'))).toBeUndefined();
    expect((await snapshot.getMany([bytes('b'), bytes('d')])).map(String)).toEqual(['2', 'undefined']);
    expect((await early.next(9)).map(([key, value]) => `${key}=${value}`)).toEqual(['b=2', 'c=3']);
    const late = snapshot.scan({ from: bytes('a'), to: bytes('z'), reverse: true });
    expect((await late.next(9)).map(([key, value]) => `${key}=${value}`)).toEqual(['c=3', 'b=2', 'a=1']);
    await early.close();
    await late.close();
    await snapshot.close();
    expect(await scan(store)).toEqual(['a=new', 'bb=new', 'c=3', 'd=new']);
  });

  test('a batch is seen whole or not at all', async () => {
    const store = await open();
    const keys = Array.from({ length: 200 }, (_, i) => Buffer.of(5, i));
    await store.write(keys.map((key) => ({ key, value: bytes('0') })));
    let isDone = false;
    const writing = (async () => {
      for (let round = 1; round <= 20; round++) {
        await store.write(keys.map((key) => ({ key, value: bytes(String(round)) })));
      }
      isDone = true;
    })();
    while (!isDone) {
      const snapshot = store.snapshot();
      const values = await snapshot.getMany(keys);
      expect(new Set(values.map(String)).size).toBe(1);
      await snapshot.close();
    }
    await writing;
  });

  test('writes that do not wait for each other take effect in their order', async () => {
    const store = await open();
    const writes = Array.from({ length: 50 }, (_, i) =>
      store.write([put('k', String(i)), put(`k${i}`, 'x')]),
    );
    await Promise.all(writes);
    expect(store.get(bytes('k'))?.toString()).toBe('49');
    expect((await scan(store, { from: 'k', to: 'l' })).length).toBe(51);
  });

  test('clears exactly a range, with the writes called before', async () => {
    const store = await open();
    const all = Array.from({ length: 2500 }, (_, i) => ({
      key: Buffer.of(7, i >> 8, i & 255),
      value: bytes('v'),
    }));
    await store.write([put('a', '1'), ...all.slice(0, 2400), { key: Buffer.of(8), value: bytes('2') }]);
    const pending = store.write(all.slice(2400));
    await store.clear(Buffer.of(7), Buffer.of(8));
    await pending;
    expect(store.get(Buffer.of(7, 0, 0))).toBeUndefined();
    expect(store.get(Buffer.of(7, 9, 195))).toBeUndefined();
    expect(store.get(bytes('a'))?.toString()).toBe('1');
    expect(store.get(Buffer.of(8))?.toString()).toBe('2');
  });

  test('close waits for snapshots and writes, then nothing works any more', async () => {
    const store = await open();
    const writing = store.write([put('a', '1')]);
    const snapshot = store.snapshot();
    const cursor = snapshot.scan({ from: bytes('a'), to: bytes('z') });
    let isClosed = false;
    const closing = store.close().then(() => {
      isClosed = true;
    });
    await writing;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isClosed).toBe(false);
    expect(() => store.snapshot(), 'no newcomers').toThrow(StoreFailedError);
    await cursor.next(10);
    await cursor.close();
    await snapshot.close();
    await closing;
    expect(() => store.get(bytes('a'))).toThrow(StoreFailedError);
    await expect(store.getMany([bytes('a')])).rejects.toThrow(StoreFailedError);
    await expect(store.write([put('a', '2')])).rejects.toThrow(StoreFailedError);
    await expect(store.clear(bytes('a'), bytes('b'))).rejects.toThrow(StoreFailedError);
  });

  test('agrees with a sorted map under random operations', async () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 5 });
    const write = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }) });
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          writes: fc.array(write, { maxLength: 40 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), from: key, to: key }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('scan' as const),
          from: key,
          to: key,
          reverse: fc.boolean(),
          chunk: fc.integer({ min: 1, max: 7 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const store = await open();
        const model = new Map<string, string>();
        for (const action of steps) {
          if (action.kind === 'write') {
            await store.write(action.writes);
            for (const { key, value } of action.writes) {
              if (value === undefined) model.delete(hex(key));
              else model.set(hex(key), hex(value));
            }
          } else if (action.kind === 'clear') {
            await store.clear(action.from, action.to);
            for (const [name] of within(model, action)) model.delete(name);
          } else {
            expect(await readAll(store, action)).toEqual(within(model, action));
          }
        }
        for (const close of closers.splice(0).reverse()) await close();
      }),
      { numRuns: runs(25) },
    );
  }, 30_000);
});

const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

function within(
  model: Map<string, string>,
  range: { from: Uint8Array; to: Uint8Array; reverse?: boolean },
): [string, string][] {
  const found = [...model].filter(([key]) => key >= hex(range.from) && key < hex(range.to)).sort();
  return range.reverse === true ? found.reverse() : found;
}

async function readAll(
  store: Store,
  range: { from: Uint8Array; to: Uint8Array; reverse: boolean; chunk: number },
): Promise<[string, string][]> {
  const snapshot = store.snapshot();
  const cursor = snapshot.scan(range);
  const found: [string, string][] = [];
  for (let pairs = await cursor.next(range.chunk); pairs.length > 0; pairs = await cursor.next(range.chunk)) {
    for (const [key, value] of pairs) found.push([hex(key), hex(value)]);
  }
  await cursor.close();
  await snapshot.close();
  return found;
}
