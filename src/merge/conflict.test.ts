import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { referenceConflicts } from '../../test/kit/item-reference.ts';
import { runs } from '../../test/kit/properties.ts';
import { ByteReader, ByteWriter } from '../base/index.ts';
import { type Dot, VersionVector } from '../causality/index.ts';
import { collect } from './collection.ts';
import { applyOperation, conflictsOf, losersOf } from './conflict.ts';
import { decodeItemState, encodeItemState } from './item-codec.ts';
import {
  EMPTY_ITEM,
  etagOf,
  type ItemState,
  isCollectible,
  liveIncarnations,
  patchBase,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
import type { Delete, ItemOperation, Patch, Put, Refer, Settle } from './operation.ts';

/** One region's copy of one item in a container that keeps its losers. */
class Copy {
  readonly origin: number;
  readonly applied = new VersionVector();
  readonly known: ItemOperation[] = [];
  state: ItemState = EMPTY_ITEM;
  readonly #contestsDeletes: boolean;
  #created = 0;

  /** `contestsDeletes`: the container has a procedure. */
  constructor(origin: number, contestsDeletes = false) {
    this.origin = origin;
    this.#contestsDeletes = contestsDeletes;
  }

  #head() {
    const dot = { origin: this.origin, n: this.applied.get(this.origin) + 1 };
    return { dot, context: this.applied.clone(), time: dot.n * 10 + this.origin };
  }

  put(body: string, patch?: Patch): Put {
    const losers = losersOf(this.state);
    const incarnation = visiblePut(this.state)?.incarnation ?? ++this.#created * 1024 + this.origin;
    const put: Put = {
      ...{ kind: 'put' as const, ...this.#head(), incarnation, priority: undefined },
      ...{ keeps: true as const, patch, body: Buffer.from(body) },
      ...(this.#contestsDeletes ? { contestsDeletes: true as const } : {}),
      ...(losers.length === 0 ? {} : { losers }),
    };
    return this.apply(put);
  }

  patch(which: number): Put | undefined {
    const visible = visiblePut(this.state);
    if (visible === undefined) return undefined;
    const { v, ...item } = JSON.parse(Buffer.from(visible.body).toString());
    const name = `m${which % 3}`;
    const body = JSON.stringify({ ...item, [name]: which, v });
    const base = patchBase(this.state);
    return this.put(body, base && { base, edits: [{ kind: 'set', path: [name], value: which }] });
  }

  delete(_?: number): Delete | undefined {
    if (visiblePut(this.state) === undefined) return undefined;
    const losers = losersOf(this.state);
    const incarnations = liveIncarnations(this.state);
    const deletion = { kind: 'delete' as const, ...this.#head(), incarnations };
    return this.apply(losers.length === 0 ? deletion : { ...deletion, losers });
  }

  settle(which: number): Settle | undefined {
    const open = conflictsOf(this.state);
    const conflict = open[which % Math.max(1, open.length)];
    if (conflict === undefined) return undefined;
    return this.apply({ kind: 'settle', ...this.#head(), conflicts: [conflict.dot] });
  }

  refer(which: number): Refer | undefined {
    const open = conflictsOf(this.state);
    const conflict = open[which % Math.max(1, open.length)];
    if (conflict === undefined) return undefined;
    return this.apply({ kind: 'refer', ...this.#head(), conflicts: [conflict.dot] });
  }

  get referred(): string[] {
    return conflictsOf(this.state)
      .filter(({ isReferred }) => isReferred === true)
      .map(nameOf);
  }

  apply<T extends ItemOperation>(operation: T): T {
    this.state = applyOperation(this.state, operation);
    this.applied.advance(operation.dot.origin, operation.dot.n);
    this.known.push(operation);
    return operation;
  }

  canApply({ dot, context }: ItemOperation): boolean {
    return this.applied.get(dot.origin) === dot.n - 1 && this.applied.coversAll(context);
  }

  get conflicts(): string[] {
    return conflictsOf(this.state).map(nameOf);
  }
}

const nameOf = ({ dot, body }: { dot: Dot; body: Uint8Array }) =>
  `${dot.origin}:${dot.n} ${Buffer.from(body)}`;

/** Delivers all that `from` has and `to` lacks. */
function deliver(from: Copy, to: Copy): void {
  for (const operation of from.known) {
    if (!to.applied.covers(operation.dot) && to.canApply(operation)) to.apply(operation);
  }
}

describe('concurrent writes', () => {
  const three = () => [new Copy(1), new Copy(2), new Copy(3)] as const;
  const exchange = (copies: readonly Copy[]) => {
    for (let round = 0; round < 3; round++)
      for (const from of copies) for (const to of copies) if (from !== to) deliver(from, to);
  };

  test('of N, N - 1 are conflicts, the same everywhere', () => {
    const copies = three();
    for (const copy of copies) copy.put(`from ${copy.origin}`);
    exchange(copies);
    for (const copy of copies) expect(copy.conflicts).toEqual(['1:1 from 1', '2:1 from 2']);
    expect(conflictsOf(copies[0].state).map(({ isCreate }) => isCreate)).toEqual([true, true]);
  });

  test('stay conflicts when somebody writes over all of them, until they are settled', () => {
    const [a, b, c] = three();
    a.put('a');
    b.put('b');
    exchange([a, b, c]);
    c.put('merged');
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.conflicts).toEqual(['1:1 a']);
    b.settle(0);
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.conflicts).toEqual([]);
    for (const copy of [a, b, c])
      expect(Buffer.from(visiblePut(copy.state)?.body ?? []).toString()).toBe('merged');
  });

  test('that were replaced knowingly before anybody saw a rival are none', () => {
    const [a, b] = three();
    a.put('first');
    deliver(a, b);
    a.put('a1');
    a.put('a2');
    b.put('b');
    exchange([a, b]);
    expect(a.conflicts).toEqual(b.conflicts);
    expect(a.conflicts).toEqual(['2:1 b']);
    expect(conflictsOf(a.state)[0]?.isCreate).toBe(false);
  });

  test('a deleted conflict does not come back with a write that had still seen it', () => {
    const [a, b, c] = three();
    a.put('a');
    b.put('b');
    exchange([a, b, c]);
    a.settle(0);
    c.put('c, covering both');
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.conflicts).toEqual([]);
  });

  test('a delete wins over concurrent writes of the same item, and leaves nothing', () => {
    const [a, b] = three();
    a.put('first');
    deliver(a, b);
    a.delete();
    b.put('second');
    exchange([a, b]);
    for (const copy of [a, b]) expect([visiblePut(copy.state), copy.conflicts]).toEqual([undefined, []]);
  });

  test('where a procedure decides, what a delete ended is kept, whichever came first, until it is covered', () => {
    const [a, b, c] = [1, 2, 3].map((origin) => new Copy(origin, true)) as [Copy, Copy, Copy];
    a.put('first');
    exchange([a, b, c]);
    a.delete();
    b.put('late');
    b.put('later');
    deliver(a, c);
    expect([b.conflicts, c.conflicts], 'nobody has seen both').toEqual([[], []]);
    exchange([a, b, c]);
    for (const copy of [a, b, c]) {
      expect(visiblePut(copy.state)).toBeUndefined();
      expect(copy.conflicts).toEqual(['2:2 later']);
      expect(conflictsOf(copy.state)[0]).toMatchObject({ isTombstone: true, isCreate: false });
      expect(collect(copy.state, () => true)?.buried, 'it waits for whoever decides').toHaveLength(1);
    }
    c.put('another item');
    expect(c.state.buried, 'carried along').toBeUndefined();
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.conflicts).toEqual(['2:2 later']);
    a.settle(0);
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect([copy.conflicts, copy.state]).toEqual([[], a.state]);
  });

  test('what is carried by several writes says the same in every order', () => {
    const names = ['carried by', 'both'];
    const conflict = { dot: { origin: 9, n: 1 }, time: 5, incarnation: 7, body: Buffer.from('x') };
    const carriers = [4, 5].map((origin, place): Put => {
      const losers = [
        place === 0
          ? { ...conflict, isCreate: false, isTombstone: true as const }
          : { ...conflict, isCreate: true, isReferred: true as const },
      ];
      const body = Buffer.from(names[place] ?? '');
      const context = new VersionVector([[9, 1]]);
      const dot = { origin, n: 1 };
      return {
        kind: 'put',
        ...{ dot, context, time: 10, incarnation: origin, priority: undefined, body, losers },
      };
    });
    const [one, other] = [carriers, carriers.toReversed()].map((order) =>
      order.reduce(applyOperation, EMPTY_ITEM),
    );
    expect(one).toEqual(other);
    expect(one?.conflicts).toEqual([{ ...conflict, isCreate: true, isReferred: true, isTombstone: true }]);
  });

  test('collection keeps conflicts, and forgets that they were settled once everybody knows', () => {
    const [a, b] = three();
    a.put('a');
    b.put('b');
    exchange([a, b]);
    expect(collect(a.state, () => true)).toBe(a.state);
    a.put('merged');
    const covered = collect(a.state, () => true);
    expect(conflictsOf(covered ?? EMPTY_ITEM).map(nameOf)).toEqual(['1:1 a']);
    a.settle(0);
    expect(a.state.settled).toHaveLength(1);
    expect(collect(a.state, () => false)).toEqual(a.state);
    expect(collect(a.state, () => true)).toEqual({ siblings: a.state.siblings, dead: [] });
  });

  test('that are referred to people stay so, covered or collected, until they are settled', () => {
    const [a, b, c] = three();
    a.put('a');
    b.put('b');
    exchange([a, b, c]);
    a.refer(0);
    exchange([a, b]);
    expect([a.referred, b.referred, c.referred]).toEqual([['1:1 a'], ['1:1 a'], []]);
    expect(collect(a.state, () => true)).toBe(a.state);
    c.put('c, covering both, which knows nothing of that');
    b.put('b, which does');
    exchange([a, b, c]);
    for (const copy of [a, b, c]) {
      expect(copy.referred).toContain('1:1 a');
      copy.state = collect(copy.state, () => true) ?? EMPTY_ITEM;
      expect(copy.referred).toContain('1:1 a');
    }
    const place = a.conflicts.indexOf('1:1 a');
    a.settle(place);
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.conflicts).not.toContain('1:1 a');
    expect(a.state.referred).toBeUndefined();
  });

  test('that were settled before it was heard that they are for people are for nobody', () => {
    const [a, b, c] = three();
    a.put('a');
    b.put('b');
    exchange([a, b, c]);
    a.settle(0);
    b.refer(0);
    exchange([a, b, c]);
    for (const copy of [a, b, c]) expect(copy.state).toEqual(a.state);
    expect(a.state.referred).toBeUndefined();
    expect(a.conflicts).toEqual([]);
  });

  test('a mark of a write that won after all stays, since its item may lose its unique values yet', () => {
    const [a, b, c] = three();
    a.put('a');
    b.put('b');
    deliver(b, c);
    c.delete();
    exchange([a, b]);
    a.refer(0);
    exchange([a, b, c]);
    expect(visiblePut(c.state)?.dot).toEqual({ origin: 1, n: 1 });
    expect(c.state.referred).toHaveLength(1);
    expect(collect(c.state, ({ n }) => n > 1)?.referred).toHaveLength(1);
    const quiet = collect(c.state, () => true) ?? EMPTY_ITEM;
    expect(quiet).toEqual({ siblings: c.state.siblings, dead: [], referred: c.state.referred });
    expect(isCollectible(quiet), 'there is nothing to come back for').toBe(false);
    expect(conflictsOf(quiet), 'it is no conflict').toEqual([]);
    expect(conflictsOf(quiet, true), 'unless others have its values').toMatchObject([{ isReferred: true }]);
    c.state = quiet;
    c.put('and this ends it');
    expect(isCollectible(c.state)).toBe(true);
    expect(collect(c.state, () => true)).toEqual({ siblings: c.state.siblings, dead: [] });
  });

  test('a mark whose conflict is gone is collected when everybody has it', () => {
    const [a, b] = three();
    a.put('a');
    b.put('b');
    exchange([a, b]);
    a.refer(0);
    b.delete();
    b.settle(0);
    const late = new Copy(3);
    for (const from of [a, b, a, b]) deliver(from, late);
    expect(collect(late.state, () => true)?.referred).toBeUndefined();
  });
});

test('merged patches of an item that may lose its unique values stay the losers that they would be', () => {
  const [a, b] = [new Copy(1), new Copy(2)];
  a.put('{"_rid":"r","_self":"s","v":0}');
  deliver(a, b);
  a.patch(1);
  b.patch(2);
  deliver(a, b);
  expect(conflictsOf(b.state), 'merged patches are none').toEqual([]);
  const losers = conflictsOf(b.state, true);
  expect(losers.map(({ dot }) => dot)).toEqual([
    { origin: 1, n: 2 },
    { origin: 2, n: 1 },
  ]);
  const quiet = collect(b.state, () => true, true) ?? EMPTY_ITEM;
  expect(conflictsOf(quiet, true)).toEqual(losers);
  expect(collect(b.state, () => true)?.siblings, 'one write where that cannot be').toHaveLength(1);
});

describe('patches of a write that somebody settled', () => {
  /** A patch of what `base` says, made by somebody who has seen no more than that. */
  const patch = (origin: number, base: Put, name: string): Put => ({
    ...{ kind: 'put', dot: { origin, n: 1 }, context: base.context.clone(), time: 50 + origin },
    ...{ incarnation: base.incarnation, priority: undefined, keeps: true },
    patch: { base: base.dot, edits: [{ kind: 'set', path: [name], value: 1 }] },
    body: Buffer.from(`{"_rid":"r","_self":"s","v":0,"${name}":1}`),
  });

  test('merge whenever they are heard of, and the settled does not come back', () => {
    const [a, b] = [new Copy(1), new Copy(2)];
    const base = a.put('{"_rid":"r","_self":"s","v":0}');
    const rival = b.put('{"_rid":"r","_self":"s","v":1}');
    deliver(a, b);
    const settle = b.settle(0) as Settle;
    expect(settle.conflicts).toEqual([base.dot]);
    const seen = new VersionVector([[1, 1]]);
    const patches = [patch(3, { ...base, context: seen }, 'x'), patch(4, { ...base, context: seen }, 'y')];
    const end: Delete = {
      ...{ kind: 'delete', dot: { origin: 5, n: 1 }, context: new VersionVector([[2, 1]]), time: 90 },
      incarnations: [rival.incarnation],
    };
    const [x, y] = patches as [Put, Put];
    const orders = [
      [base, x, y, rival, settle, end],
      [base, rival, settle, x, y, end],
      [base, x, rival, settle, end, y],
    ];
    const [first, ...others] = orders.map((order) => order.reduce<ItemState>(applyOperation, EMPTY_ITEM));
    for (const other of others) expect(other).toEqual(first);
    const visible = JSON.parse(Buffer.from(visiblePut(first ?? EMPTY_ITEM)?.body ?? []).toString());
    expect(visible).toMatchObject({ v: 0, x: 1, y: 1 });
    const withdrawn = [base, rival, settle].reduce<ItemState>(applyOperation, EMPTY_ITEM);
    expect(visiblePut(withdrawn)?.dot).toEqual(rival.dot);
    expect(collect(withdrawn, ({ n }) => n !== settle.dot.n)?.withdrawn).toHaveLength(1);
    const rest = collect(withdrawn, () => true);
    expect(rest, 'when everybody knows').toEqual({ siblings: withdrawn.siblings, dead: [] });
    expect(visiblePut(applyOperation(withdrawn, { ...end, context: new VersionVector([[2, 2]]) }))).toBe(
      undefined,
    );
  });

  test('merge with the settled one in another version than without, and go on as a whole write', () => {
    const [a, b, c] = [new Copy(1), new Copy(2), new Copy(6)];
    const base = a.put('{"_rid":"r","_self":"s","v":0}');
    const seen = { ...base, context: a.applied.clone() };
    const dismissed = a.patch(1) as Put;
    const rivals = [b.put('{"_rid":"r","_self":"s","v":1}'), b.put('{"_rid":"r","_self":"s","v":2}')];
    for (const from of [a, b]) deliver(from, c);
    const settle = c.settle(0) as Settle;
    expect(settle.conflicts).toEqual([dismissed.dot]);
    const end: Delete = {
      ...{ kind: 'delete', dot: { origin: 5, n: 1 }, context: new VersionVector([[2, 2]]), time: 90 },
      incarnations: rivals.slice(0, 1).map(({ incarnation }) => incarnation),
    };
    const [x, y] = [patch(3, seen, 'x'), patch(4, seen, 'y')];
    const all = [base, dismissed, ...rivals, settle, end, x];
    const [without, alone, together] = [[base, x, y], all, [...all, y]].map((known) =>
      known.reduce<ItemState>(applyOperation, EMPTY_ITEM),
    ) as [ItemState, ItemState, ItemState];
    const shown = [without, together].map((state) => visiblePut(state) as StoredPut);
    expect(shown.map(({ body }) => Buffer.from(body).includes('"m1":1'))).toEqual([false, true]);
    expect(new Set(shown.map(etagOf)).size).toBe(2);
    expect(visiblePut(alone)?.dot).toEqual(x.dot);
    expect(patchBase(alone), 'a patch of this body would not have all that it has seen').toBeUndefined();
    expect(patchBase(together)).toEqual(base.dot);
  });
});

// --- any history -------------------------------------------------------------------------------------------

type Step = {
  readonly kind: 'put' | 'patch' | 'delete' | 'settle' | 'refer' | 'deliver';
  readonly at: number;
  readonly which: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'put',
    'put',
    'patch',
    'patch',
    'delete',
    'settle',
    'refer',
    'deliver',
    'deliver',
    'deliver',
  ),
  at: fc.nat(2),
  which: fc.nat(20),
});

test('any history: the conflicts are a function of the set of operations', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, contestsDeletes) => {
      const copies = [1, 2, 3].map((origin) => new Copy(origin, contestsDeletes));
      const all: ItemOperation[] = [];
      for (const { kind, at, which } of steps) {
        const copy = copies[at] as Copy;
        if (kind === 'deliver') {
          const possible = all.filter((one) => !copy.applied.covers(one.dot) && copy.canApply(one));
          const chosen = possible[which % Math.max(1, possible.length)];
          if (chosen !== undefined) copy.apply(chosen);
        } else {
          const made = kind === 'put' ? copy.put(`{"_rid":"r","_self":"s","v":${which}}`) : copy[kind](which);
          if (made !== undefined) all.push(made);
        }
        expect(conflictsOf(copy.state)).toEqual(referenceConflicts(copy.known));
      }
      for (let left = all.length; left > 0; left--) {
        for (const copy of copies) {
          const next = all.find((one) => !copy.applied.covers(one.dot) && copy.canApply(one));
          if (next !== undefined) copy.apply(next);
        }
      }
      for (const copy of copies) {
        expect(copy.state).toEqual(copies[0]?.state);
        const writer = new ByteWriter(64);
        encodeItemState(writer, copy.state);
        expect(decodeItemState(new ByteReader(writer.finish()))).toEqual(copy.state);
      }
    }),
    { numRuns: runs(1500) },
  );
});
