import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/index.ts';
import { type Dot, VersionVector } from '../causality/index.ts';
import { collect } from './collection.ts';
import { applyOperation } from './conflict.ts';
import { EMPTY_ITEM, type ItemState, isSettled, liveIncarnations, visiblePut } from './item-state.ts';
import type { Delete, ItemOperation, Put } from './operation.ts';

const [A, B, C] = [1, 2, 3];

/** A region that holds one item, writes to it, and takes what others wrote, in causal order. */
class Site {
  readonly #origin: number;
  readonly vector = new VersionVector();
  state: ItemState = EMPTY_ITEM;
  static #time = 0;
  static #incarnations = 0;

  constructor(origin: number) {
    this.#origin = origin;
  }

  /** Creates, or replaces what is visible here; the body is `name`. */
  put(name: string, priority?: number, time?: number): Put {
    Site.#incarnations += 1;
    const incarnation = visiblePut(this.state)?.incarnation ?? Site.#incarnations;
    return this.#write({ kind: 'put', ...this.#stamp(time), incarnation, priority, body: Buffer.from(name) });
  }

  delete(): Delete {
    return this.#write({ kind: 'delete', ...this.#stamp(), incarnations: liveIncarnations(this.state) });
  }

  receive(...operations: ItemOperation[]): this {
    for (const operation of operations) {
      expect(operation.dot.n, 'the test delivers in order').toBe(this.vector.get(operation.dot.origin) + 1);
      expect(this.vector.coversAll(operation.context), 'the test delivers causally').toBe(true);
      this.state = applyOperation(this.state, operation);
      this.vector.advance(operation.dot.origin, operation.dot.n);
    }
    return this;
  }

  get visible(): string | undefined {
    const put = visiblePut(this.state);
    return put && Buffer.from(put.body).toString();
  }

  get siblings(): string[] {
    return this.state.siblings.map((put) => Buffer.from(put.body).toString());
  }

  #stamp(time?: number) {
    Site.#time += 1;
    const dot = { origin: this.#origin, n: this.vector.get(this.#origin) + 1 };
    return { dot, context: this.vector.clone(), time: time ?? Site.#time };
  }

  #write<T extends ItemOperation>(operation: T): T {
    this.receive(operation);
    return operation;
  }
}

function sites(): [Site, Site, Site] {
  return [new Site(A), new Site(B), new Site(C)];
}

function expectVisible(name: string | undefined, ...all: Site[]): void {
  for (const site of all) expect(site.visible).toBe(name);
  for (const site of all) expect(site.state).toEqual(all[0]?.state);
}

describe('the winner of one conflict', () => {
  test('the later hybrid time, without priorities', () => {
    const [a, b] = sites();
    const [early, late] = [a.put('early'), b.put('late')];
    a.receive(late);
    b.receive(early);
    expectVisible('late', a, b);
  });

  test('the higher priority, whatever the times; negative, zero and fractions included', () => {
    const [a, b, c] = sites();
    const [low, high, middle] = [a.put('low', -1, 30), b.put('high', 0.5, 10), c.put('middle', 0, 20)];
    a.receive(high, middle);
    b.receive(middle, low);
    c.receive(low, high);
    expectVisible('high', a, b, c);
    expect(a.siblings).toEqual(['high', 'middle', 'low']);
  });

  test('any number beats a missing one', () => {
    const [a, b] = sites();
    const [number, none] = [a.put('number', -1e300), b.put('none')];
    a.receive(none);
    b.receive(number);
    expectVisible('number', a, b);
  });

  test('equal priority and time: the higher origin', () => {
    const [a, b] = sites();
    const [one, two] = [a.put('one', 5, 7), b.put('two', 5, 7)];
    a.receive(two);
    b.receive(one);
    expectVisible('two', a, b);
  });

  test('a write that saw the other is no conflict, whatever its priority', () => {
    const [a, b] = sites();
    const first = a.put('first', 100);
    const second = b.receive(first).put('second', 1);
    a.receive(second);
    expectVisible('second', a, b);
    expect(a.siblings).toEqual(['second']);
  });

  test('a local write sees all siblings and clears the set', () => {
    const [a, b] = sites();
    const [one, two] = [a.put('one', 1), b.put('two', 2)];
    a.receive(two);
    b.receive(one);
    b.receive(a.put('three'));
    expectVisible('three', a, b);
    expect(isSettled(b.state)).toBe(true);
  });
});

describe('traps', () => {
  test('1: user-defined path, causally later but lower', () => {
    const [a, b, c] = sites();
    const w1 = a.put('w1', 100);
    const w2 = a.put('w2', 50);
    const w3 = b.put('w3', 75);
    a.receive(w3);
    b.receive(w1, w2);
    c.receive(w1, w3, w2);
    expectVisible('w3', a, b, c);
    expect(c.siblings).toEqual(['w3', 'w2']);
  });

  test('2: the loser comes back, rightly', () => {
    const [a, b, c] = sites();
    const w2 = a.put('w2', 50);
    const w3 = b.put('w3', 75);
    c.receive(w2, w3);
    a.receive(w3);
    expectVisible('w3', a, c);
    const w4 = b.put('w4', 10); // B had seen only w3
    a.receive(w4);
    b.receive(w2);
    c.receive(w4);
    expectVisible('w2', a, b, c);
  });

  test('3: delete wins over a concurrent replace, and the re-created item is another incarnation', () => {
    const [a, b, c] = sites();
    const first = a.put('first', 1);
    b.receive(first);
    c.receive(first);
    const replace = b.put('replace', 1000);
    const deletion = a.delete();
    const created = a.put('created', 5);
    a.receive(replace);
    b.receive(deletion, created);
    c.receive(replace, deletion, created);
    expectVisible('created', a, b, c);
  });

  test('3: without a re-creation it stays deleted, in any order', () => {
    const [a, b, c] = sites();
    const first = a.put('first');
    b.receive(first);
    c.receive(first);
    const replace = b.put('replace');
    const deletion = a.delete();
    a.receive(replace);
    b.receive(deletion);
    c.receive(deletion, replace);
    expectVisible(undefined, a, b, c);
  });

  test('4: dominance of the dead', () => {
    const [a, b, c] = sites();
    // Two creates meet; C replaces the visible one, which covers both, while A deletes what it knows.
    const one = a.put('one', 2);
    const two = b.put('two', 1);
    c.receive(one, two);
    const deletion = a.delete(); // ends the incarnation of `one` only
    const three = c.put('three'); // keeps the incarnation of `one`, supersedes `two`
    a.receive(two, three);
    b.receive(one, deletion, three);
    c.receive(deletion);
    expectVisible(undefined, a, b, c);
    expect(b.siblings, '`two` must not resurface where the delete came first').toEqual([]);
  });

  test('10: an old replace from a region that was away stays dead, however old the delete is', () => {
    const [a, b, c] = sites();
    const first = a.put('first');
    c.receive(first);
    const fromAway = c.put('from away');
    const deletion = b.receive(first).delete();
    a.receive(deletion);
    // Much happens meanwhile; C has not confirmed the delete, so it is not stable and must be kept.
    const kept = collect(a.state, () => false);
    expect(kept).toBe(a.state);
    a.receive(fromAway);
    expectVisible(undefined, a);
  });

  test('delete meets delete: nothing is left, both are remembered', () => {
    const [a, b] = sites();
    b.receive(a.put('first'));
    const [one, two] = [a.delete(), b.delete()];
    a.receive(two);
    b.receive(one);
    expectVisible(undefined, a, b);
    expect(a.state.dead[0]?.deletes).toEqual([one.dot, two.dot]);
  });

  test('a delete ends every incarnation that its origin saw, also those of losers', () => {
    const [a, b, c] = sites();
    const [winner, loser] = [a.put('winner', 2), b.put('loser', 1)];
    const replaced = b.put('loser again', 1);
    c.receive(winner, loser);
    const deletion = c.delete();
    a.receive(loser, deletion, replaced);
    b.receive(winner, deletion);
    c.receive(replaced);
    expectVisible(undefined, a, b, c);
  });
});

describe('broken invariants stop us', () => {
  const put = (n: number, context: Dot[], incarnation = 1): Put => ({
    kind: 'put',
    dot: { origin: A, n },
    context: new VersionVector(context.map((dot) => [dot.origin, dot.n])),
    time: n,
    incarnation,
    priority: undefined,
    body: Buffer.from('{}'),
  });

  test('the same put applied twice', () => {
    const state = applyOperation(EMPTY_ITEM, put(1, []));
    expect(() => applyOperation(state, put(1, []))).toThrow(AssertionError);
  });

  test('an origin that forgot its own write', () => {
    const state = applyOperation(EMPTY_ITEM, put(1, []));
    expect(() => applyOperation(state, put(2, []))).toThrow(AssertionError);
  });

  test('a write to an incarnation that its origin saw end', () => {
    const deletion: Delete = { ...put(1, []), kind: 'delete', incarnations: [7] };
    const state = applyOperation(EMPTY_ITEM, deletion);
    expect(() => applyOperation(state, put(2, [{ origin: A, n: 1 }], 7))).toThrow(AssertionError);
    expect(() => applyOperation(state, deletion)).toThrow(AssertionError);
  });

  test('a priority that is not a finite number', () => {
    for (const priority of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => applyOperation(EMPTY_ITEM, { ...put(1, []), priority })).toThrow(AssertionError);
    }
  });
});

test('states are values: applying changes none of them', () => {
  const [a, b] = sites();
  const created = a.put('one');
  const before = JSON.stringify(a.state);
  const kept = a.state;
  a.receive(b.put('two'));
  a.delete();
  expect(created.dot.n).toBe(1);
  expect(JSON.stringify(kept)).toBe(before);
});

describe('collection', () => {
  const always = () => true;

  test('losers go together, once they and the winner are stable', () => {
    const [a, b, c] = sites();
    const [one, two, three] = [a.put('one', 3), b.put('two', 2), c.put('three', 1)];
    a.receive(two, three);
    for (const unstable of [A, B, C]) {
      expect(collect(a.state, (dot) => dot.origin !== unstable)).toBe(a.state);
    }
    expect(collect(a.state, always)?.siblings.map((put) => put.dot)).toEqual([one.dot]);
  });

  test('a mark goes when all its deletes are stable', () => {
    const [a, b] = sites();
    b.receive(a.put('first'));
    const other = b.delete();
    a.delete();
    a.receive(other);
    expect(collect(a.state, (dot) => dot.origin === A)).toBe(a.state);
    expect(collect(a.state, always)).toBeUndefined();
  });

  test('nothing to do gives the same object back, so callers can tell without comparing', () => {
    const [a] = sites();
    a.put('one');
    expect(collect(a.state, always)).toBe(a.state);
    expect(collect(EMPTY_ITEM, always)).toBeUndefined();
  });

  test('what is left of a conflict among the stable is a settled item', () => {
    const [a, b] = sites();
    a.put('one', 1);
    a.receive(b.put('two', 2));
    const left = collect(a.state, always);
    expect(left && isSettled(left)).toBe(true);
    expect(left && visiblePut(left)).toBe(visiblePut(a.state));
  });
});
