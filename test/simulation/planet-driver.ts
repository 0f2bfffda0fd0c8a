import type { VersionVector } from '../../src/causality/index.ts';
import { LogDamagedError } from '../../src/log/index.ts';
import { ViewsForgetfulError } from '../../src/partition/index.ts';
import { DiskOutdatedError } from '../../src/replication/index.ts';
import type { PlanetUnderTest, RegionUnderTest } from './region-under-test.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedMachine, SimulatedRuntime } from './simulated-runtime.ts';
import type { Violations } from './violations.ts';

/** One life of one region, from power-on to crash or close. */
export interface RegionLife {
  readonly name: string;
  readonly machine: SimulatedMachine;
  /** Undefined while it is opening. */
  readonly region: RegionUnderTest | undefined;
  /** Never rejects; resolves with ENDED when the machine has crashed. */
  readonly ended: Promise<typeof ENDED>;
}

export const ENDED = Symbol('this life is over');

/** Whoever watches reads every open region's logs at least so often. */
const READ_WITHIN_MS = 2_000;

interface Life extends RegionLife {
  region: RegionUnderTest | undefined;
  readonly end: () => void;
}

interface DrivenRegion {
  life: Life | undefined;
  lives: number;
  wipes: number;
  /** Done when the region may start again with an empty disk. */
  wiping: Promise<void>;
  skewMs: number;
  /** Some of what its disk holds is not what was written: the region may refuse to go on with it. */
  isDamaged: boolean;
  /** Its disk is a copy from earlier: what it had by partition, and has to have again. */
  had: ReadonlyMap<number, VersionVector> | undefined;
  /** When it opened the last time. */
  openSinceMs: number;
  /** Clients write elsewhere. */
  isResting: boolean;
}

export interface PlanetDriverOptions {
  readonly planet: PlanetUnderTest;
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly violations: Violations;
  /** Called before the region can start again. */
  readonly onWiped: (region: string) => void;
}

/** Starts, crashes and restarts regions, and knows which of them live. */
export class PlanetDriver {
  readonly #options: PlanetDriverOptions;
  readonly #regions = new Map<string, DrivenRegion>();
  /** Machines whose disk fails, or will. */
  readonly #failing = new WeakSet<SimulatedMachine>();
  readonly #waiters: (() => void)[] = [];
  #replaced = 0;
  #foundOutdated = 0;
  #remembered = 0;
  #hasOldDisks = false;

  constructor(options: PlanetDriverOptions & { readonly skewMs: readonly number[] }) {
    this.#options = options;
    for (const [place, name] of options.planet.regions.entries()) {
      this.#regions.set(name, {
        life: undefined,
        lives: 0,
        wipes: 0,
        wiping: Promise.resolve(),
        skewMs: options.skewMs[place] ?? 0,
        isDamaged: false,
        had: undefined,
        openSinceMs: 0,
        isResting: false,
      });
    }
  }

  get names(): readonly string[] {
    return this.#options.planet.regions;
  }

  /** The region's present life, open or still opening. */
  life(name: string): RegionLife | undefined {
    return this.#of(name).life;
  }

  /** All lives whose region is open. */
  open(): (RegionLife & { readonly region: RegionUnderTest })[] {
    const open: (RegionLife & { readonly region: RegionUnderTest })[] = [];
    for (const { life } of this.#regions.values()) {
      const region = life?.region;
      if (life !== undefined && region !== undefined) open.push({ ...life, region });
    }
    return open;
  }

  /** Resolves when a region opens. */
  opened(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /**
   * Powers a region on; resolves when it is open or has crashed on the way. Nothing when it has power
   * already.
   */
  async start(name: string): Promise<void> {
    const driven = this.#of(name);
    await driven.wiping;
    if (driven.life !== undefined) return;
    const { runtime, planet, violations } = this.#options;
    driven.lives += 1;
    const machine = runtime.forRegion(name, { skewMs: driven.skewMs, life: driven.lives });
    let end: () => void = () => undefined;
    const ended = new Promise<typeof ENDED>((resolve) => {
      end = () => resolve(ENDED);
    });
    const life: Life = { name, machine, region: undefined, ended, end };
    driven.life = life;
    runtime.note(`${name} starts life ${driven.lives}`);
    if (this.disk(name)?.isFailing === true) this.#failing.add(machine);
    const onFailed = (reason: unknown) => {
      if (machine.isHalted) return;
      if (this.#failing.has(machine)) this.crash(name);
      else if (isExpected(driven, reason)) void this.#replace(name);
      else if (reason instanceof ViewsForgetfulError && this.#hasOldDisks) void this.#remember(name);
      else violations.report('the process goes on', `${name} failed: ${textOf(reason)}`);
    };
    try {
      const opened = await Promise.race([planet.open(name, machine, onFailed), ended]);
      if (opened === ENDED) return;
      life.region = opened;
      driven.openSinceMs = runtime.elapsedMs;
      for (const wake of this.#waiters.splice(0)) wake();
    } catch (error) {
      if (this.#failing.has(machine)) this.crash(name);
      else if (isExpected(driven, error)) await this.#replace(name);
      else violations.report('the process goes on', `${name} did not open: ${textOf(error)}`);
    }
  }

  /** The region's disk was tampered with: when it refuses to go on with it, it gets an empty one. */
  expectDamage(name: string): void {
    this.#of(name).isDamaged = true;
  }

  async #replace(name: string): Promise<void> {
    const isOutdated = this.#of(name).had !== undefined;
    this.#options.runtime.note(`${name} finds its disk ${isOutdated ? 'outdated' : 'damaged'}`);
    if (isOutdated) this.#foundOutdated += 1;
    else this.#replaced += 1;
    await this.wipe(name);
    await this.start(name);
  }

  /** Someone wrote from an older disk, and the region has forgotten what that takes: its logs know. */
  async #remember(name: string): Promise<void> {
    this.#remembered += 1;
    this.loseStore(name);
    await this.start(name);
  }

  /**
   * Whether a disk may be taken away: losing all at once loses data, and nobody promised otherwise. So all
   * others have to be open, and none may hold damage that nobody has come across yet. And they have been open
   * long enough for their logs to be read once: what was damaged before that nobody could judge.
   */
  areDisksWell(): boolean {
    const regions = [...this.#regions.values()];
    const openByMs = this.#options.runtime.elapsedMs - READ_WITHIN_MS;
    return regions.every(
      ({ life, isDamaged, had, openSinceMs }) =>
        life?.region !== undefined && !isDamaged && had === undefined && openSinceMs <= openByMs,
    );
  }

  /** How many regions refused what was on their disks, because it was not what they had written. */
  get replaced(): number {
    return this.#replaced;
  }

  /** How many regions found that their disks were copies from earlier. */
  get foundOutdated(): number {
    return this.#foundOutdated;
  }

  /** How many regions met writes that an older disk had led to, and made their views anew. */
  get remembered(): number {
    return this.#remembered;
  }

  /**
   * Whether the region's disk is a copy from earlier, which it has not found out yet, and which lacks some of
   * what the region had. Where nobody remembers that it had it, it may get it once more.
   */
  isOutdated(name: string): boolean {
    const driven = this.#of(name);
    const { had, life } = driven;
    if (had === undefined) return false;
    const region = life?.region;
    const isBack = ([number, vector]: [number, VersionVector]) =>
      region?.partition(number)?.vector.coversAll(vector) === true;
    if (![...had].every(isBack)) return true;
    this.#options.runtime.note(`${name} has again what it had`);
    driven.had = undefined;
    return false;
  }

  /** Whether some of what the region once had on its disk is no longer what it was. */
  isDamaged(name: string): boolean {
    return this.#of(name).isDamaged;
  }

  /** In its present life the region may say that it cannot go on: then it is powered off. */
  expectFailure(name: string): void {
    const { life } = this.#of(name);
    if (life !== undefined) this.#failing.add(life.machine);
  }

  expectsFailure({ machine }: RegionLife): boolean {
    return this.#failing.has(machine);
  }

  /** The region's disk; undefined when it has none that can fail. */
  disk(name: string): SimulatedDisk | undefined {
    return this.#options.planet.disk?.(name);
  }

  /** Mends the region's disk; a region that may have failed meanwhile is powered off. */
  recover(name: string): void {
    this.disk(name)?.mend();
    const { life } = this.#of(name);
    if (life !== undefined && this.expectsFailure(life)) this.crash(name);
  }

  /** Cuts the power. Nothing when there is none. */
  crash(name: string): void {
    const driven = this.#of(name);
    const { life } = driven;
    if (life === undefined) return;
    this.#options.runtime.note(`${name} crashes`);
    driven.life = undefined;
    life.machine.halt();
    this.#options.network.crash(life.machine);
    this.#options.planet.crash(name);
    life.end();
  }

  /** Cuts the power and takes the disk away. */
  async wipe(name: string): Promise<void> {
    this.crash(name);
    this.#options.runtime.note(`${name} is wiped`);
    const driven = this.#of(name);
    driven.wipes += 1;
    driven.isDamaged = false;
    driven.had = undefined;
    driven.isResting = false;
    this.#options.onWiped(name);
    driven.wiping = this.#options.planet.wipe(name);
    await driven.wiping;
  }

  /** Cuts the power and takes away what the region makes of its logs. */
  loseStore(name: string): void {
    this.crash(name);
    this.#options.runtime.note(`${name} loses its store`);
    this.#options.planet.loseStore?.(name);
  }

  /** Copies the disk as it is now; what it returns is for `putBack`. */
  copyDisk(name: string): (() => void) | undefined {
    return this.#options.planet.copyDisk?.(name);
  }

  /** Cuts the power and replaces the disk by an older copy: what the region promised since is void. */
  putBack(name: string, copy: () => void): void {
    const had = vectorsOf(this.#of(name).life?.region);
    this.crash(name);
    this.#options.runtime.note(`${name} gets an older disk`);
    const driven = this.#of(name);
    driven.wipes += 1;
    driven.had = had;
    driven.isResting = false;
    this.#hasOldDisks = true;
    this.#options.onWiped(name);
    copy();
  }

  /** Clients are to write in other regions, until this one gets another disk. */
  rest(name: string): void {
    this.#of(name).isResting = true;
  }

  isResting(name: string): boolean {
    return this.#of(name).isResting;
  }

  /** How often the region lost its disk: what it promised before the last time it promised no more. */
  wipes(name: string): number {
    return this.#of(name).wipes;
  }

  setSkew(name: string, skewMs: number): void {
    const driven = this.#of(name);
    driven.skewMs = skewMs;
    driven.life?.machine.setSkew(skewMs);
  }

  #of(name: string): DrivenRegion {
    const driven = this.#regions.get(name);
    if (driven === undefined) throw new RangeError(`there is no region ${name}`);
    return driven;
  }
}

/** What a region has, durably, by partition. */
function vectorsOf(region: RegionUnderTest | undefined): Map<number, VersionVector> {
  const vectors = new Map<number, VersionVector>();
  for (const number of region?.partitionNumbers() ?? []) {
    const vector = region?.partition(number)?.vector;
    if (vector !== undefined) vectors.set(number, vector.clone());
  }
  return vectors;
}

/** Whether the region is right to refuse its disk. */
function isExpected({ isDamaged, had }: DrivenRegion, reason: unknown): boolean {
  if (had !== undefined && reason instanceof DiskOutdatedError) return true;
  return isDamaged && reason instanceof LogDamagedError;
}

export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
