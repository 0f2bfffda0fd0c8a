import type { Origin } from '../causality/index.ts';
import type { Member } from './pull-link.ts';

/**
 * How long a neighbour may be out of reach before everybody is tried, and for how long everybody is
 * tried after it is back.
 */
const AFTER_MS = 1_500;
const FOR_MS = 5_000;

/** How long a region that said so counts as cut off from a neighbour. */
const HELP_MS = 2_000;

/**
 * Whom to replicate with directly. While all is well, with the neighbours that the topology names; but one
 * that is out of reach may have been the only way to others, and then any way will do: a region that lost a
 * neighbour pulls from everybody, and everybody whom it reaches pulls from it. So what fell apart is joined
 * wherever the network allows. Pure.
 */
export class Repair {
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Others that are cut off from a neighbour of theirs, and until when that is to be believed. */
  readonly #helped = new Map<Origin, number>();

  /** True when the answer of `isWanted` has changed. `reachedAtMs`: when each member was last reached. */
  update(
    nowMs: number,
    neighbours: ReadonlySet<string> | undefined,
    members: readonly Member[],
    reachedAtMs: ReadonlyMap<Origin, number>,
  ): boolean {
    if (neighbours === undefined) return false;
    const before = { isOn: this.isOn, helped: this.#helped.size };
    for (const [origin, untilMs] of this.#helped) if (untilMs < nowMs) this.#helped.delete(origin);
    const isCutOff = members.some(
      ({ region, origin }) => neighbours.has(region) && (reachedAtMs.get(origin) ?? 0) < nowMs - AFTER_MS,
    );
    if (isCutOff) this.#untilMs = nowMs + FOR_MS;
    else if (this.#untilMs <= nowMs) this.#untilMs = Number.NEGATIVE_INFINITY;
    return before.isOn !== this.isOn || before.helped !== this.#helped.size;
  }

  /** A region that pulls from this one says that it is cut off. True when that is news. */
  help(origin: Origin, nowMs: number): boolean {
    const isNew = !this.#helped.has(origin);
    this.#helped.set(origin, nowMs + HELP_MS);
    return isNew;
  }

  /** This region is cut off from a neighbour, or was until a moment ago. */
  get isOn(): boolean {
    return this.#untilMs !== Number.NEGATIVE_INFINITY;
  }

  isWanted({ region, origin }: Member, neighbours: ReadonlySet<string> | undefined): boolean {
    return this.isOn || this.#helped.has(origin) || (neighbours?.has(region) ?? true);
  }
}
