import type { Excerpt } from './excerpt.ts';
import type { SimulationResult } from './simulation.ts';
import type { Violation } from './violations.ts';

export interface ShrinkOptions {
  /** Plays the failing seed, or part of it. */
  readonly play: (excerpt: Excerpt) => Promise<SimulationResult>;
  /** How often it may be played at the most. Default 400. */
  readonly runsMax?: number;
  readonly onProgress?: (acts: number, runs: number) => void;
}

export interface Shrunk {
  readonly excerpt: Excerpt;
  readonly result: SimulationResult;
  readonly runs: number;
}

const RUNS_MAX = 400;
const REGIONS_MIN = 2;

/**
 * The shortest part of a failing seed's story that still violates the same invariant: first with fewer
 * regions, then with ever smaller parts of its requests and faults left out (Zeller's ddmin). Nothing in it
 * can then be left out without the violation going away, unless the runs are used up before. Undefined when
 * the seed does not fail.
 */
export async function shrink(options: ShrinkOptions): Promise<Shrunk | undefined> {
  const first = await options.play({});
  const [violation] = first.violations;
  if (violation === undefined) return undefined;
  const shrinking = new Shrinking(options, shapeOf(violation), first);
  await shrinking.dropTail();
  await shrinking.dropRegions();
  await shrinking.dropActs();
  return shrinking.best;
}

class Shrinking {
  readonly #options: ShrinkOptions;
  readonly #shape: string;
  #best: Shrunk;
  #runs = 1;

  constructor(options: ShrinkOptions, shape: string, first: SimulationResult) {
    this.#options = options;
    this.#shape = shape;
    this.#best = { excerpt: { acts: new Set(first.acts) }, result: first, runs: 1 };
  }

  get best(): Shrunk {
    return { ...this.#best, runs: this.#runs };
  }

  get #acts(): string[] {
    return [...(this.#best.excerpt.acts ?? [])];
  }

  /** Requests after the violation had no part in it, and seldom those long before. */
  async dropTail(): Promise<void> {
    for (let share = 0.1; share < 1; share += 0.15) {
      const acts = this.#acts;
      if (await this.#try({ ...this.#best.excerpt, acts: new Set(acts.slice(0, acts.length * share)) }))
        return;
    }
  }

  async dropRegions(): Promise<void> {
    const { regions } = this.#best.excerpt;
    for (let count = REGIONS_MIN; count < (regions ?? 5); count++) {
      if (await this.#try({ ...this.#best.excerpt, regions: count })) return;
    }
  }

  async dropActs(): Promise<void> {
    for (let parts = 2; ; ) {
      const acts = this.#acts;
      const size = Math.ceil(acts.length / parts);
      let isSmaller = false;
      for (let start = 0; start < acts.length && !isSmaller; start += size) {
        const rest = [...acts.slice(0, start), ...acts.slice(start + size)];
        isSmaller = await this.#try({ ...this.#best.excerpt, acts: new Set(rest) });
      }
      if (this.#isSpent) return;
      if (isSmaller) parts = Math.max(2, parts - 1);
      else if (size <= 1) return;
      else parts = Math.min(acts.length, 2 * parts);
    }
  }

  get #isSpent(): boolean {
    return this.#runs >= (this.#options.runsMax ?? RUNS_MAX);
  }

  /** Keeps a smaller story if it still shows the violation. */
  async #try(excerpt: Excerpt): Promise<boolean> {
    if (this.#isSpent) return false;
    this.#runs += 1;
    const result = await this.#options.play(excerpt);
    if (!result.violations.some((violation) => shapeOf(violation) === this.#shape)) return false;
    // Requests that never came to be made, because their client's region was gone, need not be named.
    const made = new Set(result.acts);
    const acts = new Set([...(excerpt.acts ?? [])].filter((act) => made.has(act)));
    this.#best = { excerpt: { ...excerpt, acts }, result, runs: this.#runs };
    this.#options.onProgress?.(acts.size, this.#runs);
    return true;
  }
}

/** What makes two violations the same, in whatever story: a process can fail to go on in many ways. */
function shapeOf({ invariant, message }: Violation): string {
  if (invariant !== 'the process goes on') return invariant;
  const [line = ''] = message.split('\n', 1);
  return `${invariant} ${line.slice(line.indexOf(':') + 1).replace(/[0-9]+/g, '')}`;
}
