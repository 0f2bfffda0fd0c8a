import { FAULTS, type ScaleName } from './swarm.ts';

/*
 * What many seeds together must have met: each nemesis, each trap, each rare path. A run that never got there
 * proves nothing about it.
 */

/** How often at least in a thousand seeds; what is rarer than its share is not expected of short runs. */
const PER_THOUSAND: Readonly<Record<ScaleName, Readonly<Record<string, number>>>> = {
  full: {
    ...Object.fromEntries(FAULTS.map((fault) => [`fault ${fault}`, 100])),
    'fault fullDisk': 20,
    'fault bitFlip': 20,
    'disks found damaged': 5,
    'conflicts feed': 50,
    'conflicts procedure': 50,
    'conflicts in the feed at the end': 100,
    'conflicts dealt with': 1_000,
    'worlds with a time to live': 30,
    'items taken away after their time': 300,
    'counters judged': 200,
    'compare-and-set histories judged': 20,
    'account single': 50,
    'account strong': 50,
    'account bounded': 50,
    'topology star': 100,
    'topology chain': 100,
    'topology tree': 100,
    'patch ok': 10_000,
    'create Conflict': 1_000,
    'replace Conflict': 100,
    'items that gave way': 1_000,
    'delete NotFound': 1_000,
    'replace PreconditionFailed': 1_000,
    'read ReadSessionNotAvailable': 100,
    'trap: a write comes after its item has ended': 10_000,
    'trap: a winner that had lost shows again': 5_000,
    'trap: a delete meets a write it had not seen': 5_000,
    'trap: concurrent writes of one second': 10_000,
    'trap: later, higher and neither': 2_000,
    'trap: nobody knows whether a write happened': 10_000,
    'trap: only a lost disk had the write': 100,
    'frames lost': 100,
    'frames duplicated': 100,
    'frames reordered': 100,
    'frames swallowed': 1_000,
    'frames held': 100,
    'frames broken': 100,
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
