import { afterEach, expect, test } from 'vitest';
import { RegionPlanet } from '../../test/kit/region-planet.ts';

const REGIONS = ['A', 'B', 'C', 'D', 'E', 'F'];

let planet: RegionPlanet;

afterEach(async () => {
  await planet.close();
  expect(planet.failures).toEqual([]);
});

/** How a read ends, and after how long. */
async function refused(name: string, context: object = {}): Promise<[string | undefined, number]> {
  const startMs = planet.runtime.elapsedMs;
  const code = await planet.refusal(planet.read(name, 'x', context));
  return [code, planet.runtime.elapsedMs - startMs];
}

test('with a token that nobody within reach can serve is 404/1002, however many are out of reach', async () => {
  planet = await RegionPlanet.open({ regions: REGIONS, multipleWriteRegions: true });
  // So that there are connections that fall silent.
  planet.cut('A', 'F');
  const { sessionToken: before } = await planet.until(planet.write('A', 'x', 'before'));
  expect(await planet.until(planet.read('F', 'x', { sessionToken: before }))).toBe('before');

  planet.isolate('F');
  const { sessionToken } = await planet.until(planet.write('A', 'x', 'after'));
  for (let time = 0; time < 2; time++) {
    const [code, ms] = await refused('F', { sessionToken });
    expect(code).toBe('ReadSessionNotAvailable');
    expect(ms).toBeGreaterThanOrEqual(1_000);
    expect(ms).toBeLessThan(4_500);
  }
});

test('that nobody with a lease can answer is 503, however many are out of reach', async () => {
  planet = await RegionPlanet.open({
    regions: REGIONS,
    consistency: { level: 'BoundedStaleness', stalenessOperations: 100_000, stalenessSeconds: 5 },
  });
  await planet.until(planet.write('A', 'x', 1));
  await planet.run(1_000);
  planet.isolate('F');
  await planet.run(10_000);
  const [code, ms] = await refused('F');
  expect(code).toBe('ServiceUnavailable');
  expect(ms).toBeLessThan(4_500);
});
