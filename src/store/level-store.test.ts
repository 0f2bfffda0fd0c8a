import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  destroyLevelStore,
  openLevelStore,
  type Store,
  StoreFailedError,
  StoreLockedError,
  StoreVersionError,
} from './index.ts';

let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'orrery-level-')), 'deeper', 'view');
});

afterEach(async () => {
  await rm(join(directory, '..', '..'), { recursive: true });
});

const key = (n: number) => Buffer.from(`key ${String(n).padStart(6, '0')}`);

/** Several tables and a write-ahead log, as after some work. */
async function fill(batches: number): Promise<void> {
  const store = await openLevelStore({ directory, writeBufferBytes: 64 * 1024 });
  for (let i = 0; i < batches; i++) {
    const value = Buffer.alloc(2000, i);
    await store.write(Array.from({ length: 10 }, (_, j) => ({ key: key(i * 10 + j), value })));
  }
  await store.close();
}

async function fileNamed(pattern: RegExp): Promise<string> {
  const names = (await readdir(directory)).filter((name) => pattern.test(name)).sort();
  return join(directory, names.at(-1) ?? 'none');
}

async function removeAll(pattern: RegExp): Promise<void> {
  for (const name of await readdir(directory)) if (pattern.test(name)) await rm(join(directory, name));
}

async function flip(path: string, position: number): Promise<void> {
  const content = await readFile(path);
  content[position] = (content[position] ?? 0) ^ 0xff;
  await writeFile(path, content);
}

async function expectRebuildable(): Promise<void> {
  await expect(openLevelStore({ directory })).rejects.toThrow(StoreFailedError);
  await expect(openLevelStore({ directory }), 'and again').rejects.toThrow(StoreFailedError);
  await destroyLevelStore(directory);
  const store = await openLevelStore({ directory });
  expect(store.get(key(0))).toBeUndefined();
  await store.write([{ key: key(0), value: Buffer.from('anew') }]);
  await store.close();
  const again = await openLevelStore({ directory });
  expect(again.get(key(0))?.toString()).toBe('anew');
  await again.close();
}

test('content and order survive closing and opening', async () => {
  await fill(40);
  await fill(40);
  const store = await openLevelStore({ directory });
  expect(store.get(key(399))).toEqual(Buffer.alloc(2000, 39));
  await store.close();
});

test('a store that is open cannot be opened or destroyed by somebody else', async () => {
  const store = await openLevelStore({ directory });
  await expect(openLevelStore({ directory })).rejects.toThrow(StoreLockedError);
  await expect(destroyLevelStore(directory)).rejects.toThrow(StoreLockedError);
  await store.write([{ key: key(1), value: Buffer.of(1) }]);
  await store.close();
});

test('destroying what is not there is no error', async () => {
  await destroyLevelStore(directory);
});

describe('damage is found on opening, and a store can be built anew', () => {
  test.each<[string, () => Promise<void>]>([
    ['empty CURRENT', () => truncate(join(directory, 'CURRENT'), 0)],
    ['CURRENT without its line end', () => writeFile(join(directory, 'CURRENT'), 'MANIFEST-000001')],
    ['CURRENT naming nothing', () => writeFile(join(directory, 'CURRENT'), 'MANIFEST-999999\n')],
    ['empty MANIFEST', async () => truncate(await fileNamed(/^MANIFEST/), 0)],
    ['MANIFEST with a flipped byte', async () => flip(await fileNamed(/^MANIFEST/), 20)],
    ['MANIFEST cut short', async () => truncate(await fileNamed(/^MANIFEST/), 120)],
    ['missing MANIFEST', async () => rm(await fileNamed(/^MANIFEST/))],
    // All of them: the newest one may not be part of the store yet, or not any more.
    ['missing tables', () => removeAll(/\.ldb$/)],
  ])('%s', async (_name, damage) => {
    await fill(30);
    await damage();
    await expectRebuildable();
  });

  test('a damaged record in the middle of the write-ahead log', async () => {
    const store = await openLevelStore({ directory });
    // More than one 32 KiB block each: the engine's reader finds its feet again after the bad one.
    for (let i = 0; i < 5; i++) await store.write([{ key: key(i), value: Buffer.alloc(50_000, i) }]);
    await store.close();
    await flip(await fileNamed(/\.log$/), 120_000);
    const level = new ClassicLevel<Buffer, Buffer>(directory, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    await level.open();
    expect(level.getSync(key(4)), 'the engine alone goes on as if nothing were').toBeDefined();
    expect(level.getSync(key(2))).toBeUndefined();
    await level.close();
    await expectRebuildable();
  });

  test('a format key that was lost', async () => {
    const level = new ClassicLevel(directory);
    await level.put('some', 'thing');
    await level.close();
    await expectRebuildable();
  });
});

test('damage found while running makes every later call fail', async () => {
  await fill(30);
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!name.endsWith('.ldb')) continue;
    const content = await readFile(path);
    await writeFile(path, content.fill(0xff, 0, content.length >> 2));
  }
  const store = await openLevelStore({ directory });
  expect(() => readAllKeys(store)).toThrow(StoreFailedError);
  await expect(store.write([{ key: key(1), value: Buffer.of(1) }])).rejects.toThrow(StoreFailedError);
  await expect(store.getMany([key(1)])).rejects.toThrow(StoreFailedError);
  expect(() => store.snapshot()).toThrow(StoreFailedError);
  await store.close();
});

function readAllKeys(store: Store): void {
  for (let i = 0; i < 300; i++) store.get(key(i));
}

test('a newer format is refused and left alone; an older one is upgraded or refused', async () => {
  const open = (formatVersion: number, upgrade?: (store: Store, from: number) => Promise<void>) =>
    openLevelStore({ directory, formatVersion, ...(upgrade === undefined ? {} : { upgrade }) });
  const first = await open(2);
  await first.write([{ key: key(1), value: Buffer.from('two') }]);
  await first.close();
  await expect(open(1)).rejects.toThrow(StoreVersionError);
  await expect(open(1)).rejects.toThrow(/version 2, but this program knows versions up to 1/);
  await expect(open(3)).rejects.toThrow(StoreFailedError);
  const upgraded = await open(3, async (store, from) => {
    const old = store.get(key(1))?.toString();
    await store.write([{ key: key(1), value: Buffer.from(`${old} from ${from}`) }]);
  });
  expect(upgraded.get(key(1))?.toString()).toBe('two from 2');
  await upgraded.close();
  const reopened = await open(3, () => Promise.reject(new Error('upgraded twice')));
  await reopened.close();
});

test('thousands of writes go round the ring of marks', async () => {
  const store = await openLevelStore({ directory });
  const calls: Promise<void>[] = [];
  for (let i = 0; i < 1100; i++) {
    calls.push(store.write([{ key: key(i), value: Buffer.of(1) }]));
    await new Promise((resolve) => setImmediate(resolve));
    if (i % 2 === 0) await calls.at(-1);
  }
  await Promise.all(calls);
  for (let i = 0; i < 1100; i++) await store.write([{ key: key(i), value: Buffer.of(2) }]);
  await store.close();
  const again = await openLevelStore({ directory });
  expect(again.get(key(1099))).toEqual(Buffer.of(2));
  await again.close();
});
