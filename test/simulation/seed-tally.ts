import { createHash } from 'node:crypto';
import { reachedTooSeldom } from './reachability.ts';
import type { SeedReport } from './seed-workers.ts';
import { SCALES, type ScaleName } from './swarm.ts';

export interface SeedTallyOptions {
  /** How many were asked for; may be infinite. */
  readonly seeds: number;
  readonly scale: ScaleName;
}

/** What many seeds came to, in whatever order they come in. */
export class SeedTally {
  readonly #options: SeedTallyOptions;
  readonly #startMs = performance.now();
  readonly #totals = new Map<string, number>();
  readonly #fewest = new Map<string, number>();
  readonly #digests = new Map<number, string>();
  readonly #failed: number[] = [];
  /** Seeds that did less than their scale says, in words. */
  readonly #tooShort: string[] = [];

  constructor(options: SeedTallyOptions) {
    this.#options = options;
  }

  add({ seed, digest, violations, counts }: SeedReport): void {
    this.#digests.set(seed, digest);
    if (violations.length > 0) this.#failed.push(seed);
    if (violations.length === 0) this.#judgeSize(seed, new Map(counts));
    for (const [name, count] of counts) {
      this.#totals.set(name, (this.#totals.get(name) ?? 0) + count);
      this.#fewest.set(name, Math.min(this.#fewest.get(name) ?? Number.POSITIVE_INFINITY, count));
    }
  }

  #judgeSize(seed: number, counts: ReadonlyMap<string, number>): void {
    const { requests, strikesMin } = SCALES[this.#options.scale];
    const least = { requests: requests[0], strikes: strikesMin };
    for (const [name, expected] of Object.entries(least)) {
      const count = counts.get(name) ?? 0;
      if (count < expected) this.#tooShort.push(`seed ${seed}: ${count} ${name}, expected ${expected}`);
    }
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** The lowest seed that failed. */
  get firstFailed(): number | undefined {
    return this.#failed.toSorted((a, b) => a - b)[0];
  }

  /** Nothing failed, nothing was met too seldom, and every seed did as much as it should. */
  get isGreen(): boolean {
    return this.#failed.length + this.#tooShort.length + this.#missing().length === 0;
  }

  /** One line. */
  progress(): string {
    const { seeds } = this.#options;
    const played = this.#digests.size;
    const perSecond = (1_000 * played) / this.elapsedMs;
    const left = Math.ceil((seeds - played) / perSecond / 60);
    const rest = Number.isFinite(left) ? `, ${left} min left` : '';
    const of = Number.isFinite(seeds) ? ` of ${seeds}` : '';
    return `${played}${of} seeds, ${this.#failed.length} failed, ${perSecond.toFixed(2)} a second${rest}`;
  }

  summary(from: number): string[] {
    const played = this.#digests.size;
    const seconds = (this.elapsedMs / 1_000).toFixed(1);
    const counts = [...this.#totals].sort();
    const failed = this.#failed.length;
    return [
      `${played} seeds from ${from}: ${played - failed} passed, ${failed} failed, ${seconds} s`,
      ...counts.map(([name, count]) => `  ${name.padEnd(40)} ${count}`),
      ...['requests', 'strikes'].map((name) => `  fewest ${name} of a seed: ${this.#fewest.get(name)}`),
      ...this.#tooShort.map((line) => `  ${line}`),
      ...this.#missing().map(({ name, count, least }) => `  ${name}: ${count} times, expected ${least}`),
      `  stories ${this.#stories()}`,
    ];
  }

  #missing() {
    return reachedTooSeldom(this.#totals, { seeds: this.#digests.size, scale: this.#options.scale });
  }

  /** Hash of all stories: the same seeds of the same code tell the same ones. */
  #stories(): string {
    const hash = createHash('sha256');
    const inOrder = [...this.#digests].sort(([a], [b]) => a - b);
    for (const [, digest] of inOrder) hash.update(digest);
    return hash.digest('hex').slice(0, 16);
  }
}
