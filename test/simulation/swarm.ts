import type { RequestKind } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { LinkQuality } from './simulated-network.ts';

/** What may go wrong. */
export const FAULTS = [
  'cut',
  'cutOneWay',
  'isolate',
  'breakChannels',
  'degrade',
  'pause',
  'crash',
  'powerLoss',
  'wipe',
  'skew',
  'drift',
] as const;

export type Fault = (typeof FAULTS)[number];

/**
 * How one seed's world is. Each seed draws which faults exist and how often they strike: a world with
 * everything at once hides what only one fault alone would bring to light.
 */
export interface Swarm {
  readonly regions: readonly string[];
  readonly conflictPath: '/_ts' | '/priority';
  /** Real log files on a simulated disk, which costs time; else logs in memory. */
  readonly hasFileLogs: boolean;
  /** Of the container: decides how many physical partitions it has. */
  readonly throughput: number;
  /** Clients in each region. */
  readonly clients: number;
  /** Requests of all clients together. */
  readonly requests: number;
  readonly partitionKeys: number;
  /** Items in each logical partition: few, so that writes meet. */
  readonly items: number;
  readonly thinkMs: number;
  readonly mix: Readonly<Record<RequestKind, number>>;
  /** Shares of requests, from 0 to 1. */
  readonly withIfMatch: number;
  readonly withToken: number;
  readonly link: LinkQuality;
  readonly linkWhenDegraded: LinkQuality;
  /** Initial wall-clock error of each region. */
  readonly skewMs: readonly number[];
  /** The farthest that a clock may be wrong, ever. */
  readonly skewMsMax: number;
  /** Mean time between two strikes; faults that are not named do not exist. */
  readonly faults: ReadonlyMap<Fault, number>;
  /** Share of requests that ask for all items; from 0 to 1. */
  readonly withQuery: number;
  /** Every region is told to collect this often, beside doing so by itself. */
  readonly collectEveryMs: number;
  /** How long a fault lasts, on average. */
  readonly faultMs: number;
  /** At the end some links stay cut, though every region can reach every other through others. */
  readonly leavesLinksCut: boolean;
}

const REGIONS = ['West US', 'North Europe', 'Southeast Asia', 'Brazil South', 'Japan East'];

/**
 * Hybrid clocks accept times this far ahead; below half of it, clocks of two regions never differ by more.
 */
const DRIFT_LIMIT_MS = 60_000;

export function drawSwarm(random: SeededRandom): Swarm {
  const regions = REGIONS.slice(0, random.integer(3, 5));
  const skewMsMax = random.pick([0, 50, 2_000, 25_000, 3_600_000]);
  return {
    regions,
    conflictPath: random.pick(['/_ts', '/priority']),
    hasFileLogs: random.chance(0.3),
    throughput: random.pick([400, 400, 15_000, 25_000]),
    clients: random.integer(1, 4),
    requests: random.integer(200, 800),
    partitionKeys: random.integer(1, 4),
    items: random.integer(1, 4),
    thinkMs: random.logarithmic(20, 2_000),
    mix: {
      create: random.between(0.05, 0.3),
      upsert: random.between(0.1, 0.5),
      replace: random.between(0, 0.4),
      delete: random.pick([0, random.between(0.05, 0.4)]),
      read: random.between(0.1, 0.4),
    },
    withIfMatch: random.pick([0, 0.3]),
    withToken: random.pick([0, 0.5, 1]),
    link: { ...drawDelay(random), loss: 0, duplicate: 0, reorder: 0 },
    linkWhenDegraded: {
      ...drawDelay(random),
      loss: random.pick([0, random.between(0, 0.3)]),
      duplicate: random.pick([0, random.between(0, 0.5)]),
      reorder: random.pick([0, random.between(0, 0.5)]),
    },
    skewMs: regions.map(() => random.between(-skewMsMax, skewMsMax)),
    skewMsMax,
    faults: drawFaults(random),
    withQuery: random.pick([0, 0.02, 0.1]),
    collectEveryMs: random.logarithmic(20, 5_000),
    faultMs: random.logarithmic(200, 20_000),
    leavesLinksCut: random.chance(0.3),
  };
}

function drawDelay(random: SeededRandom): { delayMs: number; jitterMs: number } {
  return { delayMs: random.logarithmic(1, 300), jitterMs: random.logarithmic(1, 500) };
}

function drawFaults(random: SeededRandom): Map<Fault, number> {
  const faults = new Map<Fault, number>();
  for (const fault of FAULTS) {
    const meanMs = random.logarithmic(2_000, 30_000);
    if (random.chance(0.4)) faults.set(fault, meanMs);
  }
  return faults;
}

/** Whether all clocks together stay within what hybrid clocks make good. */
export function isTimeCausal(swarm: Swarm): boolean {
  return 2 * swarm.skewMsMax < DRIFT_LIMIT_MS && !swarm.faults.has('drift');
}
