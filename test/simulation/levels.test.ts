import { describe, expect, test } from 'vitest';
import type { AccountState } from '../../src/account/index.ts';
import { DatabaseError } from '../../src/errors/index.ts';
import {
  linearizabilityViolation,
  type RegisterOperation,
  stalenessViolation,
} from '../checkers/register-history.ts';
import { RegionPlanet } from '../kit/region-planet.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Registers read and written in all regions while links, machines and clocks fail; judged by their level. */

const PATIENCE_MS = 9_000;
const KEYS = ['x', 'y'];

interface Story {
  readonly seed: number;
  readonly consistency: AccountState['consistency'];
  readonly multipleWriteRegions?: boolean;
}

async function live({
  seed,
  consistency,
  multipleWriteRegions = false,
}: Story): Promise<RegisterOperation[]> {
  const regions = ['A', 'B', 'C', 'D', 'E'].slice(0, 2 + (seed % 4));
  const link = { delayMs: 5 + (seed % 7) * 20, jitterMs: (seed % 3) * 30 };
  const planet = await RegionPlanet.open({ seed, regions, consistency, multipleWriteRegions, link });
  const { runtime, random } = planet;
  const history: RegisterOperation[] = [];
  const endMs = runtime.elapsedMs + 40_000;
  const think = (chance: SeededRandom, meanMs: number) =>
    runtime.sleep(-Math.log(1 - chance.next()) * meanMs, 'think');
  let values = 0;

  async function perform(operation: RegisterOperation): Promise<void> {
    const { region, key, kind } = operation;
    history.push(operation);
    const machine = planet.machine(region);
    const done = new Promise<void>((resolve) => {
      machine.schedule(0, 'request', () => {
        const work = kind === 'read' ? planet.read(region, key) : planet.write(region, key, operation.value);
        work.then(
          (value) => {
            if (kind === 'read') operation.value = value as number | undefined;
            operation.endMs = runtime.elapsedMs;
            resolve();
          },
          (error: unknown) => {
            if (!(error instanceof DatabaseError)) planet.failures.push(error);
            // Only a time-out leaves open whether a write took effect.
            else if (kind === 'read' || error.code !== 'RequestTimeout') operation.isVoid = true;
            resolve();
          },
        );
      });
    });
    await Promise.race([done, runtime.sleep(PATIENCE_MS, 'patience')]);
    if (kind === 'read' && !Number.isFinite(operation.endMs)) operation.isVoid = true;
  }

  async function client(region: string, kind: 'read' | 'write', key: string): Promise<void> {
    const chance = random.split(`${region} ${kind} ${key}`);
    while (runtime.elapsedMs < endMs) {
      await think(chance, kind === 'read' ? 60 : 150);
      if (!planet.isUp(region)) continue;
      const startMs = runtime.elapsedMs;
      const value = kind === 'write' ? ++values : undefined;
      const endless = Number.POSITIVE_INFINITY;
      await perform({ key, kind, region, startMs, endMs: endless, value, isVoid: false });
    }
  }

  const writers = multipleWriteRegions ? regions : regions.slice(0, 1);
  const clients = KEYS.flatMap((key, place) => [
    client(writers[place % writers.length] ?? '', 'write', key),
    // Two writers of one register, where no order of values is looked at.
    ...(consistency.level === 'Strong' ? [client(regions[0] ?? '', 'write', `${key}`)] : []),
    ...regions.map((region) => client(region, 'read', key)),
  ]);
  await planet.until(Promise.all([...clients, haunt(planet, endMs)]));
  planet.heal();
  await planet.close();
  expect(planet.failures).toEqual([]);
  return history;
}

/** One trouble after the other, now and then two at once. */
async function haunt(planet: RegionPlanet, endMs: number): Promise<void> {
  const { runtime, names } = planet;
  const chance = planet.random.split('haunt');
  const troubles: Promise<void>[] = [];
  while (runtime.elapsedMs < endMs) {
    await runtime.sleep(chance.between(200, 4_000), 'peace');
    troubles.push(strike(planet, chance));
  }
  await Promise.all(troubles);
  for (const name of names) if (!planet.isUp(name)) await planet.launch(name);
}

async function strike(planet: RegionPlanet, chance: SeededRandom): Promise<void> {
  const [one = '', other = ''] = chance.shuffled(planet.names);
  const wait = () => planet.runtime.sleep(chance.between(100, 8_000), 'trouble');
  switch (chance.integer(0, 6)) {
    case 0:
      planet.cut(one, other);
      await wait();
      return planet.heal();
    case 1:
      planet.network.cut(one, other);
      await wait();
      return planet.heal();
    case 2:
      planet.isolate(one);
      await wait();
      return planet.heal();
    case 3: {
      const machine = planet.machine(one);
      machine.pause();
      await wait();
      return machine.resume();
    }
    case 4:
      if (!planet.isUp(one)) return;
      planet.crash(one);
      await wait();
      return planet.launch(one);
    case 5:
      return planet.machine(one).setSkew(chance.between(-3_600_000, 3_600_000));
    default:
      return planet.machine(one).setDrift(chance.between(-500, 500));
  }
}

const seeds = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const answered = (history: readonly RegisterOperation[], kind: 'read' | 'write') =>
  history.filter((one) => one.kind === kind && !one.isVoid && Number.isFinite(one.endMs)).length;

const SEEDS = 24;

describe('Strong', () => {
  const consistency = { level: 'Strong', stalenessOperations: 1, stalenessSeconds: 1 } as const;

  test.each(seeds(SEEDS))('seed %i is linearizable', async (seed) => {
    const history = await live({ seed, consistency });
    expect(answered(history, 'read')).toBeGreaterThan(50);
    expect(answered(history, 'write')).toBeGreaterThan(5);
    expect(linearizabilityViolation(history)).toBeUndefined();
  });
});

describe.each([false, true])('BoundedStaleness, several write regions: %s', (multipleWriteRegions) => {
  test.each(seeds(SEEDS))('seed %i shows nothing too old', async (seed) => {
    const bound = {
      operations: [3, 10, 1_000][seed % 3] ?? 3,
      ms: [3_000, 6_000, 60_000][seed % 2] ?? 3_000,
    };
    const history = await live({
      seed,
      multipleWriteRegions,
      consistency: {
        level: 'BoundedStaleness',
        stalenessOperations: bound.operations,
        stalenessSeconds: bound.ms / 1000,
      },
    });
    expect(answered(history, 'read')).toBeGreaterThan(50);
    expect(answered(history, 'write')).toBeGreaterThan(3);
    expect(stalenessViolation(history, bound)).toBeUndefined();
  });
});
