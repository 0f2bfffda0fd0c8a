import { describe, expect, test } from 'vitest';
import { type SimulationOptions, simulate } from './simulation.ts';
import { MISTAKES, makeToyPlanet, TOY_WORLD } from './toy-planet.ts';

/*
 * Who checks the checkers? A toy store that is known to be right must pass, and every mistake that is
 * planted in it must be found within a few seeds.
 */

/** The toy replicates and promises no level. */
const adjust: SimulationOptions['adjust'] = (swarm) => ({ ...swarm, ...TOY_WORLD });

const SOUND_SEEDS = 30;
const SEEDS_MAX = 60;

test.each(Array.from({ length: SOUND_SEEDS }, (_, seed) => seed))(
  'the sound toy passes seed %i',
  async (seed) => {
    const result = await simulate({ seed, adjust, makePlanet: async (context) => makeToyPlanet(context) });
    expect(result.violations).toEqual([]);
  },
);

describe('planted mistakes are found', () => {
  test.each(MISTAKES)('%s', async (mistake) => {
    for (let seed = 0; seed < SEEDS_MAX; seed++) {
      const makePlanet = async (context: Parameters<typeof makeToyPlanet>[0]) =>
        makeToyPlanet(context, mistake);
      const { violations } = await simulate({ seed, adjust, makePlanet });
      if (violations.length > 0) return;
    }
    expect.unreachable(`${SEEDS_MAX} seeds did not find it`);
  });
});

test('one seed, one story', async () => {
  const run = (seed: number) =>
    simulate({ seed, adjust, makePlanet: async (context) => makeToyPlanet(context) });
  const [first, second, other] = [await run(5), await run(5), await run(6)];
  expect(second.digest).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
});
