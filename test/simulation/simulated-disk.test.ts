import { expect, test } from 'vitest';
import { createNodeRuntime, type Disk, sleep } from '../../src/runtime/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Latency, SimulatedDisk } from './simulated-disk.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

function newDisk(seed: number, latency?: Latency): SimulatedDisk {
  const random = new SeededRandom(seed);
  return new SimulatedDisk({ random: () => random.next(), latency: latency ?? {} });
}

async function mounted(disk: SimulatedDisk): Promise<Disk> {
  const mount = disk.mount(runtime);
  await mount.makeDirectory('/d');
  return mount;
}

/** A durable file of `bytes`. */
async function durableFile(mount: Disk, path: string, bytes: Buffer): Promise<void> {
  const file = await mount.open(path, 'create');
  await file.write(0, [bytes]);
  await file.sync();
  await file.close();
  await mount.syncDirectory('/d');
}

const pages = (count: number, fill: string): Buffer => Buffer.alloc(count * 4096, fill);

/** Whether the promise is settled after a few turns. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await sleep(runtime, 3);
  return settled;
}

test('what is synced stays, whatever the seed', async () => {
  for (const seed of SEEDS) {
    const disk = newDisk(seed);
    await durableFile(await mounted(disk), '/d/a', pages(3, 'a'));
    disk.powerLoss();
    expect(disk.contents('/d/a').equals(pages(3, 'a'))).toBe(true);
    expect(disk.paths()).toEqual(['/d/a']);
  }
});

test('what is not synced arrives whole, in part, torn, or not at all', async () => {
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const disk = newDisk(seed);
    const mount = await mounted(disk);
    await durableFile(mount, '/d/a', pages(4, '.'));
    const file = await mount.open('/d/a', 'write');
    await file.write(100, [pages(3, 'x')]);
    disk.powerLoss();
    const left = disk.contents('/d/a');
    expect(left.length).toBe(4 * 4096);
    expect(left.toString('latin1'), 'nothing else is written').toMatch(/^[.x]+$/);
    expect(left.subarray(0, 100).includes('x')).toBe(false);
    const byPage = [0, 1, 2, 3].map((page) => {
      const bytes = left.subarray(Math.max(100, page * 4096), Math.min(3 * 4096 + 100, (page + 1) * 4096));
      return bytes.includes('x') ? (bytes.includes('.') ? 't' : 'x') : '.';
    });
    outcomes.add(byPage.join(''));
  }
  expect(outcomes).toContain('xxxx');
  expect(outcomes).toContain('....');
  expect(
    [...outcomes].some((outcome) => /\..*x/.test(outcome)),
    'out of order',
  ).toBe(true);
  expect(
    [...outcomes].some((outcome) => outcome.includes('t')),
    'torn',
  ).toBe(true);
});

test('a sync covers the writes that returned before it, and no others', async () => {
  let lost = 0;
  for (const seed of SEEDS) {
    const disk = newDisk(seed, { writeMs: [2, 2] });
    const mount = await mounted(disk);
    await durableFile(mount, '/d/a', pages(2, '.'));
    const file = await mount.open('/d/a', 'write');
    await file.write(0, [pages(1, 'x')]);
    void file.write(4096, [pages(1, 'y')]);
    await file.sync();
    disk.powerLoss();
    const left = disk.contents('/d/a');
    expect(left.subarray(0, 4096).equals(pages(1, 'x'))).toBe(true);
    if (!left.subarray(4096).equals(pages(1, 'y'))) lost++;
  }
  expect(lost).toBeGreaterThan(10);
});

test('names are lost until their folder is synced; a renamed file keeps one of its names', async () => {
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const disk = newDisk(seed);
    const mount = await mounted(disk);
    await durableFile(mount, '/d/old', pages(1, 'o'));
    await durableFile(mount, '/d/removed', pages(1, 'r'));
    const file = await mount.open('/d/made', 'create');
    await file.write(0, [pages(1, 'm')]);
    await file.sync();
    await mount.rename('/d/old', '/d/new');
    await mount.remove('/d/removed');
    disk.powerLoss();
    const names = disk.paths().map((path) => path.slice(3));
    expect(names.filter((name) => name === 'old' || name === 'new')).toHaveLength(1);
    expect(disk.contents(names.includes('old') ? '/d/old' : '/d/new').equals(pages(1, 'o'))).toBe(true);
    outcomes.add(names.join());
  }
  expect(outcomes).toContain('old,removed');
  expect(outcomes).toContain('made,new');
  expect(outcomes.size).toBeGreaterThan(3);
});

test('a failed sync loses what it covered, even when the next one succeeds', async () => {
  const disk = newDisk(1);
  const mount = await mounted(disk);
  await durableFile(mount, '/d/a', pages(1, '.'));
  const file = await mount.open('/d/a', 'write');
  await file.write(0, [pages(1, 'x')]);
  disk.failNext({ operation: 'sync', code: 'EIO' });
  await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
  await file.sync();
  expect((await file.read(0, 1)).toString()).toBe('x');
  disk.powerLoss();
  expect(disk.contents('/d/a').equals(pages(1, '.'))).toBe(true);
});

test('a dead process takes its locks along and leaves its bytes; it never gets an answer', async () => {
  const disk = newDisk(1, { writeMs: [1, 1] });
  const mount = await mounted(disk);
  await durableFile(mount, '/d/a', pages(1, '.'));
  const file = await mount.open('/d/a', 'write');
  const release = await mount.lock('/d/lock');
  expect(await mount.lock('/d/lock')).toBeUndefined();
  const write = file.write(0, [pages(1, 'x')]);
  disk.processCrash();
  for (const call of [write, file.read(0, 1), file.sync(), mount.open('/d/a', 'read'), mount.list('/d')]) {
    expect(await isSettled(call)).toBe(false);
  }
  const next = disk.mount(runtime);
  expect(await next.lock('/d/lock')).toBeDefined();
  await release?.();
  expect(await next.lock('/d/lock'), 'the dead cannot release it').toBeUndefined();
  const again = await next.open('/d/a', 'write');
  expect((await again.read(0, 1)).toString()).toBe('x');
  await again.sync();
  disk.powerLoss();
  expect(disk.contents('/d/a').equals(pages(1, 'x'))).toBe(true);
});

test('faults come when and where they were asked for', async () => {
  const disk = newDisk(1);
  const mount = await mounted(disk);
  await durableFile(mount, '/d/a', pages(1, '.'));
  const file = await mount.open('/d/a', 'write');
  disk.failNext({ operation: 'read', code: 'EIO', path: /other/ });
  disk.failNext({ operation: 'read', code: 'EIO', path: /\/a$/, skip: 1 });
  expect(await file.read(0, 1)).toHaveLength(1);
  await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'EIO' });
  expect(await file.read(0, 1)).toHaveLength(1);
  disk.flipBit('/d/a', 7, 1);
  expect((await file.read(7, 1))[0]).toBe('.'.charCodeAt(0) ^ 2);
  disk.capacityBytes = 3 * 4096;
  await file.write(4096, [pages(2, 'x')]);
  await expect(file.write(3 * 4096, [pages(1, 'y')])).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(mount.open('/d/b', 'write')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(mount.open('/d/a', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(mount.open('/none/a', 'create')).rejects.toMatchObject({ code: 'ENOENT' });
  await file.close();
  await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'EBADF' });
  await expect(file.write(0, [pages(1, 'z')])).rejects.toMatchObject({ code: 'EBADF' });
});

test('files grow, shrink and are listed as real ones are', async () => {
  const disk = newDisk(1);
  const mount = await mounted(disk);
  await mount.makeDirectory('/d/inner');
  for (const path of ['/d/b', '/d/a', '/d/inner/c']) await (await mount.open(path, 'create')).close();
  expect([await mount.list('/d'), await mount.list('/none')]).toEqual([['a', 'b'], []]);
  const file = await mount.open('/d/a', 'write');
  await file.write(5, [Buffer.from('one'), Buffer.from('two')]);
  expect([await file.size(), (await file.read(0, 100)).toString('latin1')]).toEqual([11, '\0\0\0\0\0onetwo']);
  await file.truncate(6);
  await file.truncate(8);
  expect((await file.read(0, 100)).toString('latin1')).toBe('\0\0\0\0\0o\0\0');
  await mount.removeTree('/d');
  expect(disk.paths()).toEqual([]);
});

test('one seed, one outcome', async () => {
  const outcome = async (seed: number): Promise<string> => {
    const disk = newDisk(seed);
    const mount = await mounted(disk);
    const file = await mount.open('/d/a', 'create');
    await mount.syncDirectory('/d');
    for (let round = 0; round < 9; round++) await file.write(round * 3000, [pages(1, String(round))]);
    disk.powerLoss();
    return disk.contents('/d/a').toString('latin1');
  };
  for (const seed of [1, 2, 3]) expect(await outcome(seed)).toBe(await outcome(seed));
  expect(new Set(await Promise.all(SEEDS.map(outcome))).size).toBeGreaterThan(10);
});
