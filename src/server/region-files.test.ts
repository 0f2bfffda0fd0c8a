import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeDisk } from '../runtime/index.ts';
import { caughtUpOrigin, markCaughtUp, wipeRegion } from './region-files.ts';

const disk = createNodeDisk();
let folder: string;
let root: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-region-'));
  root = join(folder, 'region');
  await mkdir(join(root, 'log'), { recursive: true });
  await writeFile(join(root, 'log', 'segment'), 'x');
});
afterEach(() => rm(folder, { recursive: true }));

test('a region has another origin before anything of it is gone', async () => {
  let seen: string[] = [];
  await wipeRegion(disk, root, async () => {
    seen = await readdir(join(root, 'log'));
  });
  expect(seen).toEqual(['segment']);
  expect(await readdir(folder)).toEqual([]);
});

test('without another origin nothing is deleted', async () => {
  await expect(wipeRegion(disk, root, () => Promise.reject(new RangeError('no')))).rejects.toThrow('no');
  expect(await readdir(join(root, 'log'))).toEqual(['segment']);
});

test('what an earlier wipe left is no hindrance, nor a region without files', async () => {
  await mkdir(`${root}.wiped/log`, { recursive: true });
  await wipeRegion(disk, root, async () => undefined);
  await wipeRegion(disk, root, async () => undefined);
  expect(await readdir(folder)).toEqual([]);
});

test('that a life has caught up is known until the next', async () => {
  expect(await caughtUpOrigin(disk, root)).toBeUndefined();
  await markCaughtUp(disk, root, 4);
  await markCaughtUp(disk, root, 4);
  expect(await caughtUpOrigin(disk, root)).toBe(4);
  await wipeRegion(disk, root, async () => undefined);
  expect(await caughtUpOrigin(disk, root)).toBeUndefined();
});
