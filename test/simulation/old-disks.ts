import type { PartitionNumber } from '../../src/log/index.ts';
import type { PlanetDriver } from './planet-driver.ts';
import type { RegionUnderTest } from './region-under-test.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';

interface Copy {
  readonly wipes: number;
  readonly putBack: () => void;
  /** By partition, how many writes of the region's own the copy has at the most; undefined: wait and see. */
  own: ReadonlyMap<PartitionNumber, number> | undefined;
}

/** By then whatever was on its way to a disk is there, and can be counted. */
const COUNT_AFTER_MS = 2_000;

/**
 * Copies of the regions' disks. One is put back when all others know writes of the region's own that the
 * copy does not have, in every partition: then the region has to find out, whoever it meets first. (Where
 * only some know of them there is a hole: see decision 005.)
 */
export class OldDisks {
  readonly #driver: PlanetDriver;
  readonly #runtime: SimulatedRuntime;
  readonly #copies = new Map<string, Copy>();

  constructor({ driver, runtime }: { readonly driver: PlanetDriver; readonly runtime: SimulatedRuntime }) {
    this.#driver = driver;
    this.#runtime = runtime;
  }

  /** Puts a copy back, or makes one for later; returns how to go on. Undefined when it can do neither. */
  strike(names: readonly string[]): (() => void) | undefined {
    const driver = this.#driver;
    if (!driver.areDisksWell()) return undefined;
    for (const name of names) {
      const copy = this.#copies.get(name);
      if (copy === undefined || !this.#isOutdated(name, copy)) continue;
      this.#copies.delete(name);
      driver.putBack(name, copy.putBack);
      return () => void driver.start(name);
    }
    const [one = ''] = names;
    const putBack = this.#isOfUse(one) ? undefined : driver.copyDisk(one);
    if (putBack === undefined) return undefined;
    const copy: Copy = { wipes: driver.wipes(one), putBack, own: undefined };
    this.#copies.set(one, copy);
    void this.#runtime.sleep(COUNT_AFTER_MS, 'count').then(() => {
      const region = driver.life(one)?.region;
      if (region !== undefined && this.#isOfUse(one)) copy.own = ownWrites(region);
    });
    return () => undefined;
  }

  /** Whether there is a copy of the disk that the region still has. */
  #isOfUse(name: string): boolean {
    return this.#copies.get(name)?.wipes === this.#driver.wipes(name);
  }

  #isOutdated(name: string, { own }: Copy): boolean {
    const open = this.#driver.open();
    const origin = open.find((life) => life.name === name)?.region.origin;
    if (origin === undefined || own === undefined || !this.#isOfUse(name)) return false;
    const isAhead = ({ region }: { readonly region: RegionUnderTest }) =>
      [...own].every(([number, n]) => (region.partition(number)?.vector.get(origin) ?? 0) > n);
    return open.every((life) => life.name === name || isAhead(life));
  }
}

/** How many writes of the region's own it has, by partition. */
function ownWrites(region: RegionUnderTest): Map<PartitionNumber, number> {
  const own = new Map<PartitionNumber, number>();
  for (const number of region.partitionNumbers()) {
    own.set(number, region.partition(number)?.vector.get(region.origin) ?? 0);
  }
  return own;
}
