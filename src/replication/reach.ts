import type { Origin } from '../causality/index.ts';
import { wantedOrigins } from './relay.ts';

/** For how long a missed origin is asked of everybody, counted from when it was last missed. */
const MISSED_FOR_MS = 5_000;
/** How long a lost session may take to come back before its region counts as out of reach. */
const GRACE_MS = 750;

export interface ReachOptions {
  readonly self: Origin;
  /** Of all other regions. */
  readonly members: () => readonly Origin[];
  readonly retired: () => readonly Origin[];
}

/** Whom this region reaches and whose entries it misses: so, whose entries to ask whom for. Pure. */
export class Reach {
  readonly #options: ReachOptions;
  /** Until when an origin is asked of everybody, on the monotonic clock. */
  readonly #missedUntilMs = new Map<Origin, number>();
  readonly #reachedAtMs = new Map<Origin, number>();

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /** When a member's session was last live, or the member met. */
  get reachedAtMs(): ReadonlyMap<Origin, number> {
    return this.#reachedAtMs;
  }

  /** A member's session is live, or the member was met. */
  note(origin: Origin, nowMs: number): void {
    this.#reachedAtMs.set(origin, nowMs);
  }

  /** There is no link to it any more. */
  leave(origin: Origin): void {
    this.#reachedAtMs.delete(origin);
  }

  /** Entries wait for others of these origins that have not come in good time. Call it at a steady pace. */
  miss(origins: Iterable<Origin>, nowMs: number): void {
    for (const origin of origins) this.#missedUntilMs.set(origin, nowMs + MISSED_FOR_MS);
    for (const [origin, untilMs] of this.#missedUntilMs)
      if (untilMs < nowMs) this.#missedUntilMs.delete(origin);
  }

  /** See `wantedOrigins`. */
  wantsFrom(home: Origin, nowMs: number): Origin[] {
    const sinceMs = nowMs - GRACE_MS;
    const reachable = new Set<Origin>();
    for (const [origin, atMs] of this.#reachedAtMs) if (atMs >= sinceMs) reachable.add(origin);
    const { self, members, retired } = this.#options;
    const missed = this.#missedUntilMs.keys();
    return wantedOrigins({ home, self, members: members(), retired: retired(), reachable, missed });
  }

  /** Whose entries exist at all, so far as is known; in rising order. */
  allOrigins(): Origin[] {
    const { self, members, retired } = this.#options;
    const all = new Set([...members(), ...retired(), ...this.#missedUntilMs.keys()]);
    all.delete(self);
    return [...all].sort((a, b) => a - b);
  }
}
