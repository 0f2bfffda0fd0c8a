import { afterEach, describe, expect, test } from 'vitest';
import { RegionPlanet, type RegionPlanetOptions } from '../../test/kit/region-planet.ts';
import type { Topology } from '../account/index.ts';

const REGIONS = ['West US', 'East US', 'North Europe', 'Brazil South', 'Southeast Asia', 'Japan East'];

let planet: RegionPlanet;

async function open(options: RegionPlanetOptions): Promise<RegionPlanet> {
  planet = await RegionPlanet.open({ regions: REGIONS, multipleWriteRegions: true, ...options });
  return planet;
}

afterEach(async () => {
  await planet.close();
  expect(planet.failures).toEqual([]);
});

/** Every region has the value. */
async function expectEverywhere(id: string, value: unknown): Promise<void> {
  for (const name of planet.names) expect(await planet.until(planet.read(name, id)), name).toBe(value);
}

const TOPOLOGIES: readonly Topology[] = [
  { kind: 'mesh' },
  { kind: 'star' },
  { kind: 'star', hub: 'Brazil South' },
  { kind: 'chain' },
  { kind: 'tree' },
  { kind: 'auto' },
];

describe.each(TOPOLOGIES)('%j', (topology) => {
  test('everything comes everywhere, also when any one link or region is lost', async () => {
    await open({ topology });
    for (const name of REGIONS) await planet.until(planet.write(name, name, 'first'));
    await planet.run(3_000);
    for (const name of REGIONS) await expectEverywhere(name, 'first');
    for (const [place, name] of REGIONS.entries()) {
      planet.cut(name, REGIONS[(place + 1) % REGIONS.length] ?? '');
    }
    for (const name of REGIONS) await planet.until(planet.write(name, name, 'second'));
    await planet.run(20_000);
    for (const name of REGIONS) await expectEverywhere(name, 'second');
    planet.heal();
    planet.crash('East US');
    for (const name of REGIONS.filter((one) => one !== 'East US')) {
      await planet.until(planet.write(name, name, 'third'));
    }
    await planet.run(10_000);
    await planet.start('East US');
    await planet.run(10_000);
    for (const name of REGIONS.filter((one) => one !== 'East US')) await expectEverywhere(name, 'third');
  });
});

test('a link that leads nowhere else joins what fell apart, however far from the break it is', async () => {
  await open({ topology: { kind: 'chain' } });
  const chain = REGIONS.slice(1).map((name, place) => `${REGIONS[place]} ${name}`);
  const up = new Set([...chain.filter((_, place) => place !== 2), `${REGIONS[0]} ${REGIONS[5]}`]);
  for (const [place, one] of REGIONS.entries()) {
    for (const other of REGIONS.slice(place + 1)) if (!up.has(`${one} ${other}`)) planet.cut(one, other);
  }
  for (const name of REGIONS) await planet.until(planet.write(name, name, 'joined'));
  await planet.run(30_000);
  for (const name of REGIONS) await expectEverywhere(name, 'joined');
});

test('the topology can be changed in mid-stream', async () => {
  await open({ topology: { kind: 'mesh' } });
  let writes = 0;
  const burst = async () => {
    for (const name of REGIONS) {
      writes++;
      await planet.until(planet.write(name, `w${writes}`, writes));
    }
  };
  for (const topology of TOPOLOGIES) {
    await burst();
    const changing = planet.directory.execute({ kind: 'changeTopology', topology });
    await burst();
    await planet.until(changing);
    await burst();
  }
  await planet.run(10_000);
  for (let write = 1; write <= writes; write++) await expectEverywhere(`w${write}`, write);
});
