import { assert } from '../base/index.ts';
import { type Origin, VersionVector } from './version-vector.ts';

/**
 * When may a region forget what it keeps only for the sake of writes that have not arrived yet?
 *
 * A dot is *stable* at R once every operation that can still reach R was made by somebody who had applied
 * that dot (Wuu and Bernstein 1984; Baquero, Almeida and Shoker 2014). Two things must hold for each member
 * m:
 *
 * 1. m had applied the dot. That is what m's report says, a row of the matrix clock.
 * 2. R has applied everything that was written before m made this report. Otherwise a write that m made
 *    *before* it applied the dot may still be under way to R, since reports travel faster than logs.
 *
 * So a report counts only from the moment when R's own vector covers it whole. Covering m's own entry would
 * be enough for what m writes; covering all of it settles those writers too who are members no longer:
 * whatever the members hold of a retired origin, R then holds as well. A report is replaced only by one that
 * R covers in turn, and a newer one waits behind it; taking always the newest would never end under steady
 * load.
 *
 * Membership. Reports count in the epoch in which they were made and in no other:
 * - An origin retires: the others' earlier reports may lack writes that reached them from it later. In the
 *   new epoch nobody takes operations from the retired origin itself, so new reports name all that is left
 *   of it.
 * - An origin is added: what the others collected in earlier epochs was covered by every member then. So the
 *   newcomer must not write until it covers what a member had in the new epoch, as its contexts could be too
 *   small. Whoever admits regions to clients sees to that.
 */
export interface StabilityReport {
  readonly origin: Origin;
  /** The membership epoch in which `origin` made this report. */
  readonly epoch: number;
  /** Durable and applied at `origin`. Not to be changed afterwards. */
  readonly applied: VersionVector;
}

/** Who takes part in a partition set; `epoch` rises with every change. */
export interface Membership {
  readonly epoch: number;
  readonly origins: readonly Origin[];
}

interface Row {
  /** Covered by our own vector: this is the report that counts. */
  effective: StabilityReport | undefined;
  /** The next to become effective; kept until it does, so that steady load cannot starve it. */
  waiting: StabilityReport | undefined;
  newest: StabilityReport | undefined;
}

/** One region's knowledge of how far all members of one partition set have come. */
export class StabilityTracker {
  readonly #self: Origin;
  #membership: Membership;
  readonly #rows = new Map<Origin, Row>();

  constructor(options: { self: Origin; membership: Membership }) {
    assert(
      options.membership.origins.includes(options.self),
      'a region keeps track of its own partition sets',
    );
    this.#self = options.self;
    this.#membership = options.membership;
    this.#openRows();
  }

  /** Older or equal epochs are ignored. Stability starts anew: all members must report in the new epoch. */
  changeMembership(membership: Membership): void {
    if (membership.epoch <= this.#membership.epoch) return;
    this.#membership = membership;
    this.#rows.clear();
    this.#openRows();
  }

  /**
   * Takes a member's report, from itself or passed on by another. Repeated and old ones are harmless; those
   * of other epochs and of strangers do not count.
   */
  observe(report: StabilityReport): void {
    const row = this.#rows.get(report.origin);
    if (row === undefined || report.epoch !== this.#membership.epoch) return;
    if (row.newest?.applied.coversAll(report.applied)) return;
    row.newest = report;
    row.waiting ??= report;
  }

  /**
   * What is stable when `applied` is what this region has durably applied: every dot that the answer covers
   * is. Empty while some member has not reported. Grows with `applied` within one epoch.
   */
  stable(applied: VersionVector): VersionVector {
    this.#promote(applied);
    let stable = applied.clone();
    for (const { effective } of this.#rows.values()) {
      if (effective === undefined) return new VersionVector();
      stable = stable.meet(effective.applied);
    }
    return stable;
  }

  /**
   * Whether every member has reported in this epoch, and `applied` covers what they reported: then it covers
   * all that is left of origins that retired.
   */
  hasHeardAll(applied: VersionVector): boolean {
    this.#promote(applied);
    return [...this.#rows.values()].every(({ effective }) => effective !== undefined);
  }

  /** What to tell others: our own report, and the newest known of every other member. */
  reports(applied: VersionVector): StabilityReport[] {
    const own = { origin: this.#self, epoch: this.#membership.epoch, applied: applied.clone() };
    return [...[...this.#rows.values()].flatMap(({ newest }) => newest ?? []), own];
  }

  #openRows(): void {
    for (const origin of this.#membership.origins) {
      if (origin === this.#self) continue;
      this.#rows.set(origin, { effective: undefined, waiting: undefined, newest: undefined });
    }
  }

  /** Lets those reports count that `applied` covers. */
  #promote(applied: VersionVector): void {
    for (const row of this.#rows.values()) {
      while (row.waiting !== undefined && applied.coversAll(row.waiting.applied)) {
        row.effective = row.waiting;
        row.waiting = row.newest === row.effective ? undefined : row.newest;
      }
    }
  }
}
