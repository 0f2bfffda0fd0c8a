import { DatabaseError } from '../../src/errors/index.ts';
import type { Ledger } from './ledger.ts';
import type { PlanetDriver } from './planet-driver.ts';
import type { Conflict, RegionUnderTest } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Swarm } from './swarm.ts';
import type { Violations } from './violations.ts';

export interface PeopleOptions {
  readonly driver: PlanetDriver;
  readonly ledger: Ledger;
  readonly runtime: SimulatedRuntime;
  readonly swarm: Swarm;
  readonly violations: Violations;
}

const LOOK_EVERY_MS = 250;

/** Those who look at the conflicts feed, and deal with what is in it. */
export class People {
  readonly #options: PeopleOptions;
  #dealt = 0;
  #found = 0;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** How many entries they took away. */
  get dealt(): number {
    return this.#dealt;
  }

  /** How many entries a region showed once the world was quiet. */
  get found(): number {
    return this.#found;
  }

  /** Somebody takes away one entry that the region shows; rejects as the region does. */
  async dealWithOne(region: RegionUnderTest, chance: SeededRandom): Promise<void> {
    const entries = (await region.conflicts?.()) ?? [];
    if (entries.length > 0) await this.#settle(region, chance.pick(entries));
  }

  /** In a quiet world: all regions come to show the same entries, those that their logs demand. */
  async compareAll(observe: () => Promise<void>, withinMs: number): Promise<void> {
    const { runtime, violations, swarm } = this.#options;
    if (swarm.conflicts === 'lastWriter') return;
    const deadlineMs = runtime.elapsedMs + withinMs;
    for (;;) {
      await observe();
      const problem = await this.#difference();
      if (problem === undefined) return;
      if (runtime.elapsedMs >= deadlineMs) {
        violations.report('I13 conflicts are what lost and was not dealt with', problem);
        return;
      }
      await runtime.sleep(LOOK_EVERY_MS, 'people');
    }
  }

  /** Somebody takes away whatever any region shows now. */
  async dealWithAll(): Promise<void> {
    if (this.#options.swarm.conflicts === 'lastWriter') return;
    for (const { region } of this.#options.driver.open()) {
      for (const entry of (await region.conflicts?.()) ?? []) await this.#settle(region, entry);
    }
  }

  /** What keeps the feeds from being what logs demand; undefined for nothing. */
  async #difference(): Promise<string | undefined> {
    for (const { name, region } of this.#options.driver.open()) {
      const shown = ((await region.conflicts?.()) ?? []).map((entry) => entry.name).sort();
      const expected = this.#demanded(name).sort();
      if (String(shown) !== String(expected)) {
        return `the feed of ${name} shows [${shown}], its logs demand [${expected}]`;
      }
      this.#found = Math.max(this.#found, shown.length);
    }
    return undefined;
  }

  #demanded(region: string): string[] {
    const { ledger, swarm } = this.#options;
    return ledger.partitions().flatMap((number) =>
      [...ledger.log(region, number).items.values()].flatMap((item) => {
        const open = item.conflicts();
        // What the procedure has yet to decide is for nobody else.
        return swarm.conflicts === 'feed' ? open : open.filter((one) => item.referred.has(one));
      }),
    );
  }

  async #settle(region: RegionUnderTest, { id }: Conflict): Promise<void> {
    try {
      await region.settle?.(id);
      this.#dealt += 1;
    } catch (error) {
      // Somebody was faster.
      if (!(error instanceof DatabaseError) || error.code !== 'NotFound') throw error;
    }
  }
}
