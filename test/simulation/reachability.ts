import { FAULTS, type ScaleName } from './swarm.ts';

/*
 * What many seeds together must have met: each nemesis, each trap, each rare path. A run that never got there
 * proves nothing about it.
 */

/**
 * How often at least in a thousand seeds: about a third of what was seen, or less where it varies much. What
 * is rarer than its share is not expected of short runs.
 */
const PER_THOUSAND: Readonly<Record<ScaleName, Readonly<Record<string, number>>>> = {
  full: {
    ...Object.fromEntries(FAULTS.map((fault) => [`fault ${fault}`, 300])),
    'fault fullDisk': 100,
    'fault slowDisk': 70,
    'fault oldDisk': 130,
    'fault bitFlip': 10,
    // Many flipped bits are in what nobody reads again.
    'disks found damaged': 2,
    'disks found outdated': 40,
    'conflicts feed': 80,
    'conflicts procedure': 60,
    'conflicts in the feed at the end': 5_000,
    'conflicts dealt with': 10_000,
    'unique keys, conflicts feed': 5,
    'unique keys, conflicts procedure': 5,
    'conflicts of items that gave way': 10,
    'worlds with a time to live': 30,
    'items taken away after their time': 130,
    'counters judged': 300,
    'compare-and-set histories judged': 50,
    'transactions on lists judged': 5_000,
    'queries judged': 40_000,
    'states judged': 400_000,
    'account multi': 400,
    'account single': 30,
    'account strong': 40,
    'account bounded': 40,
    'topology auto': 100,
    'topology mesh': 100,
    'topology star': 100,
    'topology chain': 100,
    'topology tree': 100,
    'patch ok': 50_000,
    'patch Conflict': 3_000,
    'create Conflict': 50_000,
    'replace Conflict': 2_000,
    'items that gave way': 3_000,
    'delete NotFound': 10_000,
    'read NotFound': 10_000,
    'replace PreconditionFailed': 5_000,
    'read ReadSessionNotAvailable': 1_000,
    'trap: a write comes after its item has ended': 10_000,
    'trap: a winner that had lost shows again': 5_000,
    'trap: a delete meets a write it had not seen': 5_000,
    'trap: concurrent writes of one second': 10_000,
    'trap: later, higher and neither': 2_000,
    'trap: nobody knows whether a write happened': 10_000,
    'trap: only a lost disk had the write': 100,
    'frames lost': 1_000,
    'frames duplicated': 3_000,
    'frames reordered': 2_000,
    'frames swallowed': 200_000,
    'frames held': 30_000,
    'frames broken': 2_000,
  },
  small: {},
};

/** Fewer say nothing about what is rare. */
const SEEDS_MIN = 200;

export interface Shortfall {
  readonly name: string;
  readonly count: number;
  readonly least: number;
}

/** What was reached less often than it should be in so many seeds. */
export function reachedTooSeldom(
  totals: ReadonlyMap<string, number>,
  { seeds, scale }: { readonly seeds: number; readonly scale: ScaleName },
): Shortfall[] {
  const missing: Shortfall[] = [];
  if (seeds < SEEDS_MIN) return missing;
  for (const [name, perThousand] of Object.entries(PER_THOUSAND[scale])) {
    const least = Math.floor((perThousand * seeds) / 1000);
    const count = totals.get(name) ?? 0;
    if (count < least) missing.push({ name, count, least });
  }
  return missing;
}
