import type { OldDisks } from './old-disks.ts';
import type { PlanetDriver } from './planet-driver.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Fault, Swarm } from './swarm.ts';

export interface StrikeContext {
  readonly oldDisks: OldDisks;
  readonly swarm: Swarm;
  readonly driver: PlanetDriver;
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
}

/** Puts right what a strike did. */
export type Undo = () => void;

type Link = readonly [from: string, to: string];

const DRIFT_PPM_MAX = 500;
const SLOW_DISK_FACTOR_MAX = 100;
/** Of a segment; see src/log/segment-header.ts. */
const HEADER_PAGE_BYTES = 4096;

/** Does it and returns how to undo it; undefined when there was nothing to strike at. */
export function strike(fault: Fault, context: StrikeContext, chance: SeededRandom): Undo | undefined {
  const { driver, network, runtime, swarm } = context;
  const names = chance.shuffled(driver.names);
  const [one, other] = names;
  if (one === undefined || other === undefined) return undefined;
  runtime.note(`${fault} ${one} ${other}`);
  switch (fault) {
    case 'cut':
      return cut(network, bothWays([[one, other]]));
    case 'cutOneWay':
      return cut(network, [[one, other]]);
    case 'isolate':
      return cut(network, bothWays(names.slice(1).map((name): Link => [one, name])));
    case 'halves':
      return cutHalves(network, names, chance);
    case 'majorityRing':
      return cutRing(network, names);
    case 'swizzleClog':
      return swizzle(context, names, chance);
    case 'breakChannels':
      network.breakChannels(one, other);
      return () => undefined;
    case 'degrade':
      return degrade(context, one, other);
    case 'pause':
      return pause(driver, one);
    case 'crash':
      driver.crash(one);
      return () => void driver.start(one);
    case 'powerLoss':
      for (const name of driver.names) driver.crash(name);
      return () => {
        for (const name of driver.names) void driver.start(name);
      };
    case 'wipe':
      return wipe(driver, one);
    case 'oldDisk':
      return putOldDisk(context, names, chance);
    case 'storeLoss':
      if (driver.life(one)?.region === undefined) return undefined;
      driver.loseStore(one);
      return () => void driver.start(one);
    case 'skew':
      driver.setSkew(one, chance.between(-swarm.skewMsMax, swarm.skewMsMax));
      return () => undefined;
    case 'drift':
      return drift(driver, one, chance.between(-DRIFT_PPM_MAX, DRIFT_PPM_MAX));
    default:
      return strikeDisk(fault, context, { name: one, chance });
  }
}

function strikeDisk(
  fault: 'slowDisk' | 'fullDisk' | 'failingDisk' | 'bitFlip',
  { driver }: StrikeContext,
  { name, chance }: { readonly name: string; readonly chance: SeededRandom },
): Undo | undefined {
  const disk = driver.disk(name);
  if (disk === undefined || driver.life(name)?.region === undefined) return undefined;
  switch (fault) {
    case 'slowDisk':
      disk.slowness = chance.logarithmic(2, SLOW_DISK_FACTOR_MAX);
      return () => {
        disk.slowness = 1;
      };
    case 'fullDisk':
      driver.expectFailure(name);
      disk.capacityBytes = disk.usedBytes;
      return () => restart(driver, name);
    case 'failingDisk':
      driver.expectFailure(name);
      disk.failNext({ operation: chance.pick(['write', 'sync']), code: 'EIO' });
      return () => restart(driver, name);
    case 'bitFlip': {
      if (!driver.areDisksWell()) return undefined;
      driver.crash(name);
      if (flipSealedBit(disk, chance)) driver.expectDamage(name);
      // Who has to make everything anew from its logs comes across it at once; others perhaps never.
      if (chance.split('store').chance(0.5)) driver.loseStore(name);
      return () => void driver.start(name);
    }
  }
}

/**
 * Flips a bit of a log segment that is full: of the last group nobody can tell whether it was torn when the
 * power went, or damaged later.
 */
function flipSealedBit(disk: SimulatedDisk, chance: SeededRandom): boolean {
  const used = disk
    .paths()
    .map((path) => ({ path, end: disk.contents(path).findLastIndex((byte) => byte !== 0) }))
    .filter(({ end }) => end > HEADER_PAGE_BYTES);
  const sealed = used.slice(0, -1);
  if (sealed.length === 0) return false;
  const { path, end } = chance.pick(sealed);
  disk.flipBit(path, chance.integer(0, end), chance.integer(0, 7));
  return true;
}

/** The fault may have met nobody yet, and the region may be down for another reason. */
function restart(driver: PlanetDriver, name: string): void {
  driver.recover(name);
  void driver.start(name);
}

function bothWays(links: readonly Link[]): Link[] {
  return links.flatMap(([from, to]): Link[] => [
    [from, to],
    [to, from],
  ]);
}

function cut(network: SimulatedNetwork, links: readonly Link[]): Undo {
  for (const [from, to] of links) network.cut(from, to);
  return () => {
    for (const [from, to] of links) network.heal(from, to);
  };
}

function cutHalves(network: SimulatedNetwork, names: readonly string[], chance: SeededRandom): Undo {
  const size = chance.integer(1, names.length - 1);
  const [left, right] = [names.slice(0, size), names.slice(size)];
  return cut(network, bothWays(left.flatMap((one) => right.map((other): Link => [one, other]))));
}

/** Everybody sees a majority, and no two see the same one. Three regions are too few for that. */
function cutRing(network: SimulatedNetwork, names: readonly string[]): Undo | undefined {
  const reach = Math.floor(names.length / 4);
  const links: Link[] = [];
  for (const [place, one] of names.entries()) {
    for (const [otherPlace, other] of names.entries()) {
      const apart = Math.abs(place - otherPlace);
      if (Math.min(apart, names.length - apart) > reach) links.push([one, other]);
    }
  }
  return names.length < 4 ? undefined : cut(network, links);
}

/** Links stop one by one, each holding what it carries, and go on in another order. */
function swizzle({ network, swarm, runtime }: StrikeContext, names: readonly string[], chance: SeededRandom) {
  const all = names.flatMap((one) =>
    names.filter((other) => other !== one).map((other): Link => [one, other]),
  );
  const links = chance.shuffled(all).slice(0, chance.integer(1, all.length));
  let isOver = false;
  const stepMs = swarm.faultMs / (2 * links.length);
  const clogged: Link[] = [];
  void (async () => {
    for (const link of links) {
      if (isOver) return;
      network.clog(...link);
      clogged.push(link);
      await runtime.sleep(stepMs, 'swizzle');
    }
    for (const link of chance.shuffled(links)) {
      if (isOver) return;
      network.unclog(...link);
      clogged.splice(clogged.indexOf(link), 1);
      await runtime.sleep(stepMs, 'swizzle');
    }
  })();
  return () => {
    isOver = true;
    for (const link of clogged) network.unclog(...link);
  };
}

function degrade({ network, swarm }: StrikeContext, one: string, other: string): Undo {
  const set = (quality: Swarm['link']) => {
    network.setLink(one, other, quality);
    network.setLink(other, one, quality);
  };
  set(swarm.linkWhenDegraded);
  return () => set(swarm.link);
}

function wipe(driver: PlanetDriver, name: string): Undo | undefined {
  if (!driver.areDisksWell()) return undefined;
  const wiped = driver.wipe(name);
  return () => void wiped.then(() => driver.start(name));
}

function putOldDisk(
  { oldDisks, driver, network }: StrikeContext,
  names: readonly string[],
  chance: SeededRandom,
): Undo | undefined {
  const struck = oldDisks.strike(names, chance.chance(0.5));
  if (struck === undefined) return undefined;
  const { powerless } = struck;
  if (powerless === undefined) return () => undefined;
  if (chance.chance(0.5)) return () => void driver.start(powerless);
  // Alone it goes on from the old disk, until it meets somebody who knows better, or who has forgotten.
  const others = names.filter((name) => name !== powerless);
  const heal = cut(network, bothWays(others.map((other): Link => [powerless, other])));
  void driver.start(powerless);
  return heal;
}

function pause(driver: PlanetDriver, name: string): Undo | undefined {
  const machine = driver.life(name)?.machine;
  if (machine === undefined || machine.isPaused) return undefined;
  machine.pause();
  return () => machine.resume();
}

function drift(driver: PlanetDriver, name: string, ppm: number): Undo {
  const machine = driver.life(name)?.machine;
  machine?.setDrift(ppm);
  return () => machine?.setDrift(0);
}
