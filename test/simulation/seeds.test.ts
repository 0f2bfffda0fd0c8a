import { describe, expect, test } from 'vitest';
import { makeProductPlanet } from './product-planet.ts';
import { simulate } from './simulation.ts';
import { SCALES } from './swarm.ts';

/*
 * A hundred small worlds, which take other ways than the large ones that `npm run sim` plays by the
 * hundred in every `npm test`. A seed that once found a bug stays in REGRESSIONS for good.
 */

const SEEDS = 100;
const REGRESSIONS: readonly number[] = [232, 3855, 93122];
/** The same for worlds of full size. */
const FULL_REGRESSIONS: readonly number[] = [119, 140, 314, 705, 88042];

describe('every promise holds under faults', () => {
  const seeds = [...new Set([...Array.from({ length: SEEDS }, (_, seed) => seed), ...REGRESSIONS])];
  test.each(seeds)('seed %i', async (seed) => {
    const { violations } = await simulate({ seed, makePlanet: makeProductPlanet });
    expect(violations).toEqual([]);
  });
});

test.each(FULL_REGRESSIONS)('full seed %i', async (seed) => {
  const { violations } = await simulate({ seed, scale: SCALES.full, makePlanet: makeProductPlanet });
  expect(violations).toEqual([]);
});

test.each([1_000, 1_001, 1_002, 1_003, 1_004])('one seed, one story: %i', async (seed) => {
  const run = () => simulate({ seed, scale: SCALES.full, makePlanet: makeProductPlanet });
  const [one, two] = [await run(), await run()];
  expect(two.digest).toBe(one.digest);
  expect(one.violations).toEqual([]);
});
