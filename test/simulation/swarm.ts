import type { Topology } from '../../src/account/index.ts';
import type { RequestKind } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { LinkQuality } from './simulated-network.ts';

/** What may go wrong. */
export const FAULTS = [
  'cut',
  'cutOneWay',
  'isolate',
  'halves',
  'majorityRing',
  'swizzleClog',
  'breakChannels',
  'degrade',
  'pause',
  'crash',
  'powerLoss',
  'wipe',
  'skew',
  'drift',
  'slowDisk',
  'fullDisk',
  'failingDisk',
  'bitFlip',
  'storeLoss',
  'oldDisk',
] as const;

export type Fault = (typeof FAULTS)[number];

/** How much a seed does. */
export interface Scale {
  /** Fewest and most. */
  readonly regions: readonly [number, number];
  readonly requests: readonly [number, number];
  /** Share of worlds that are long: with up to three times as many requests. */
  readonly longShare: number;
  /** Requests go on until so many faults have struck. */
  readonly strikesMin: number;
  /** Whether no more strike than were drawn, each after its share of the requests. */
  readonly isPaced: boolean;
  /** Shortest and longest time that the requests are spread over. */
  readonly durationMs: readonly [number, number];
}

export const SCALES = {
  /** What a release has to pass, many thousands of seeds of it. */
  full: {
    regions: [5, 5],
    requests: [2_000, 2_040],
    longShare: 0.03,
    strikesMin: 20,
    isPaced: true,
    durationMs: [10_000, 60_000],
  },
  /** For tests that run hundreds of worlds to find one planted mistake. */
  small: {
    regions: [3, 5],
    requests: [200, 800],
    longShare: 0,
    strikesMin: 0,
    isPaced: false,
    durationMs: [5_000, 120_000],
  },
} as const satisfies Record<string, Scale>;

export type ScaleName = keyof typeof SCALES;

/** Several write regions at level Session, or one: at level Session, Strong or BoundedStaleness. */
export type AccountKind = 'multi' | 'single' | 'strong' | 'bounded';

/** What BoundedStaleness promises in simulations. */
export const BOUND = { operations: 50, ms: 5_000 } as const;

/**
 * How one seed's world is. Each seed draws which faults exist and how often they strike: a world with
 * everything at once hides what only one fault alone would bring to light.
 */
export interface Swarm {
  readonly regions: readonly string[];
  readonly account: AccountKind;
  readonly topology: Topology['kind'];
  /** Who decides conflicts: the path below, people at the conflicts feed, or a merge procedure. */
  readonly conflicts: 'lastWriter' | 'feed' | 'procedure';
  readonly conflictPath: '/_ts' | '/priority';
  /** The container's time to live in seconds, -1 for items with one of their own only; undefined for none. */
  readonly defaultTtl: number | undefined;
  /** Share of requests that count up, or read, the counter of a logical partition; 0 for no counters. */
  readonly withCount: number;
  /** Share of requests that are transactions on lists; 0 for no lists. */
  readonly withLists: number;
  /** Share of requests that deal with an entry of the conflicts feed; from 0 to 1. */
  readonly withSettle: number;
  /** Whether regions have room for all their items. */
  readonly memory: 'tight' | 'ample';
  /** Real log files on a simulated disk, which costs time; else logs in memory. */
  readonly hasFileLogs: boolean;
  /** Of the container: decides how many physical partitions it has. */
  readonly throughput: number;
  /** Clients in each region. */
  readonly clients: number;
  /** Requests of all clients together. */
  readonly requests: number;
  /** Requests go on until so many faults have struck. */
  readonly strikesMin: number;
  /** So many strike in the end, each after its share of the requests; infinite where only time counts. */
  readonly strikes: number;
  readonly partitionKeys: number;
  /** Items in each logical partition: few, so that writes meet. */
  readonly items: number;
  readonly thinkMs: number;
  readonly mix: Readonly<Record<RequestKind, number>>;
  /** Shares of requests, from 0 to 1. */
  readonly withIfMatch: number;
  readonly withToken: number;
  /** Whose tokens clients send: the last ones that anybody got, or their own, as the official clients do. */
  readonly tokens: 'anybody' | 'own';
  readonly link: LinkQuality;
  readonly linkWhenDegraded: LinkQuality;
  /** Initial wall-clock error of each region. */
  readonly skewMs: readonly number[];
  /** The farthest that a clock may be wrong, ever. */
  readonly skewMsMax: number;
  /** Mean time between two strikes; faults that are not named do not exist. */
  readonly faults: ReadonlyMap<Fault, number>;
  /** Share of requests that are transactions of several; from 0 to 1. */
  readonly withBatch: number;
  /** Share of requests that ask for all items; from 0 to 1. */
  readonly withQuery: number;
  /** Every region is told to collect this often, beside doing so by itself. */
  readonly collectEveryMs: number;
  /** How long a fault lasts, on average. */
  readonly faultMs: number;
  /** How many values unique members have, of which items have one each; 0 for no unique keys. */
  readonly uniqueValues: number;
  /** At the end some links stay cut, though every region can reach every other through others. */
  readonly leavesLinksCut: boolean;
}

const REGIONS = ['West US', 'North Europe', 'Southeast Asia', 'Brazil South', 'Japan East'];
const DISK_FAULTS: readonly Fault[] = ['slowDisk', 'fullDisk', 'failingDisk', 'bitFlip'];
/** Drawn apart, so that older worlds stay what they were. */
const LATER_FAULTS: readonly Fault[] = ['storeLoss', 'oldDisk'];
/** Needs quiet times and full segments: where it may strike, it tries often. */
const BIT_FLIP_SHARE = 0.3;
const LATER_FAULT_SHARE = 0.2;

/**
 * Hybrid clocks accept times this far ahead; below half of it, clocks of two regions never differ by more.
 */
const DRIFT_LIMIT_MS = 60_000;

export function drawSwarm(random: SeededRandom, scale: Scale): Swarm {
  const regions = REGIONS.slice(0, random.integer(...scale.regions));
  const skewMsMax = random.pick([0, 50, 2_000, 25_000, 3_600_000]);
  const clients = random.integer(1, 4);
  const length = random.split('length');
  const isLong = length.chance(scale.longShare);
  const requests = Math.round(random.integer(...scale.requests) * (isLong ? length.between(1.5, 3) : 1));
  const strikes = Math.round(random.split('strikes').logarithmic(Math.max(5, scale.strikesMin + 2), 80));
  const durationMs = random.logarithmic(...scale.durationMs);
  const faultMs = random.logarithmic(200, Math.min(20_000, durationMs / 4));
  const hasFileLogs = random.chance(0.3);
  const account = random.weighted<AccountKind>({ multi: 7, single: 1, strong: 1, bounded: 1 });
  // A register that was deleted holds what it held before it was first written: no value to be told by.
  const deletes = account === 'strong' || account === 'bounded' ? [0] : [0, random.between(0.05, 0.4)];
  // Drawn apart, so that older worlds stay what they were.
  const policy = random.split('policy');
  const conflicts = policy.weighted<Swarm['conflicts']>({ lastWriter: 6, feed: 2, procedure: 2 });
  // Clocks that are far wrong leave nothing to be judged; nor do registers that end by themselves.
  const isTimed = policy.chance(0.25) && skewMsMax <= 2_000 && ['multi', 'single'].includes(account);
  return {
    regions,
    account,
    conflicts: account === 'multi' ? conflicts : 'lastWriter',
    // Their members say nothing of unique values, and an item that ends begins to count anew.
    withCount: isTimed ? 0 : policy.pick([0, 0, 0.1]),
    withSettle: policy.pick([0, 0.02, 0.1]),
    defaultTtl: isTimed ? policy.pick([-1, -1, policy.integer(2, 20)]) : undefined,
    memory: policy.pick(['tight', 'ample']),
    // Of several regions' writes to an array one wins: only one region's have an order.
    withLists: account === 'multi' || isTimed ? 0 : policy.pick([0, 0.1, 0.3]),
    topology: random.pick(['auto', 'mesh', 'star', 'chain', 'tree']),
    conflictPath: random.pick(['/_ts', '/priority']),
    hasFileLogs,
    throughput: random.pick([400, 400, 15_000, 25_000]),
    clients,
    requests,
    strikesMin: scale.strikesMin,
    strikes: scale.isPaced ? strikes : Number.POSITIVE_INFINITY,
    partitionKeys: random.integer(1, 4),
    // Where they end by themselves more of them, so that some are left alone for long enough.
    items: random.integer(1, 4) * (isTimed ? 4 : 1),
    thinkMs: (durationMs * regions.length * clients) / requests,
    mix: {
      create: random.between(0.05, 0.3),
      upsert: random.between(0.1, 0.5),
      replace: random.between(0, 0.4),
      patch: random.pick([0, random.between(0.1, 0.6)]),
      delete: random.pick(deletes),
      read: random.between(0.1, 0.4),
    },
    withIfMatch: random.pick([0, 0.3]),
    withToken: random.pick([0, 0.5, 1]),
    tokens: random.pick(['anybody', 'own']),
    link: { ...drawDelay(random), loss: 0, duplicate: 0, reorder: 0 },
    linkWhenDegraded: {
      ...drawDelay(random),
      loss: random.pick([0, random.between(0, 0.3)]),
      duplicate: random.pick([0, random.between(0, 0.5)]),
      reorder: random.pick([0, random.between(0, 0.5)]),
    },
    skewMs: regions.map(() => random.between(-skewMsMax, skewMsMax)),
    skewMsMax,
    faults: drawFaults(random, { durationMs, faultMs, hasFileLogs, scale, strikes }),
    withBatch: random.pick([0, 0.1, 0.4]),
    withQuery: random.pick([0, 0.02, 0.1]),
    collectEveryMs: random.logarithmic(20, 5_000),
    faultMs,
    // Leases are not relayed: who has lost its link to those who give them for good gets none.
    leavesLinksCut: account !== 'strong' && account !== 'bounded' && random.chance(0.3),
    // Drawn last, so that seeds from before there were any have the worlds they had.
    uniqueValues: account === 'multi' && random.chance(0.3) ? random.integer(2, 8) : 0,
  };
}

function drawDelay(random: SeededRandom): { delayMs: number; jitterMs: number } {
  return { delayMs: random.logarithmic(1, 300), jitterMs: random.logarithmic(1, 500) };
}

interface FaultDraw {
  readonly durationMs: number;
  readonly faultMs: number;
  readonly hasFileLogs: boolean;
  readonly scale: Scale;
  readonly strikes: number;
}

/** A few kinds of fault, as often as it takes for their strikes to fit into the time there is. */
function drawFaults(random: SeededRandom, draw: FaultDraw): Map<Fault, number> {
  const isThere = (fault: Fault) => draw.hasFileLogs || !DISK_FAULTS.includes(fault);
  const possible = FAULTS.filter((fault) => isThere(fault) && !LATER_FAULTS.includes(fault));
  const { strikesMin, isPaced } = draw.scale;
  const fewest = strikesMin > 0 ? 2 : 0;
  const chosen = random.shuffled(possible).slice(0, random.integer(fewest, Math.ceil(possible.length / 2)));
  const drawn = random.logarithmic(Math.max(5, strikesMin), 80);
  const strikes = isPaced ? draw.strikes : drawn;
  const faults = new Map<Fault, number>();
  for (const fault of chosen) {
    // One kind strikes again only after its last strike is over.
    const everyMs = (draw.durationMs * chosen.length) / strikes;
    faults.set(fault, Math.max(50, everyMs - draw.faultMs) * random.between(0.5, 1.5));
  }
  const later = random.split('later');
  for (const fault of LATER_FAULTS) {
    const isChosen = later.chance(LATER_FAULT_SHARE);
    if (isChosen) faults.set(fault, Math.max(50, draw.durationMs / 8 - draw.faultMs));
  }
  if (draw.hasFileLogs && later.chance(BIT_FLIP_SHARE)) faults.set('bitFlip', draw.durationMs / 16);
  return faults;
}

/** Whether all clocks together stay within what hybrid clocks make good. */
export function isTimeCausal(swarm: Swarm): boolean {
  return 2 * swarm.skewMsMax < DRIFT_LIMIT_MS && !swarm.faults.has('drift');
}
