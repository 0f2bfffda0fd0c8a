import type { PartitionNumber } from '../../src/log/index.ts';
import type { PlanetDriver } from './planet-driver.ts';
import type { RegionUnderTest } from './region-under-test.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';

interface Copy {
  readonly wipes: number;
  readonly putBack: () => void;
  /** By partition, how many writes of the region's own the copy has at the least. */
  readonly least: ReadonlyMap<PartitionNumber, number>;
  /** And at the most; undefined: wait and see. */
  most: ReadonlyMap<PartitionNumber, number> | undefined;
}

/** By then whatever was on its way to a disk is there, and can be counted. */
const COUNT_AFTER_MS = 2_000;

/**
 * Copies of the regions' disks. One is put back at any time, with one exception: where the region has written
 * something itself that the copy does not have, all others have to know of it, so that the region finds out
 * whoever it meets first. (Where only some know of it there is a hole: see decision 005.)
 */
export class OldDisks {
  readonly #driver: PlanetDriver;
  readonly #runtime: SimulatedRuntime;
  readonly #copies = new Map<string, Copy>();

  constructor({ driver, runtime }: { readonly driver: PlanetDriver; readonly runtime: SimulatedRuntime }) {
    this.#driver = driver;
    this.#runtime = runtime;
  }

  /**
   * Puts a copy back, or makes one for later; says which region needs power now. Undefined when it can do
   * neither. `rests`: nobody writes where the copy is made, until it is put back.
   */
  strike(names: readonly string[], rests: boolean): { readonly powerless?: string } | undefined {
    const driver = this.#driver;
    if (!driver.areDisksWell()) return undefined;
    for (const name of names) {
      const copy = this.#copies.get(name);
      if (copy === undefined || !this.#isOutdated(name, copy)) continue;
      this.#copies.delete(name);
      driver.putBack(name, copy.putBack);
      return { powerless: name };
    }
    const [one = ''] = names;
    const region = driver.life(one)?.region;
    const putBack = this.#isOfUse(one) ? undefined : driver.copyDisk(one);
    if (putBack === undefined || region === undefined) return undefined;
    const copy: Copy = { wipes: driver.wipes(one), putBack, least: ownWrites(region), most: undefined };
    this.#copies.set(one, copy);
    if (rests) driver.rest(one);
    void this.#runtime.sleep(COUNT_AFTER_MS, 'count').then(() => {
      const later = driver.life(one)?.region;
      if (later !== undefined && this.#isOfUse(one)) copy.most = ownWrites(later);
    });
    return {};
  }

  /** Whether there is a copy of the disk that the region still has. */
  #isOfUse(name: string): boolean {
    return this.#copies.get(name)?.wipes === this.#driver.wipes(name);
  }

  #isOutdated(name: string, { least, most }: Copy): boolean {
    const open = this.#driver.open();
    const region = open.find((life) => life.name === name)?.region;
    if (region === undefined || most === undefined || !this.#isOfUse(name)) return false;
    const { origin } = region;
    const ownIn = (one: RegionUnderTest, number: PartitionNumber) =>
      one.partition(number)?.vector.get(origin) ?? 0;
    const hasAll = (number: PartitionNumber) => ownIn(region, number) <= (least.get(number) ?? 0);
    return [...most].every(
      ([number, n]) => hasAll(number) || open.every((life) => ownIn(life.region, number) > n),
    );
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
