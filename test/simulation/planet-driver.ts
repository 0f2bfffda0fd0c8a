import type { PlanetUnderTest, RegionUnderTest } from './region-under-test.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedMachine, SimulatedRuntime } from './simulated-runtime.ts';
import type { Trace } from './trace.ts';
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

interface DrivenRegion {
  life: (RegionLife & { region: RegionUnderTest | undefined; readonly end: () => void }) | undefined;
  lives: number;
  wipes: number;
  /** Done when the region may start again with an empty disk. */
  wiping: Promise<void>;
  skewMs: number;
}

export interface PlanetDriverOptions {
  readonly planet: PlanetUnderTest;
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly violations: Violations;
  readonly trace: Trace;
  /** Called before the region can start again. */
  readonly onWiped: (region: string) => void;
}

/** Starts, crashes and restarts regions, and knows which of them live. */
export class PlanetDriver {
  readonly #options: PlanetDriverOptions;
  readonly #regions = new Map<string, DrivenRegion>();

  constructor(options: PlanetDriverOptions & { readonly skewMs: readonly number[] }) {
    this.#options = options;
    for (const [place, name] of options.planet.regions.entries()) {
      this.#regions.set(name, {
        life: undefined,
        lives: 0,
        wipes: 0,
        wiping: Promise.resolve(),
        skewMs: options.skewMs[place] ?? 0,
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

  /**
   * Powers a region on; resolves when it is open or has crashed on the way. Nothing when it has power
   * already.
   */
  async start(name: string): Promise<void> {
    const driven = this.#of(name);
    await driven.wiping;
    if (driven.life !== undefined) return;
    const { runtime, planet, violations, trace } = this.#options;
    driven.lives += 1;
    const machine = runtime.forRegion(name, { skewMs: driven.skewMs, life: driven.lives });
    let end: () => void = () => undefined;
    const ended = new Promise<typeof ENDED>((resolve) => {
      end = () => resolve(ENDED);
    });
    const life: NonNullable<DrivenRegion['life']> = { name, machine, region: undefined, ended, end };
    driven.life = life;
    trace.record(`-- ${name} starts life ${driven.lives}`);
    const onFailed = (reason: unknown) => {
      if (!machine.isHalted) violations.report('the process goes on', `${name} failed: ${textOf(reason)}`);
    };
    try {
      const opened = await Promise.race([planet.open(name, machine, onFailed), ended]);
      if (opened !== ENDED) life.region = opened;
    } catch (error) {
      violations.report('the process goes on', `${name} did not open: ${textOf(error)}`);
    }
  }

  /** Cuts the power. Nothing when there is none. */
  crash(name: string): void {
    const driven = this.#of(name);
    const { life } = driven;
    if (life === undefined) return;
    this.#options.trace.record(`-- ${name} crashes`);
    driven.life = undefined;
    life.machine.halt();
    this.#options.network.crash(life.machine);
    this.#options.planet.crash(name);
    life.end();
  }

  /** Cuts the power and takes the disk away. */
  async wipe(name: string): Promise<void> {
    this.crash(name);
    this.#options.trace.record(`-- ${name} is wiped`);
    const driven = this.#of(name);
    driven.wipes += 1;
    this.#options.onWiped(name);
    driven.wiping = this.#options.planet.wipe(name);
    await driven.wiping;
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

export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
