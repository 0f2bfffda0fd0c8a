import { describe, expect, test } from 'vitest';
import { formatExcerpt, parseExcerpt } from './excerpt.ts';
import { shrink } from './shrinking.ts';
import { simulate } from './simulation.ts';
import type { Swarm } from './swarm.ts';
import { type Mistake, makeToyPlanet, TOY_WORLD } from './toy-planet.ts';

const adjust = (swarm: Swarm): Swarm => ({ ...swarm, ...TOY_WORLD });

function player(seed: number, mistake?: Mistake) {
  return (excerpt: Parameters<typeof simulate>[0]['excerpt'] = {}) =>
    simulate({ seed, excerpt, adjust, makePlanet: async (context) => makeToyPlanet(context, mistake) });
}

async function failingSeed(mistake: Mistake): Promise<number> {
  for (let seed = 0; seed < 60; seed++)
    if ((await player(seed, mistake)()).violations.length > 0) return seed;
  return expect.unreachable('no seed fails');
}

describe('a failing seed', () => {
  const mistakes: Mistake[] = ['the winner is decided on arrival', 'a refused write happens all the same'];
  test.each(mistakes)('becomes short: %s', async (mistake) => {
    const seed = await failingSeed(mistake);
    const play = player(seed, mistake);
    const whole = await play();
    const shrunk = await shrink({ play });
    expect(shrunk?.result.violations.map(({ invariant }) => invariant)).toContain(
      whole.violations[0]?.invariant,
    );
    expect(shrunk?.excerpt.acts?.size).toBeLessThan(12);
    expect(shrunk?.excerpt.acts?.size).toBeLessThan(whole.acts.length / 10);
    expect(shrunk?.result.story().some((line) => line.includes('!!'))).toBe(true);

    // What is printed plays the same story again.
    const again = await play(parseExcerpt(formatExcerpt(shrunk?.excerpt ?? {})));
    expect(again.digest).toBe(shrunk?.result.digest);
  });

  test('one that does not fail stays as it is', async () => {
    expect(await shrink({ play: player(1) })).toBeUndefined();
  });
});
