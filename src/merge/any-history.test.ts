import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fits, textOf } from '../../test/kit/item-edits.ts';
import { referenceConflicts, referenceVisible, withoutSystem } from '../../test/kit/item-reference.ts';
import { runs } from '../../test/kit/properties.ts';
import { ByteReader, ByteWriter, type Json, type JsonObject } from '../base/index.ts';
import { type Dot, type StabilityReport, StabilityTracker, VersionVector } from '../causality/index.ts';
import { ownTtl, type PathEdit } from '../resource/index.ts';
import { collect } from './collection.ts';
import { applyOperation, conflictsOf, losersOf } from './conflict.ts';
import { decodeItemState, encodeItemState } from './item-codec.ts';
import {
  EMPTY_ITEM,
  etagOf,
  type ItemState,
  isCollectible,
  isMerged,
  liveIncarnations,
  patchBase,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
import type { ItemOperation, Loser, Put } from './operation.ts';

/*
 * Everything at once: whole writes, patches inside one another, deletes, expiry, items that are made anew
 * over expired ones, losers that are kept, ended by deletes, settled and referred, items that lost their
 * unique values, several changes in one entry, clocks against causality, and collection, at any moment, of
 * states that went through the store. What one region shows is judged by the reference; regions with equal
 * sets of operations must be equal; and one version is one text, whoever shows it.
 */

/** Who decides conflicts. */
const MODES = ['rule', 'path', 'people', 'procedure'] as const;

/** How often what happens. Uniform draws rarely meet what is hard: few regions write much, and hear late. */
const WEIGHTS = {
  even: { put: 2, patch: 4, delete: 1, renew: 1, expire: 1, settle: 2, refer: 1, deliver: 8, gossip: 3 },
  late: { put: 2, patch: 8, delete: 1, renew: 1, expire: 1, settle: 3, refer: 1, deliver: 4, gossip: 2 },
  conflicts: {
    put: 5,
    patch: 3,
    delete: 2,
    renew: 1,
    expire: 1,
    settle: 5,
    refer: 2,
    deliver: 10,
    gossip: 2,
  },
  dismissed: { put: 2, patch: 8, delete: 1, renew: 0, expire: 0, settle: 6, refer: 0, deliver: 9, gossip: 2 },
  patches: { put: 1, patch: 9, delete: 0, renew: 0, expire: 0, settle: 1, refer: 0, deliver: 7, gossip: 3 },
};
const COMMON = { collect: 3, meet: 1, resolve: 1, replace: 1, suppress: 1 };

type Kind = keyof (typeof WEIGHTS)['even'] | keyof typeof COMMON;

interface Profile {
  readonly regions: number;
  readonly mode: (typeof MODES)[number];
  readonly weights: keyof typeof WEIGHTS;
  /** How many places patches touch. */
  readonly places: number;
  readonly hasUniqueKeys: boolean;
}

interface Step {
  /** Place in the table of kinds. */
  readonly kind: number;
  readonly at: number;
  readonly which: number;
  readonly skew: number;
  readonly rank: number;
  readonly edits: readonly (readonly [kind: number, place: number, value: number])[];
}

interface Entry {
  readonly dot: Dot;
  readonly context: VersionVector;
  readonly operations: readonly ItemOperation[];
}

/** What is under test; planted faults replace parts of it. */
interface Rules {
  readonly apply: typeof applyOperation;
  readonly collect: typeof collect;
}

const SOUND: Rules = { apply: applyOperation, collect };

class Region {
  readonly origin: number;
  readonly #rules: Rules;
  readonly applied = new VersionVector();
  readonly known: ItemOperation[] = [];
  readonly tracker: StabilityTracker;
  state: ItemState = EMPTY_ITEM;
  /** The same operations, never collected and never stored. */
  uncollected: ItemState = EMPTY_ITEM;
  /** Whether other items have its unique values. */
  isSuppressed = false;

  constructor(origin: number, origins: readonly number[], rules: Rules) {
    this.origin = origin;
    this.#rules = rules;
    const membership = { epoch: 1, origins };
    this.tracker = new StabilityTracker({ self: origin, membership });
  }

  /** One of the changes of an entry. What was collected has been in the store in between. */
  apply(operation: ItemOperation): void {
    this.state = stored(this.#rules.apply(this.state, operation));
    this.uncollected = this.#rules.apply(this.uncollected, operation);
  }

  /** All changes of the entry are applied. */
  take({ origin, n }: Dot, operations: readonly ItemOperation[]): void {
    this.applied.advance(origin, n);
    this.known.push(...operations);
  }

  /** What writes of this region find. */
  get shown(): StoredPut | undefined {
    return this.isSuppressed ? undefined : visiblePut(this.state);
  }
}

/** The state as it comes back from the store. */
function stored(state: ItemState): ItemState {
  const writer = new ByteWriter(256);
  encodeItemState(writer, state);
  const copy = decodeItemState(new ByteReader(writer.finish()));
  if (!isAlike(copy, state)) expect(copy, 'what is stored comes back').toEqual(state);
  return copy;
}

/** Members that are undefined may as well be absent. */
function isAlike(a: unknown, b: unknown): boolean {
  if (a === b || typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (a instanceof VersionVector || a instanceof Uint8Array) return isDeepStrictEqual(a, b);
  const [one, other] = [a, b] as Record<string, unknown>[];
  for (const name in { ...one, ...other }) if (!isAlike(one?.[name], other?.[name])) return false;
  return true;
}

const PLACES = [['o'], ['o', 'q'], ['o', 'q', 'r'], ['o', 'n'], ['n'], ['m'], ['m', 'x'], ['ttl']];
const VALUES: readonly Json[] = [
  {},
  1,
  { n: 3 },
  { q: { r: 4 } },
  'x',
  [1, { n: 1 }],
  2,
  { q: 5, n: { r: 1 } },
];
const TERMS = [1, 2, -3, 0.1, 1e16, 0.2, 7, 1e-7];

class World {
  readonly regions: readonly Region[];
  readonly #profile: Profile;
  readonly #rules: Rules;
  readonly #table: readonly Kind[];
  readonly #written: Entry[] = [];
  /** What each version looked like when it was first shown. */
  readonly #versions = new Map<string, string>();
  #incarnations = 0;
  #clock = 0;
  /** What happened, for whoever has to find out why it went wrong. */
  readonly story: string[] = [];

  constructor(profile: Profile, rules: Rules) {
    const origins = Array.from({ length: profile.regions }, (_, index) => index + 1);
    this.regions = origins.map((origin) => new Region(origin, origins, rules));
    this.#profile = profile;
    this.#rules = rules;
    const weights = Object.entries({ ...WEIGHTS[profile.weights], ...COMMON });
    this.#table = weights.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind as Kind));
  }

  get #keeps(): boolean {
    return this.#profile.mode === 'people' || this.#profile.mode === 'procedure';
  }

  run(step: Step): void {
    this.#clock += 1;
    const region = this.region(step.at);
    const kind = this.#table[step.kind % this.#table.length] ?? 'put';
    this.story.push(`${kind} at ${region.origin}, ${step.which}`);
    const { state, known } = region;
    const count = known.length;
    this.#perform(kind, region, step);
    // What was delivered is checked at once.
    const hasChanged = state !== region.state || count < known.length;
    if (kind !== 'deliver' && kind !== 'meet' && hasChanged) this.#check(region);
  }

  region(at: number): Region {
    const region = this.regions[at % this.regions.length];
    if (region === undefined) throw new Error('a world has regions');
    return region;
  }

  #perform(kind: Kind, region: Region, step: Step): void {
    const { which } = step;
    if (kind === 'deliver') this.deliver(region, which);
    else if (kind === 'meet') while (this.deliver(region, 0));
    else if (kind === 'gossip') gossip(region, this.region(which));
    else if (kind === 'collect') this.collect(region);
    else if (kind === 'suppress') region.isSuppressed = this.#profile.hasUniqueKeys && !region.isSuppressed;
    else if (kind === 'settle' || kind === 'refer' || kind === 'resolve') this.#decide(kind, region, step);
    else this.#write(kind, region, step);
  }

  #write(kind: Kind, region: Region, step: Step): void {
    const { shown } = region;
    const draft = new Draft(region, 100 + this.#clock + 5 * step.skew);
    if (kind === 'expire') {
      // What lost its unique values may be taken away at once; what has expired when every region has it.
      const stable = region.tracker.stable(region.applied);
      const isDue = region.state.siblings.every(({ dot }) => stable.covers(dot));
      if (region.state.siblings.length === 0 || !(isDue || region.isSuppressed)) return;
      draft.expire();
    } else if (kind === 'delete' || kind === 'replace') {
      if (shown === undefined) return;
      draft.delete();
      if (kind === 'replace') this.#put(draft, step, undefined);
    } else if (kind === 'patch' && shown !== undefined) this.#patch(draft, step, shown);
    else this.#put(draft, step, kind === 'renew' ? undefined : shown?.incarnation);
    this.#publish(draft);
  }

  /** A conflict is settled or referred, alone or with a write that resolves it. */
  #decide(kind: 'settle' | 'refer' | 'resolve', region: Region, step: Step): void {
    const open = conflictsOf(region.state, region.isSuppressed);
    const conflict = open[step.which % Math.max(1, open.length)]?.dot;
    if (conflict === undefined) return;
    const { shown } = region;
    const draft = new Draft(region, 100 + this.#clock + 5 * step.skew);
    const isSibling = region.state.siblings.some(({ dot }) => isDeepStrictEqual(dot, conflict));
    if (kind === 'resolve') {
      if (shown === undefined) this.#put(draft, step, undefined);
      else if (step.rank === 0) draft.delete();
      else this.#patch(draft, step, shown);
      // Whoever settles a write that lost its unique values says that it is not to come back.
    } else if (kind === 'settle' && region.isSuppressed && isSibling) draft.expire();
    draft.add({ kind: kind === 'refer' ? kind : 'settle', ...draft.head, conflicts: [conflict] });
    this.#publish(draft);
  }

  #put(draft: Draft, step: Step, incarnation: number | undefined): void {
    if (incarnation === undefined) this.#incarnations += 1;
    const { origin, n } = draft.head.dot;
    const item: JsonObject = { text: `${origin}.${n}`, n: n % 3, o: { n: 1, p: origin } };
    if (step.which === 0) item.ttl = 10;
    this.#addPut(draft, step, item, { incarnation: incarnation ?? this.#incarnations, patch: undefined });
  }

  #patch(draft: Draft, step: Step, shown: StoredPut): void {
    const item = withoutSystem(shown);
    const edits = step.edits
      .map((one) => editOf(one, this.#profile.places))
      .filter((edit) => fits(item, edit));
    const base = patchBase(draft.region.state);
    const { incarnation } = shown;
    this.#addPut(draft, step, item, { incarnation, patch: base && { base, edits } });
  }

  #addPut(draft: Draft, { rank }: Step, item: JsonObject, what: Pick<Put, 'incarnation' | 'patch'>): void {
    const { mode } = this.#profile;
    const put: Put = { kind: 'put', ...draft.head, ...what, priority: undefined, body: textOf(item) };
    const isRanked = mode === 'path' && rank > 0;
    const ttl = ownTtl(item);
    const losers = draft.losers;
    draft.add({
      ...put,
      ttl,
      ...(isRanked ? { priority: rank } : {}),
      ...(this.#keeps ? { keeps: true } : {}),
      ...(mode === 'procedure' ? { contestsDeletes: true } : {}),
      ...(losers === undefined ? {} : { losers }),
    });
  }

  #publish({ region, head, operations }: Draft): void {
    this.story.push(operations.map(told).join(' & '));
    region.take(head.dot, operations);
    this.#written.push({ ...head, operations });
  }

  /** Whether there was anything to deliver. */
  deliver(region: Region, which: number): boolean {
    const next = this.#written.filter(
      ({ dot, context }) => dot.n === region.applied.get(dot.origin) + 1 && region.applied.coversAll(context),
    );
    const chosen = next[which % Math.max(1, next.length)];
    if (chosen === undefined) return false;
    this.story.push(`${region.origin} takes ${nameOf(chosen.dot)}`);
    for (const operation of chosen.operations) region.apply(operation);
    region.take(chosen.dot, chosen.operations);
    this.#check(region);
    return true;
  }

  collect(region: Region): void {
    const stable = region.tracker.stable(region.applied);
    const isStable = (dot: Dot) => stable.covers(dot);
    region.state = this.#collected(region.state, isStable);
    const again = this.#collected(region.state, isStable);
    expectSame(again, region.state, 'what is collected twice is collected');
  }

  #collected(state: ItemState, isStable: (dot: Dot) => boolean): ItemState {
    return stored(this.#rules.collect(state, isStable, this.#profile.hasUniqueKeys) ?? EMPTY_ITEM);
  }

  #check(region: Region): void {
    const { state, uncollected, known } = region;
    const expected = referenceVisible(known);
    const [shown, whole] = [visiblePut(state), visiblePut(uncollected)];
    for (const visible of [whole, shown]) {
      const which = visible === shown ? 'collected = reference' : 'visible = reference';
      expectSame(visible?.dot, expected?.put.dot, which);
      if (visible === undefined || expected === undefined) continue;
      expectSame(withoutSystem(visible), expected.merged?.item ?? withoutSystem(expected.put), which);
      const version = etagOf(visible);
      const text = Buffer.from(visible.body).toString();
      const known = this.#versions.get(version);
      if (known === undefined) this.#versions.set(version, text);
      else expectSame(text, known, 'one version, one text');
    }
    expectSame(shown && etagOf(shown), whole && etagOf(whole), 'collection changes no etag');
    for (const name of ['incarnation', 'ttl', 'priority', 'isUnindexed'] as const)
      expectSame(shown?.[name], whole?.[name], `collection changes no ${name}`);
    for (const isSuppressed of this.#profile.hasUniqueKeys ? [false, true] : [false]) {
      const conflicts = this.#keeps ? referenceConflicts(known, isSuppressed) : [];
      expectSame(conflictsOf(uncollected, isSuppressed), conflicts, 'conflicts = reference');
      expectSame(conflictsOf(state, isSuppressed), conflicts, 'collection changes no conflict');
    }
    if (!isCollectible(state))
      expectSame(
        this.#collected(state, () => true),
        state,
        'nothing is overlooked',
      );
    for (const other of this.regions) {
      if (other === region || !other.applied.equals(region.applied)) continue;
      expectSame(other.uncollected, uncollected, 'equal vectors, equal states');
      const [one, two] = [region, other].map((each) => each.tracker.stable(each.applied));
      const isStable = (dot: Dot) => one?.covers(dot) === true || two?.covers(dot) === true;
      const [mine, theirs] = [region, other].map((each) => this.#collected(each.state, isStable));
      expectSame(theirs, mine, 'equal after equal collection');
    }
  }

  /** Everybody has everything, and people have decided what was for them. */
  finish(draws: readonly number[]): void {
    this.#deliverAll(draws);
    const [hub] = this.regions;
    if (hub === undefined) return;
    for (const region of this.regions) region.isSuppressed = false;
    for (;;) {
      const conflicts = conflictsOf(hub.state).map(({ dot }) => dot);
      if (conflicts.length === 0) break;
      this.#clock += 1;
      const draft = new Draft(hub, 100 + this.#clock);
      draft.add({ kind: 'settle', ...draft.head, conflicts });
      this.#publish(draft);
      this.#deliverAll(draws);
    }
    for (let round = 0; round < 2; round++)
      for (const from of this.regions) for (const to of this.regions) gossip(from, to);
    for (const region of this.regions) {
      this.collect(region);
      this.#check(region);
      expectSame(visiblePut(region.state)?.body, visiblePut(hub.state)?.body, 'quiet regions show the same');
      const { siblings, pending = [], dead, referred = [], ...book } = region.state;
      const isMark = referred.every(({ conflict }) => isDeepStrictEqual(conflict, siblings[0]?.dot));
      expectSame([dead, book, isMark], [[], {}, true], 'quiet regions forget');
      // What may lose its unique values yet stays as it was written.
      if (this.#keeps && this.#profile.hasUniqueKeys && isMerged(region.state)) continue;
      expectSame(siblings.length < 2, true, 'quiet regions forget all but the winner');
      expectSame(siblings[0]?.patch?.context, undefined, 'quiet regions forget what a patch had seen');
      const isRest = pending.every((one) => one.kind === 'count' && one.increments.length === 0);
      expectSame(isRest, true, 'quiet regions forget edits');
      expectSame(isCollectible(region.state), false, 'quiet regions have nothing to collect');
    }
  }

  #deliverAll(draws: readonly number[]): void {
    let draw = 0;
    const next = () => draws[draw++ % draws.length] ?? 0;
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      const first = next();
      for (let place = 0; place < this.regions.length; place++)
        if (this.deliver(this.region(first + place), next())) isBusy = true;
    }
  }
}

const nameOf = ({ origin, n }: Dot) => `${origin}.${n}`;

function told(operation: ItemOperation): string {
  const { kind, dot, context, time, ...rest } = operation;
  const what = JSON.stringify(rest, (name, value) => (name === 'body' ? undefined : value));
  return `${kind} ${nameOf(dot)} at ${time} after ${context}: ${what}`;
}

function gossip(from: Region, to: Region): void {
  const reports: StabilityReport[] = from.tracker.reports(from.applied);
  for (const report of reports) to.tracker.observe(report);
}

/** One entry while a region makes it: each operation finds what those before it have done. */
class Draft {
  readonly region: Region;
  readonly head: Pick<ItemOperation, 'dot' | 'context' | 'time'>;
  readonly operations: ItemOperation[] = [];

  constructor(region: Region, time: number) {
    this.region = region;
    const dot = { origin: region.origin, n: region.applied.get(region.origin) + 1 };
    this.head = { dot, context: region.applied.clone(), time };
  }

  /** What a write that covers the item has to carry along. */
  get losers(): readonly Loser[] | undefined {
    const { state, isSuppressed } = this.region;
    const losers = losersOf(state, isSuppressed && state.siblings.length > 0);
    return losers.length === 0 ? undefined : losers;
  }

  add(operation: ItemOperation): void {
    this.operations.push(operation);
    this.region.apply(operation);
  }

  delete(): void {
    const incarnations = liveIncarnations(this.region.state);
    const { losers } = this;
    const deletion = { kind: 'delete' as const, ...this.head, incarnations };
    this.add(losers === undefined ? deletion : { ...deletion, losers });
  }

  expire(): void {
    const { losers } = this;
    const expiry = { kind: 'expire' as const, ...this.head };
    this.add(losers === undefined ? expiry : { ...expiry, losers });
  }
}

/** `expect` is too slow for millions of comparisons. */
function expectSame(actual: unknown, expected: unknown, message: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, message).toStrictEqual(expected);
}

function editOf([kind, at, value]: Step['edits'][number], places: number): PathEdit {
  const path = PLACES[at % places] ?? [];
  if (kind === 0) return { kind: 'set', path, value: VALUES[value] ?? null };
  if (kind === 1) return { kind: 'remove', path };
  return { kind: 'increment', path, by: TERMS[value] ?? 1 };
}

const profile: fc.Arbitrary<Profile> = fc.record({
  regions: fc.integer({ min: 3, max: 5 }),
  mode: fc.constantFrom(...MODES),
  weights: fc.constantFrom(...(Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[])),
  places: fc.constantFrom(1, 3, 4, PLACES.length),
  hasUniqueKeys: fc.boolean(),
});
const edit = fc.tuple(fc.nat(2), fc.nat(PLACES.length - 1), fc.nat(VALUES.length - 1));
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(999),
  at: fc.nat(4),
  which: fc.nat(9),
  skew: fc.integer({ min: -2, max: 2 }),
  rank: fc.nat(2),
  edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
});
const steps = fc.array(step, { minLength: 3, maxLength: 60, size: 'max' });
const draws = fc.array(fc.nat(9), { minLength: 8, maxLength: 8 });

function play(of: Profile, history: readonly Step[], rest: readonly number[], rules: Rules): void {
  const world = new World(of, rules);
  try {
    for (const one of history) world.run(one);
    world.finish(rest);
  } catch (cause) {
    throw new Error(world.story.join('\n'), { cause });
  }
}

test('any history of everything', () => {
  fc.assert(
    fc.property(profile, steps, draws, (of, history, rest) => play(of, history, rest, SOUND)),
    { numRuns: runs(300) },
  );
});

/** Each is a mistake that somebody could make in good faith, or made. */
const PLANTED: Record<string, Partial<Rules>> = {
  'merged patches become one write where their item may give way': {
    collect: (state, isStable) => collect(state, isStable),
  },
  'what is alone needs no mark that it was referred': {
    collect: (state, isStable, mayGiveWay) => {
      const { referred, ...rest } = collect(state, isStable, mayGiveWay) ?? EMPTY_ITEM;
      return rest.siblings.length === 1 || referred === undefined ? rest : { ...rest, referred };
    },
  },
  'what was settled is forgotten': {
    apply: (state, operation) => {
      const { withdrawn: _, ...rest } = applyOperation(state, operation);
      return rest;
    },
  },
  'losers that are carried along are not read': {
    apply: (state, operation) => {
      if (operation.kind === 'settle' || operation.kind === 'refer') return applyOperation(state, operation);
      return applyOperation(state, { ...operation, losers: undefined });
    },
  },
  'kept losers go when they are stable': {
    collect: (state, isStable, mayGiveWay) =>
      collect(
        state.siblings.every(({ dot }) => isStable(dot)) && !isMerged(state)
          ? { ...state, siblings: state.siblings.slice(0, 1) }
          : state,
        isStable,
        mayGiveWay,
      ),
  },
  'what a concurrent delete ended is no conflict': {
    apply: (state, operation) => {
      const { buried: _, ...rest } = applyOperation(state, operation);
      return rest;
    },
  },
};

test.each(Object.keys(PLANTED))('found when planted: %s', (name) => {
  const rules = { ...SOUND, ...PLANTED[name] };
  const result = fc.check(
    fc.property(profile, steps, draws, (of, history, rest) => play(of, history, rest, rules)),
    { numRuns: 5000, seed: 20_261_123, endOnFailure: true },
  );
  expect(result.failed, `survived ${result.numRuns} histories`).toBe(true);
});
