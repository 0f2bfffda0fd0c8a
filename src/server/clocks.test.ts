import { afterEach, expect, test } from 'vitest';
import { PATH, RegionPlanet } from '../../test/kit/region-planet.ts';

const HOUR = 3_600_000;

let planet: RegionPlanet;

afterEach(async () => {
  await planet.close();
  expect(planet.failures).toEqual([]);
});

/** `_ts` of the item as a region shows it, less the true time. */
async function ageMs(name: string, id: string): Promise<number> {
  const answer = await planet.until(
    (async () => planet.items(name).read({ path: PATH, partitionKey: ['p'], id }))(),
  );
  const { _ts } = JSON.parse(String(answer.body)) as { _ts: number };
  const trueMs = planet.machine('B').nowMs();
  return trueMs - _ts * 1000;
}

test('a region whose clock jumps an hour ahead neither dates its writes so nor wins by it', async () => {
  planet = await RegionPlanet.open({ multipleWriteRegions: true });
  planet.machine('A').setSkew(HOUR);
  planet.isolate('A');
  await planet.until(planet.write('A', 'x', 'from A'));
  expect(Math.abs(await ageMs('A', 'x'))).toBeLessThan(35_000);
  await planet.run(40_000);
  await planet.until(planet.write('B', 'x', 'from B, later'));
  planet.heal();
  await planet.run(5_000);
  for (const name of planet.names) expect(await planet.until(planet.read(name, 'x'))).toBe('from B, later');
});

test('a region that had a wrong clock before it met anybody drags nobody along', async () => {
  planet = await RegionPlanet.open({ multipleWriteRegions: true });
  planet.crash('A');
  planet.isolate('A');
  await planet.start('A', { skewMs: HOUR });
  await planet.until(planet.write('A', 'x', 1));
  planet.heal();
  await planet.run(5_000);
  expect(await planet.until(planet.read('B', 'x'))).toBe(1);
  await planet.until(planet.write('B', 'y', 1));
  expect(Math.abs(await ageMs('B', 'y'))).toBeLessThan(35_000);
});

test('in a star, too, where the ends hear the middle only', async () => {
  const topology = { kind: 'star', hub: 'A' } as const;
  planet = await RegionPlanet.open({ multipleWriteRegions: true, topology });
  await planet.run(2_000);
  planet.machine('C').setSkew(HOUR);
  await planet.run(2_000);
  await planet.until(planet.write('C', 'x', 1));
  expect(Math.abs(await ageMs('C', 'x'))).toBeLessThan(35_000);
});

test('a region whose clock is an hour behind follows the others', async () => {
  planet = await RegionPlanet.open({ multipleWriteRegions: true });
  planet.machine('A').setSkew(-HOUR);
  await planet.run(1_000);
  await planet.until(planet.write('A', 'x', 1));
  expect(Math.abs(await ageMs('A', 'x'))).toBeLessThan(35_000);
});
