import { afterEach, beforeEach, expect, test } from 'vitest';
import { PATH, RegionPlanet } from '../../test/kit/region-planet.ts';
import { ViewsForgetfulError } from '../partition/index.ts';
import { DiskOutdatedError } from '../replication/index.ts';

let planet: RegionPlanet;

beforeEach(async () => {
  planet = await RegionPlanet.open({ multipleWriteRegions: true });
});

afterEach(() => planet.close());

const write = (id: string) => planet.until(planet.write('A', id, id));
const read = (name: string, id: string) => planet.until(planet.read(name, id));

test('a region on an older copy of its disk is found out, tells nobody anything, and is wiped', async () => {
  await write('before');
  const restore = planet.copyDisk('A');
  await write('after');
  await planet.run(1_000);
  planet.crash('A');
  restore();
  await planet.start('A');
  await planet.until(planet.write('A', 'second life', 1)).catch(() => undefined);
  await planet.run(5_000);
  expect(planet.failures).not.toEqual([]);
  for (const failure of planet.failures) expect(failure).toBeInstanceOf(DiskOutdatedError);
  expect(String(planet.failures[0])).toContain('Wipe it');
  expect(await read('B', 'second life')).toBeUndefined();
  planet.crash('A');
  await planet.wipe('A');
  await planet.start('A');
  await planet.run(5_000);
  for (const name of planet.names) {
    expect([await read(name, 'before'), await read(name, 'after')]).toEqual(['before', 'after']);
  }
});

/** All have the item; then it is deleted, and no region keeps a mark of that but C's copy of its disk. */
async function deleteBehindCopy(): Promise<() => void> {
  await write('x');
  await planet.run(2_000);
  const restore = planet.copyDisk('C');
  await planet.until(planet.items('A').delete({ path: PATH, partitionKey: ['p'], id: 'x' }));
  await planet.run(5_000);
  for (const name of planet.names) {
    expect(
      planet
        .region(name)
        .status()
        .partitions.map(({ tombstones }) => tombstones),
    ).toEqual([0]);
  }
  return restore;
}

test('one that wrote nothing since the copy was made is found out before an entry passes', async () => {
  const restore = await deleteBehindCopy();
  const known = planet.region('C').status().partitions[0]?.vector;
  planet.crash('C');
  restore();
  planet.isolate('C');
  await planet.start('C');
  expect(await read('C', 'x'), 'what the copy has').toBe('x');
  await planet.until(planet.write('C', 'x', 'of the dead'));
  planet.heal();
  await planet.run(10_000);
  expect(planet.failures).not.toEqual([]);
  for (const failure of planet.failures) expect(failure).toBeInstanceOf(DiskOutdatedError);
  for (const name of ['A', 'B']) {
    expect(planet.region(name).status().partitions[0]?.vector, 'nothing came of it').toEqual(known);
    expect(await read(name, 'x')).toBeUndefined();
  }
  expect(planet.region('C').status().partitions[0]?.vector, 'nothing went to it').not.toEqual(known);
  planet.crash('C');
  planet.failures.length = 0;
  await planet.wipe('C');
  await planet.start('C');
  await planet.run(5_000);
  await planet.until(planet.write('C', 'y', 'again'));
  await planet.run(1_000);
  expect(planet.failures, 'a region that begins anew is let in').toEqual([]);
  for (const name of planet.names) {
    expect([await read(name, 'x'), await read(name, 'y')]).toEqual([undefined, 'again']);
  }
});

test('others know it also when the membership has changed since', async () => {
  const restore = await deleteBehindCopy();
  planet.isolate('C');
  planet.crash('C');
  restore();
  planet.crash('B');
  await planet.wipe('B');
  await planet.start('B');
  await planet.run(5_000);
  await planet.start('C');
  await planet.until(planet.write('C', 'x', 'of the dead'));
  planet.heal();
  planet.cut('B', 'C');
  await planet.run(10_000);
  expect(planet.failures[0]).toBeInstanceOf(DiskOutdatedError);
  for (const name of ['A', 'B']) expect(await read(name, 'x')).toBeUndefined();
});

test('what was forgotten on the word of a region is known of it after a restart', async () => {
  const restore = await deleteBehindCopy();
  // Stores are fed by then, and with them goes how far they have forgotten.
  await planet.run(3_000);
  for (const name of planet.names) planet.crash(name);
  restore();
  planet.isolate('C');
  for (const name of planet.names) await planet.start(name);
  await planet.until(planet.write('C', 'x', 'of the dead'));
  planet.heal();
  await planet.run(10_000);
  expect(planet.failures[0]).toBeInstanceOf(DiskOutdatedError);
  for (const name of ['A', 'B']) expect(await read(name, 'x')).toBeUndefined();
});

test('a region that has forgotten too much for what another let in makes its views anew', async () => {
  const restore = await deleteBehindCopy();
  planet.crash('C');
  restore();
  planet.isolate('C');
  // B begins anew and remembers nothing of C.
  planet.crash('B');
  await planet.wipe('B');
  await planet.start('B');
  await planet.run(5_000);
  await planet.start('C');
  await planet.until(planet.write('C', 'x', 'of the dead'));
  planet.heal();
  planet.cut('A', 'C');
  await planet.run(10_000);
  expect(planet.failures).not.toEqual([]);
  for (const failure of planet.failures) expect(failure).toBeInstanceOf(ViewsForgetfulError);
  planet.failures.length = 0;
  planet.crash('A');
  planet.loseStore('A');
  await planet.start('A');
  await planet.run(10_000);
  expect(planet.failures).toEqual([]);
  const vectors = planet.names.map((name) => planet.region(name).status().partitions[0]?.vector);
  expect(vectors).toEqual([vectors[0], vectors[0], vectors[0]]);
  for (const name of planet.names) {
    expect(await read(name, 'x'), 'the delete had seen what the write replaced').toBeUndefined();
  }
});

test('a store that is built anew from its log, and a power cut, are no older disk', async () => {
  await write('x');
  await planet.run(2_000);
  for (const name of planet.names) {
    planet.crash(name);
    planet.loseStore(name);
    await planet.start(name);
    await planet.run(2_000);
  }
  await write('y');
  await planet.run(2_000);
  expect(planet.failures).toEqual([]);
  for (const name of planet.names) expect(await read(name, 'y')).toBe('y');
});

test('a copy that lacks nothing that anybody was told is as good as the disk', async () => {
  await write('before');
  await planet.run(1_000);
  planet.isolate('A');
  const restore = planet.copyDisk('A');
  await write('known to nobody else');
  await planet.run(1_000);
  planet.crash('A');
  restore();
  await planet.start('A');
  planet.heal();
  await planet.run(5_000);
  await write('later');
  await planet.run(1_000);
  expect(planet.failures).toEqual([]);
  for (const name of planet.names) expect(await read(name, 'later')).toBe('later');
});
