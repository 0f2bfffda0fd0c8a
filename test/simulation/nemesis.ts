import type { PlanetDriver } from './planet-driver.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Fault, Swarm } from './swarm.ts';
import type { Trace } from './trace.ts';

export interface NemesisOptions {
  readonly swarm: Swarm;
  readonly driver: PlanetDriver;
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly trace: Trace;
}

const DRIFT_PPM_MAX = 500;

/** Lets each fault of the swarm strike at its own random moments, and undoes it after a while. */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #strikes = new Map<Fault, number>();
  #isStopped = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** How often each fault struck. */
  get strikes(): ReadonlyMap<Fault, number> {
    return this.#strikes;
  }

  start(): void {
    for (const [fault, meanMs] of this.#options.swarm.faults) void this.#haunt(fault, meanMs);
  }

  /** No new strikes; puts everything right: links (all, or enough of them), machines, power. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const { network, swarm, driver, trace } = this.#options;
    trace.record('-- faults end');
    network.healAll();
    network.setAllLinks(swarm.link);
    if (swarm.leavesLinksCut) this.#cutToTree();
    for (const name of driver.names) {
      const machine = driver.life(name)?.machine;
      machine?.resume();
      machine?.setDrift(0);
    }
    await Promise.all(driver.names.map((name) => driver.start(name)));
  }

  /** Cuts about half of the links that are not needed to get from every region to every other. */
  #cutToTree(): void {
    const { driver, random, trace, network } = this.#options;
    const chance = random.split('tree');
    const names = chance.shuffled(driver.names);
    for (const [place, name] of names.entries()) {
      const before = names.slice(0, place);
      const parent = before.length > 0 ? chance.pick(before) : undefined;
      for (const other of before) {
        if (other === parent || chance.chance(0.5)) continue;
        trace.record(`-- ${name} and ${other} stay apart`);
        network.cut(name, other);
        network.cut(other, name);
      }
    }
  }

  async #haunt(fault: Fault, meanMs: number): Promise<void> {
    const { runtime, swarm, random, trace } = this.#options;
    const chance = random.split(fault);
    const wait = (mean: number) => runtime.sleep(-Math.log(1 - chance.next()) * mean, fault);
    for (;;) {
      await wait(meanMs);
      if (this.#isStopped) return;
      const undo = this.#strike(fault, chance);
      if (undo === undefined) continue;
      this.#strikes.set(fault, (this.#strikes.get(fault) ?? 0) + 1);
      await wait(swarm.faultMs);
      // Whatever it was, stopping has undone it.
      if (this.#isStopped) return;
      trace.record(`-- ${fault} ends`);
      undo();
    }
  }

  /** Does it and returns how to undo it; undefined when there was nothing to strike at. */
  #strike(fault: Fault, chance: SeededRandom): (() => void) | undefined {
    const { driver, trace } = this.#options;
    const [one, other] = chance.shuffled(driver.names);
    if (one === undefined || other === undefined) return undefined;
    trace.record(`-- ${fault} ${one} ${other}`);
    switch (fault) {
      case 'cut':
        return this.#cut([
          [one, other],
          [other, one],
        ]);
      case 'cutOneWay':
        return this.#cut([[one, other]]);
      case 'isolate':
        return this.#cut(
          driver.names.flatMap((name): [string, string][] => [
            [one, name],
            [name, one],
          ]),
        );
      case 'breakChannels':
        this.#options.network.breakChannels(one, other);
        return () => undefined;
      case 'degrade':
        return this.#degrade(one, other);
      case 'pause':
        return this.#pause(one);
      case 'crash':
        driver.crash(one);
        return () => void driver.start(one);
      case 'powerLoss':
        for (const name of driver.names) driver.crash(name);
        return () => {
          for (const name of driver.names) void driver.start(name);
        };
      case 'wipe':
        return this.#wipe(one);
      case 'skew':
        driver.setSkew(one, chance.between(-this.#options.swarm.skewMsMax, this.#options.swarm.skewMsMax));
        return () => undefined;
      case 'drift': {
        const machine = driver.life(one)?.machine;
        machine?.setDrift(chance.between(-DRIFT_PPM_MAX, DRIFT_PPM_MAX));
        return () => machine?.setDrift(0);
      }
    }
  }

  #cut(links: readonly (readonly [string, string])[]): () => void {
    const { network } = this.#options;
    for (const [from, to] of links) network.cut(from, to);
    return () => {
      for (const [from, to] of links) network.heal(from, to);
    };
  }

  #degrade(one: string, other: string): () => void {
    const { network, swarm } = this.#options;
    const set = (quality: Swarm['link']) => {
      network.setLink(one, other, quality);
      network.setLink(other, one, quality);
    };
    set(swarm.linkWhenDegraded);
    return () => set(swarm.link);
  }

  /** Only while all others are well: losing all disks at once loses data, and nobody promised otherwise. */
  #wipe(name: string): (() => void) | undefined {
    const { driver } = this.#options;
    if (driver.open().length < driver.names.length) return undefined;
    const wiped = driver.wipe(name);
    return () => void wiped.then(() => driver.start(name));
  }

  #pause(name: string): (() => void) | undefined {
    const machine = this.#options.driver.life(name)?.machine;
    if (machine === undefined || machine.isPaused) return undefined;
    machine.pause();
    return () => machine.resume();
  }
}
