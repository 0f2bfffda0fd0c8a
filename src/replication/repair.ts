import type { Origin } from '../causality/index.ts';
import type { Member } from './pull-link.ts';

/**
 * How long a neighbour may be out of reach before everybody is tried, and for how long everybody is
 * tried after it is back.
 */
const AFTER_MS = 1_500;
const FOR_MS = 5_000;

/** How long a region that asked for help counts as asking. */
const HELP_MS = 2_000;
/** Regions at the most between a break and the link that goes round it. */
const HOPS_MAX = 16;

/**
 * Whom to replicate with directly. While all is well, with the neighbours that the topology names; but one
 * that is out of reach may have been the only way to others, and then any way will do: a region that lost a
 * neighbour pulls from everybody and asks for help, and so does whoever is asked, since the link that goes
 * round the break may be between two regions that have lost nobody. So what fell apart is joined wherever the
 * network allows. Each that passes a call for help on lets it go one region less far, so none goes round for
 * ever. Pure.
 */
export class Repair {
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Others that ask for help: until when that is to be believed, and how far it is to go from here. */
  readonly #calls = new Map<Origin, { readonly untilMs: number; readonly hops: number }>();

  /** True when the answer of `isWanted` has changed. `reachedAtMs`: when each member was last reached. */
  update(
    nowMs: number,
    neighbours: ReadonlySet<string> | undefined,
    members: readonly Member[],
    reachedAtMs: ReadonlyMap<Origin, number>,
  ): boolean {
    const before = this.isOn;
    for (const [origin, { untilMs }] of this.#calls) if (untilMs < nowMs) this.#calls.delete(origin);
    if (neighbours === undefined) return false;
    const isCutOff = members.some(
      ({ region, origin }) => neighbours.has(region) && (reachedAtMs.get(origin) ?? 0) < nowMs - AFTER_MS,
    );
    if (isCutOff) this.#untilMs = nowMs + FOR_MS;
    else if (this.#untilMs <= nowMs) this.#untilMs = Number.NEGATIVE_INFINITY;
    return before !== this.isOn;
  }

  /** A region that pulls from this one asks for help, `hops` regions far. True when that begins a repair. */
  help(origin: Origin, nowMs: number, hops: number): boolean {
    const before = this.isOn;
    if (hops > 0) this.#calls.set(origin, { untilMs: nowMs + HELP_MS, hops: Math.min(hops, HOPS_MAX) - 1 });
    return before !== this.isOn;
  }

  /** How far this region's call for help is to go; 0 for none. */
  get hops(): number {
    if (this.#untilMs !== Number.NEGATIVE_INFINITY) return HOPS_MAX;
    return Math.max(0, ...[...this.#calls.values()].map(({ hops }) => hops));
  }

  /** Some region is cut off from a neighbour, or was until a moment ago. */
  get isOn(): boolean {
    return this.#untilMs !== Number.NEGATIVE_INFINITY || this.#calls.size > 0;
  }

  isWanted({ region }: Member, neighbours: ReadonlySet<string> | undefined): boolean {
    return this.isOn || (neighbours?.has(region) ?? true);
  }
}
