import { type Excerpt, includes } from './excerpt.ts';
import { OldDisks } from './old-disks.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type StrikeContext, strike } from './strikes.ts';
import type { Fault } from './swarm.ts';

export interface NemesisOptions extends Omit<StrikeContext, 'oldDisks'> {
  readonly random: SeededRandom;
  readonly excerpt: Excerpt;
  /** Gets the name of each strike. */
  readonly acts: string[];
  /** Which share of the planned requests was made: from 0 to 1, or more. */
  readonly progress: () => number;
}

/** Lets each fault of the swarm strike at its own random moments, and undoes it after a while. */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #strikes = new Map<Fault, number>();
  readonly #context: StrikeContext;
  #isStopped = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#context = { ...options, oldDisks: new OldDisks(options) };
  }

  /** How often each fault struck. */
  get strikes(): ReadonlyMap<Fault, number> {
    return this.#strikes;
  }

  /** How often any fault struck. */
  get count(): number {
    let count = 0;
    for (const strikes of this.#strikes.values()) count += strikes;
    return count;
  }

  start(): void {
    for (const [fault, meanMs] of this.#options.swarm.faults) void this.#haunt(fault, meanMs);
  }

  /** No new strikes; puts everything right: links (all, or enough of them), disks, machines, power. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const { network, swarm, driver, runtime } = this.#options;
    runtime.note('faults end');
    network.healAll();
    network.setAllLinks(swarm.link);
    if (swarm.leavesLinksCut) this.#cutToTree();
    for (const name of driver.names) {
      const machine = driver.life(name)?.machine;
      machine?.resume();
      machine?.setDrift(0);
      driver.recover(name);
    }
    await Promise.all(driver.names.map((name) => driver.start(name)));
  }

  /** Cuts about half of the links that are not needed to get from every region to every other. */
  #cutToTree(): void {
    const { driver, random, runtime, network } = this.#options;
    const chance = random.split('tree');
    const names = chance.shuffled(driver.names);
    for (const [place, name] of names.entries()) {
      const before = names.slice(0, place);
      const parent = before.length > 0 ? chance.pick(before) : undefined;
      for (const other of before) {
        if (other === parent || chance.chance(0.5)) continue;
        runtime.note(`${name} and ${other} stay apart`);
        network.cut(name, other);
        network.cut(other, name);
      }
    }
  }

  /** Where requests come slowly, faults wait for them. */
  get #isDue(): boolean {
    const { swarm, progress } = this.#options;
    return swarm.strikes === Number.POSITIVE_INFINITY || this.count <= swarm.strikes * progress();
  }

  async #haunt(fault: Fault, meanMs: number): Promise<void> {
    const { runtime, swarm, random, excerpt, acts } = this.#options;
    for (let number = 0; ; number++) {
      const act = `${fault}.${number}`;
      const chance = random.split(act);
      const wait = (mean: number) => runtime.sleep(-Math.log(1 - chance.next()) * mean, fault);
      await wait(meanMs);
      if (this.#isStopped) return;
      if (!this.#isDue) continue;
      const undo = includes(excerpt, act) ? strike(fault, this.#context, chance.split('strike')) : undefined;
      if (undo !== undefined) {
        this.#strikes.set(fault, (this.#strikes.get(fault) ?? 0) + 1);
        acts.push(act);
      }
      await wait(swarm.faultMs);
      // Whatever it was, stopping has undone it.
      if (this.#isStopped) return;
      if (undo === undefined) continue;
      runtime.note(`${fault} ends`);
      undo();
    }
  }
}
