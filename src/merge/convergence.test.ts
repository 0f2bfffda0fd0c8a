import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dot, type StabilityReport, StabilityTracker, VersionVector } from '../causality/index.ts';
import { collect } from './collection.ts';
import {
  applyOperation,
  compareWinners,
  EMPTY_ITEM,
  type ItemState,
  liveIncarnations,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
import type { Delete, ItemOperation, Put } from './operation.ts';

/*
 * Random histories of one item: regions write locally, deliver each other's writes causally in any order,
 * gossip what they have, and collect at any moment. After every step, what a region shows must be what the
 * reference makes of the set of writes it has; and regions with the same set must hold the same state.
 * The same properties must find each fault that is planted below, or they prove nothing.
 */

/** The specification: no state, no order, just the set of operations. */
function reference(known: readonly ItemOperation[]): StoredPut | undefined {
  const dead = new Set(known.flatMap((one) => (one.kind === 'delete' ? one.incarnations : [])));
  const isMaximal = (put: Put) => !known.some((other) => other.context.covers(put.dot));
  const candidates = known.filter((one) => one.kind === 'put').filter((put) => !dead.has(put.incarnation));
  return candidates.filter(isMaximal).sort(compareWinners).at(-1);
}

/** What is under test; planted faults replace parts of it. */
interface Rules {
  apply(state: ItemState, operation: ItemOperation): ItemState;
  collect(state: ItemState, isStable: (dot: Dot) => boolean, now: number): ItemState | undefined;
  /** What a region holds for stable. */
  stable(tracker: StabilityTracker, applied: VersionVector): VersionVector;
  isDeliverable(applied: VersionVector, operation: ItemOperation): boolean;
}

const SOUND: Rules = {
  apply: applyOperation,
  collect,
  stable: (tracker, applied) => tracker.stable(applied),
  isDeliverable: (applied, operation) => applied.coversAll(operation.context),
};

type Step =
  | { kind: 'put'; at: number; priority: number | undefined; skew: number }
  | { kind: 'delete'; at: number; skew: number }
  | { kind: 'deliver'; at: number; which: number }
  | { kind: 'gossip'; at: number; to: number }
  | { kind: 'collect'; at: number };

interface History {
  readonly regions: number;
  readonly steps: readonly Step[];
  /** Draws of the final delivery: which region takes which of its deliverable operations next. */
  readonly rest: readonly number[];
}

class Region {
  readonly origin: number;
  readonly applied = new VersionVector();
  readonly known: ItemOperation[] = [];
  readonly tracker: StabilityTracker;
  state: ItemState = EMPTY_ITEM;
  /** The same operations, never collected. */
  uncollected: ItemState = EMPTY_ITEM;

  constructor(origin: number, origins: readonly number[]) {
    this.origin = origin;
    this.tracker = new StabilityTracker({
      self: origin,
      membership: { epoch: 1, origins },
      isAdmitted: true,
    });
  }
}

class World {
  readonly regions: Region[];
  readonly #rules: Rules;
  readonly #written: ItemOperation[] = [];
  #incarnations = 0;
  #clock = 0;

  constructor(count: number, rules: Rules) {
    const origins = Array.from({ length: count }, (_, index) => index + 1);
    this.regions = origins.map((origin) => new Region(origin, origins));
    this.#rules = rules;
  }

  run(step: Step): void {
    const region = this.#region(step.at);
    this.#clock += 1;
    if (step.kind === 'put' || step.kind === 'delete') this.#write(region, step);
    else if (step.kind === 'deliver') this.deliver(step.at, step.which);
    else if (step.kind === 'gossip') {
      for (const report of region.tracker.reports(region.applied))
        this.#region(step.to).tracker.observe(report);
    } else this.#collect(region);
    this.#check(region);
  }

  /** Whether there was anything to deliver. */
  deliver(at: number, which: number): boolean {
    const region = this.#region(at);
    const next = this.#written.filter(
      (one) =>
        one.dot.n === region.applied.get(one.dot.origin) + 1 &&
        this.#rules.isDeliverable(region.applied, one),
    );
    const chosen = next[which % Math.max(1, next.length)];
    if (chosen === undefined) return false;
    this.#apply(region, chosen);
    this.#check(region);
    return true;
  }

  /** Everybody has everything: same vector, same state once all that is stable is gone. */
  finish(draws: readonly number[]): void {
    let draw = 0;
    const next = () => draws[draw++ % draws.length] ?? 0;
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      const first = next();
      for (let place = 0; place < this.regions.length; place++) {
        if (this.deliver((first + place) % this.regions.length, next())) isBusy = true;
      }
    }
    for (const region of this.regions)
      expectSame(region.known.length, this.#written.length, 'all is delivered');
    for (let round = 0; round < 2; round++) {
      for (const from of this.regions) {
        const reports: StabilityReport[] = from.tracker.reports(from.applied);
        for (const to of this.regions) for (const report of reports) to.tracker.observe(report);
      }
    }
    for (const region of this.regions) {
      this.#collect(region);
      this.#check(region);
      const winner = visiblePut(region.state);
      const rest = winner === undefined ? EMPTY_ITEM : { siblings: [winner], dead: [] };
      expectSame(region.state, rest, 'quiet regions forget everything but the winner');
    }
  }

  #region(at: number): Region {
    const region = this.regions[at % this.regions.length];
    if (region === undefined) throw new Error('a world has regions');
    return region;
  }

  #write(region: Region, step: Step & { skew: number }): void {
    const n = region.applied.get(region.origin) + 1;
    const head = {
      dot: { origin: region.origin, n },
      context: region.applied.clone(),
      // Clocks differ by more than a few steps, so time and causality often disagree: neither may matter
      // alone.
      time: this.#clock + 5 * step.skew,
    };
    const visible = visiblePut(region.state);
    if (step.kind === 'put') {
      this.#incarnations += 1;
      const incarnation = visible?.incarnation ?? this.#incarnations;
      const body = Buffer.from(`${region.origin}.${n}`);
      const operation: Put = { kind: 'put', ...head, incarnation, priority: priorityOf(step), body };
      this.#written.push(operation);
      this.#apply(region, operation);
    } else if (visible !== undefined) {
      const operation: Delete = { kind: 'delete', ...head, incarnations: liveIncarnations(region.state) };
      this.#written.push(operation);
      this.#apply(region, operation);
    }
  }

  #apply(region: Region, operation: ItemOperation): void {
    region.state = this.#rules.apply(region.state, operation);
    region.uncollected = this.#rules.apply(region.uncollected, operation);
    region.applied.advance(operation.dot.origin, operation.dot.n);
    region.known.push(operation);
  }

  #collect(region: Region): void {
    const stable = this.#rules.stable(region.tracker, region.applied);
    for (const member of this.regions)
      expectSame(member.applied.coversAll(stable), true, 'stable is known to all');
    region.state = this.#rules.collect(region.state, (dot) => stable.covers(dot), this.#clock) ?? EMPTY_ITEM;
  }

  #check(region: Region): void {
    const expected = reference(region.known)?.dot;
    expectSame(visiblePut(region.uncollected)?.dot, expected, 'visible = reference');
    expectSame(visiblePut(region.state)?.dot, expected, 'collection changes nothing');
    for (const other of this.regions) {
      if (other === region || !other.applied.equals(region.applied)) continue;
      expectSame(other.uncollected, region.uncollected, 'equal vectors, equal states');
      // What one of two equal regions knows to be stable is so at the other too, though that one may not
      // know yet.
      const [one, two] = [region, other].map((each) => this.#rules.stable(each.tracker, each.applied));
      const isStable = (dot: Dot) => one?.covers(dot) === true || two?.covers(dot) === true;
      expectSame(
        collect(other.state, isStable),
        collect(region.state, isStable),
        'equal after equal collection',
      );
    }
  }
}

/** `expect` is too slow for millions of comparisons. */
function expectSame(actual: unknown, expected: unknown, message: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, message).toEqual(expected);
}

function priorityOf(step: Step): number | undefined {
  return step.kind === 'put' ? step.priority : undefined;
}

const place = fc.nat({ max: 4 });
const skew = fc.integer({ min: -2, max: 2 });
/** Few values, so that ties happen; `undefined` is an item without a number at the path. */
const userPath = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });

function histories(priority: fc.Arbitrary<number | undefined>): fc.Arbitrary<History> {
  const put = fc.record({ kind: fc.constant('put' as const), at: place, priority, skew });
  const remove = fc.record({ kind: fc.constant('delete' as const), at: place, skew });
  const deliver = fc.record({ kind: fc.constant('deliver' as const), at: place, which: fc.nat({ max: 9 }) });
  const gossip = fc.record({ kind: fc.constant('gossip' as const), at: place, to: place });
  const collection = fc.record({ kind: fc.constant('collect' as const), at: place });
  const step = fc.oneof(
    { weight: 4, arbitrary: put },
    { weight: 2, arbitrary: remove },
    { weight: 8, arbitrary: deliver },
    { weight: 4, arbitrary: gossip },
    { weight: 4, arbitrary: collection },
  );
  return fc.record({
    regions: fc.integer({ min: 3, max: 5 }),
    steps: fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
    rest: fc.array(fc.nat({ max: 9 }), { minLength: 8, maxLength: 8 }),
  });
}

function simulate(history: History, rules: Rules): void {
  const world = new World(history.regions, rules);
  for (const step of history.steps) world.run(step);
  world.finish(history.rest);
}

describe('any history of writes, deliveries, gossip and collections', () => {
  test.each([
    ['/_ts', fc.constant(undefined)],
    ['a user path', userPath],
  ])(
    'last writer wins on %s',
    (_, priority) => {
      fc.assert(
        fc.property(histories(priority), (history) => simulate(history, SOUND)),
        { numRuns: 3000 },
      );
    },
    30_000,
  );
});

/** Each is a mistake that somebody could make in good faith. */
const PLANTED: Record<string, Partial<Rules>> = {
  'the winner is decided on arrival': {
    apply: (state, operation) => {
      const next = applyOperation(state, operation);
      return { siblings: next.siblings.slice(0, 1), dead: next.dead };
    },
  },
  'losers are dropped before they are stable': {
    collect: (state, isStable) =>
      collect({ siblings: state.siblings.slice(0, 1), dead: state.dead }, isStable),
  },
  'a delete does not name incarnations': {
    apply: (state, operation) =>
      applyOperation(state, operation.kind === 'delete' ? { ...operation, incarnations: [] } : operation),
  },
  'a put of a dead incarnation is ignored altogether': {
    apply: (state, operation) => {
      const isDead =
        operation.kind === 'put' && state.dead.some((one) => one.incarnation === operation.incarnation);
      return isDead ? state : applyOperation(state, operation);
    },
  },
  'marks of the dead are dropped by age': {
    collect: (state, isStable, now) => {
      const isOld = (dot: Dot) => isStable(dot) || now > 15;
      return collect({ siblings: [], dead: state.dead }, isOld) === undefined
        ? collect({ siblings: state.siblings, dead: [] }, isStable)
        : collect(state, isStable);
    },
  },
  'stable means that all members reported it, whatever is still under way': {
    stable: (tracker, applied) => tracker.stable(LIMITLESS).meet(applied),
  },
  'stable means that some members have it': { stable: (_, applied) => applied },
  'delivery follows each origin, but not causality': { isDeliverable: () => true },
};

/** Covers every report, so that each counts at once. */
const LIMITLESS = new VersionVector([1, 2, 3, 4, 5].map((origin) => [origin, 1e9]));

describe('planted faults are found', () => {
  test.each(Object.keys(PLANTED))('%s', (name) => {
    const rules = { ...SOUND, ...PLANTED[name] };
    const result = fc.check(
      fc.property(histories(userPath), (history) => simulate(history, rules)),
      { numRuns: 5000, seed: 20_260_727, endOnFailure: true },
    );
    expect(result.failed, `survived ${result.numRuns} histories`).toBe(true);
  });
});
