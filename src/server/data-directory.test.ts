import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeDisk } from '../runtime/index.ts';
import { DataDirectory, DataDirectoryError } from './data-directory.ts';

const disk = createNodeDisk();
let path: string;

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'orrery-data-')), 'below', 'it');
});
afterEach(() => rm(join(path, '..', '..'), { recursive: true, force: true }));

test('is made, used by one at a time, and used again', async () => {
  const first = await DataDirectory.open(disk, path);
  expect(await readFile(join(path, 'format'), 'utf8')).toBe('1\n');
  await expect(DataDirectory.open(disk, path)).rejects.toThrow(/in use by another process/);
  await first.close();
  await (await DataDirectory.open(disk, path)).close();
});

test('a start that was cut short leaves nothing in the way', async () => {
  await disk.makeDirectory(path);
  await writeFile(join(path, 'format.new'), '');
  await (await DataDirectory.open(disk, path)).close();
  expect((await readdir(path)).sort()).toEqual(['format', 'lock']);
});

test.each(['2\n', '0', '', 'one', '1.5'])('format %j is refused, and the lock given back', async (text) => {
  await disk.makeDirectory(path);
  await writeFile(join(path, 'format'), text);
  await expect(DataDirectory.open(disk, path)).rejects.toThrow(DataDirectoryError);
  await writeFile(join(path, 'format'), '1\n');
  await (await DataDirectory.open(disk, path)).close();
});

test('names of regions that differ are folders that differ, inside', async () => {
  const data = await DataDirectory.open(disk, path);
  const names = ['West US', 'West-US', 'West_US', 'West%2DUS', 'Österreich', 'a.b', '..', 'West US 2'];
  const roots = names.map((name) => data.region(name).root);
  expect(new Set(roots).size).toBe(names.length);
  expect(data.region('West US').root).toBe(`${path}/regions/West-US`);
  for (const root of roots.filter((one) => !one.endsWith('..')))
    expect(join(root, '..')).toBe(join(path, 'regions'));
  await data.close();
});

test('is gone once destroyed', async () => {
  const data = await DataDirectory.open(disk, path);
  await writeFile(join(path, 'something'), 'x');
  await data.destroy();
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
});
