import type { Runtime } from '../runtime/index.ts';
import type { Origin } from './version-vector.ts';

/** How far this machine's wall clock may be from what most regions' clocks say. */
const DEVIATION_MS_MAX = 30_000;
/** How near a clock that was wrong has to come to be right again: one at the limit would go to and fro. */
const RETURN_MS_MAX = 25_000;

/** A region's wall clock (Unix), as somebody knows it at this moment. */
export interface ClockReading {
  readonly origin: Origin;
  readonly wallMs: number;
}

/**
 * This region's wall clock, held near those of the other regions: one machine whose clock is an hour wrong
 * must neither date its writes an hour ahead, and so win every conflict for that hour, nor end the life of
 * items early, nor refuse what was signed a moment ago.
 *
 * Regions tell each other their wall clocks now and then. Each reading is kept as its distance from our own
 * monotonic clock, which does not jump; half of all clocks, ours included, must agree that ours is wrong
 * before it is held back (ahead of the upper median) or drawn on (behind the lower one). Two regions that
 * disagree leave each other alone. Readings are late by the way they took, which the limit dwarfs. Who has
 * few neighbours hears of the other clocks from them: in a star the ends know only the middle themselves.
 */
export class PeerClocks {
  readonly #runtime: Pick<Runtime, 'nowMs' | 'monotonicMs'>;
  /** Wall clock less our monotonic clock, by region. */
  readonly #offsets = new Map<Origin, number>();
  /** Of regions that others know better: used as long as they are not heard themselves. */
  readonly #hearsay = new Map<Origin, number>();
  #ceiling = Number.POSITIVE_INFINITY;
  #floor = Number.NEGATIVE_INFINITY;
  #isWrong = false;

  constructor(runtime: Pick<Runtime, 'nowMs' | 'monotonicMs'>) {
    this.#runtime = runtime;
  }

  /**
   * Another region's wall clock showed `wallMs` a moment ago, and it had heard of `others`, this region not
   * among them. Nonsense is not listened to.
   */
  note(origin: Origin, wallMs: number, others: readonly ClockReading[] = []): void {
    const monotonicMs = this.#runtime.monotonicMs();
    if (Number.isFinite(wallMs)) this.#offsets.set(origin, wallMs - monotonicMs);
    for (const other of others)
      if (Number.isFinite(other.wallMs)) this.#hearsay.set(other.origin, other.wallMs - monotonicMs);
    this.#refresh();
  }

  /** The clocks of the regions that are heard here, but for one, to tell that one of. */
  heardBeside(origin: Origin): ClockReading[] {
    const monotonicMs = this.#runtime.monotonicMs();
    const others = [...this.#offsets].filter(([other]) => other !== origin);
    return others.map(([other, offset]) => ({ origin: other, wallMs: offset + monotonicMs }));
  }

  /** Forgets all others: they are members no more. */
  retain(origins: ReadonlySet<Origin>): void {
    for (const known of [this.#offsets, this.#hearsay])
      for (const origin of known.keys()) if (!origins.has(origin)) known.delete(origin);
    this.#refresh();
  }

  #refresh(): void {
    if (this.#offsets.size === 0) {
      this.#ceiling = Number.POSITIVE_INFINITY;
      this.#floor = Number.NEGATIVE_INFINITY;
      return;
    }
    const own = this.#runtime.nowMs() - this.#runtime.monotonicMs();
    const others = new Map([...this.#hearsay, ...this.#offsets]);
    const sorted = [own, ...others.values()].sort((a, b) => a - b);
    this.#ceiling = (sorted[sorted.length >> 1] ?? own) + DEVIATION_MS_MAX;
    this.#floor = (sorted[(sorted.length - 1) >> 1] ?? own) - DEVIATION_MS_MAX;
  }

  /** Unix milliseconds: the wall clock, unless it is known to be wrong. */
  nowMs(): number {
    return this.#corrected(this.#runtime.nowMs());
  }

  #corrected(wallMs: number): number {
    if (this.#offsets.size === 0) return wallMs;
    const monotonicMs = this.#runtime.monotonicMs();
    return Math.floor(Math.max(this.#floor + monotonicMs, Math.min(this.#ceiling + monotonicMs, wallMs)));
  }

  /** How far the wall clock is ahead of what it is taken for, in milliseconds; 0 while it is believed. */
  get correctionMs(): number {
    // One reading: of two, the later would seem to be ahead.
    const wallMs = this.#runtime.nowMs();
    return wallMs - this.#corrected(wallMs);
  }

  /** What has become of the wall clock since this was asked last; undefined while it stays right or wrong. */
  change(): 'went wrong' | 'is right again' | undefined {
    const wallMs = this.#runtime.nowMs();
    const offset = wallMs - this.#runtime.monotonicMs();
    const slack = this.#isWrong ? DEVIATION_MS_MAX - RETURN_MS_MAX : 0;
    const isWrong = offset > this.#ceiling - slack || offset < this.#floor + slack;
    if (isWrong === this.#isWrong) return undefined;
    this.#isWrong = isWrong;
    return isWrong ? 'went wrong' : 'is right again';
  }
}
