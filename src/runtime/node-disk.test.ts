import { link, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeDisk } from './node-disk.ts';

const disk = createNodeDisk();
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-disk-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

test('writes several chunks at a position and reads them back, short only at the end', async () => {
  const file = await disk.open(join(directory, 'a'), 'create');
  await file.write(3, [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')]);
  await file.sync();
  expect(await file.size()).toBe(9);
  expect((await file.read(3, 4)).toString()).toBe('onet');
  expect((await file.read(6, 100)).toString()).toBe('two');
  expect(await file.read(9, 1)).toHaveLength(0);
  await file.truncate(4);
  expect(await file.size()).toBe(4);
  await file.close();
  await expect(file.size()).rejects.toThrow('closed');
  await expect(file.write(0, [Buffer.from('x')])).rejects.toThrow('closed');
});

test('writes durably, under a new name too, beside other writes, and not after it was closed', async () => {
  const file = await disk.open(join(directory, 'a'), 'create');
  await disk.rename(join(directory, 'a'), join(directory, 'b'));
  await disk.open(join(directory, 'a'), 'create').then((other) => other.close());
  await file.writeDurably(0, Buffer.from('first'));
  await file.write(5, [Buffer.from('-')]);
  await file.writeDurably(6, Buffer.from('second'));
  expect((await file.read(0, 100)).toString()).toBe('first-second');
  await file.close();
  await expect(file.writeDurably(0, Buffer.from('x'))).rejects.toThrow('closed');
});

test('create refuses an existing file, the others a missing one', async () => {
  const path = join(directory, 'a');
  await expect(disk.open(path, 'read')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(disk.open(path, 'write')).rejects.toMatchObject({ code: 'ENOENT' });
  await (await disk.open(path, 'create')).close();
  await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' });
  await (await disk.open(path, 'write')).close();
});

test('names: sorted, renamed, removed, and empty for a missing folder', async () => {
  const inner = join(directory, 'x', 'y');
  expect(await disk.list(inner)).toEqual([]);
  await disk.makeDirectory(inner);
  await disk.makeDirectory(inner);
  for (const name of ['c', 'a', 'b']) await (await disk.open(join(inner, name), 'create')).close();
  await disk.rename(join(inner, 'a'), join(inner, 'd'));
  await disk.remove(join(inner, 'b'));
  await disk.remove(join(inner, 'b'));
  await disk.syncDirectory(inner);
  expect(await disk.list(inner)).toEqual(['c', 'd']);
  await disk.removeTree(inner);
  await disk.removeTree(inner);
  expect(await disk.list(inner)).toEqual([]);
});

test('one holder at a time, in this process too, by whatever name', async () => {
  const path = join(directory, 'lock');
  const release = await disk.lock(path);
  expect(release).toBeDefined();
  expect(await disk.lock(path)).toBeUndefined();
  await symlink(directory, join(directory, 'other'));
  expect(await disk.lock(join(directory, 'other', 'lock'))).toBeUndefined();
  await link(path, join(directory, 'second-name'));
  expect(await disk.lock(join(directory, 'second-name'))).toBeUndefined();
  expect(await disk.lock(join(directory, 'another'))).toBeDefined();
  await release?.();
  const again = await disk.lock(path);
  expect(again).toBeDefined();
  await again?.();
});

test('of many that try at once exactly one gets it', async () => {
  const path = join(directory, 'lock');
  const locks = await Promise.all(Array.from({ length: 20 }, () => disk.lock(path)));
  expect(locks.filter((release) => release !== undefined)).toHaveLength(1);
});
