import { afterEach, beforeEach, expect, test } from 'vitest';
import { RegionPlanet } from '../../test/kit/region-planet.ts';
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
