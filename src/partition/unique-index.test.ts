import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { HybridClock, VersionVector } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { compileIndexingPolicy } from '../index/index.ts';
import { createMemoryLog, type MemoryLog } from '../log/index.ts';
import { type StoredPut, visiblePut } from '../merge/index.ts';
import { uniqueTexts } from '../resource/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { createMemoryStore, MemoryStoreState } from '../store/index.ts';
import { parseBody } from './dirty-item.ts';
import type { Intent, PutIntent } from './intent.ts';
import { isSuppressed } from './item-cache.ts';
import { itemKey } from './item-key.ts';
import { conflictsIn } from './open-conflicts.ts';
import type { Partition } from './partition.ts';
import { PartitionHost } from './partition-host.ts';

const NUMBER = 5;
const IDS = ['i0', 'i1', 'i2', 'i3', 'i4'];
/** /a alone, and the pair of /b and /c. */
const KEYS = [[['a']], [['b'], ['c', 'd']]];
const indexer = compileIndexingPolicy({
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [],
});
const real = createNodeRuntime({ timersHoldProcess: true });

const key = (id: string) => itemKey('0A', id);

interface Values {
  readonly a?: string | undefined;
  readonly b?: number | undefined;
  readonly d?: number | undefined;
}

/** What becomes of losers. */
const MARKS = {
  'rule decides': {},
  'people decide': { keeps: true },
  'procedure decides': { keeps: true, contestsDeletes: true },
} as const;

type Mode = keyof typeof MARKS;

/** Three regions whose clocks are set by the test, over memory that outlives restarts. */
class World {
  ms = 1_700_000_000_000;
  readonly nodes: readonly Node[];
  /** How its writes are marked. */
  readonly marks: Pick<PutIntent, 'keeps' | 'contestsDeletes'>;

  private constructor(mode: Mode) {
    this.marks = MARKS[mode];
    this.nodes = [1, 2, 3].map((origin) => new Node(this, origin));
  }

  static async open(mode: Mode = 'rule decides'): Promise<World> {
    const world = new World(mode);
    for (const node of world.nodes) await node.start();
    return world;
  }

  at(place: number): Node {
    const node = this.nodes[place];
    if (node === undefined) throw new RangeError(`no node ${place}`);
    return node;
  }

  /** What everybody has. */
  get stable(): VersionVector {
    const [first = new VersionVector(), ...others] = this.nodes.map(({ partition }) => partition.vector);
    return others.reduce((common, vector) => common.meet(vector), first);
  }

  async meet(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      for (const one of this.nodes) for (const other of this.nodes) if (one !== other) await one.pull(other);
    }
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node.stop();
  }
}

class Node {
  readonly #world: World;
  readonly origin: number;
  #store = new MemoryStoreState();
  log!: MemoryLog;
  host!: PartitionHost;
  partition!: Partition;

  constructor(world: World, origin: number) {
    this.#world = world;
    this.origin = origin;
  }

  async start({ isStoreLost = false } = {}): Promise<void> {
    const world = this.#world;
    const runtime = { ...real, nowMs: () => world.ms };
    if (isStoreLost) this.#store = new MemoryStoreState();
    this.log = createMemoryLog({ runtime, ...(this.log === undefined ? {} : { medium: this.log.medium }) });
    this.host = new PartitionHost({
      runtime,
      log: this.log,
      store: createMemoryStore({ state: this.#store }),
      clock: new HybridClock(runtime),
      // Small, so that items are read from the store.
      cacheBytesMax: 2_000,
      dirtyBytesMax: 1 << 20,
      batchItems: 3,
      onFailed: (reason) => {
        throw reason;
      },
    });
    const rules = { defaultTtl: -1, uniqueKeys: KEYS };
    this.partition = await this.host.open(NUMBER, this.origin, indexer, rules);
  }

  async stop(): Promise<void> {
    await this.host.abandon();
    await this.log.close();
  }

  put(id: string, values: Values, more: { priority?: number; ttl?: number } = {}): Promise<unknown> {
    return this.partition.write(key(id), () => this.intent(id, values, more));
  }

  intent(id: string, values: Values, more: { priority?: number; ttl?: number } = {}): Intent {
    return {
      kind: 'put',
      priority: more.priority,
      ttl: more.ttl,
      ...this.#world.marks,
      render: ({ n }) => ({ body: Buffer.from(JSON.stringify({ id, ...shape(values), n })) }),
    };
  }

  /** Changes one value of the visible item; nothing when there is none. */
  async patch(id: string, name: 'a' | 'b', value: string | number): Promise<void> {
    await this.partition
      .write(key(id), (visible) => {
        if (visible === undefined) throw new DatabaseError('NotFound', id);
        const item = { ...parseBody(visible.body), [name]: value };
        return {
          kind: 'put',
          priority: visible.priority,
          ...this.#world.marks,
          edits: [{ kind: 'set', path: [name], value }],
          render: () => ({ body: Buffer.from(JSON.stringify(item)) }),
        };
      })
      .catch(isNotFound);
  }

  async remove(id: string): Promise<void> {
    await this.partition
      .write(key(id), (visible) => {
        if (visible === undefined) throw new DatabaseError('NotFound', id);
        return { kind: 'delete' };
      })
      .catch(isNotFound);
  }

  async pull(other: Node): Promise<void> {
    const from = other.partition.coveredLsn(this.partition.vector) + 1;
    await this.partition.receive(await other.partition.read(from, 1 << 24));
  }

  /** What can still come was made by somebody who had what everybody has only if nothing is missing here. */
  async collect(): Promise<void> {
    for (const other of this.#world.nodes) if (other !== this) await this.pull(other);
    const { stable } = this.#world;
    await this.host.collect(
      () => stable,
      (origin) => origin === this.origin,
      () => [],
    );
  }

  /** What the item would show if it were alone. */
  candidate(id: string): StoredPut | undefined {
    const state = this.partition.lookup(key(id))?.state;
    return state && visiblePut(state);
  }

  isShown(id: string): boolean {
    return this.partition.lookup(key(id))?.visible !== undefined;
  }

  shown(): string[] {
    return IDS.filter((id) => this.isShown(id));
  }

  bodies(): string[] {
    return this.shown().map((id) =>
      Buffer.from(this.partition.lookup(key(id))?.visible?.body ?? []).toString(),
    );
  }

  /** By a query, from the store and memory. */
  async found(): Promise<string[]> {
    const source = await this.host.openSource(this.partition);
    const cursor = source.scanNumbers({});
    const items = await source.load(await cursor.next(100));
    await cursor.close();
    await source.close();
    return items.map((item) => String(item?.text));
  }
}

function shape({ a, b, d }: Values): Record<string, unknown> {
  return { ...(a === undefined ? {} : { a }), b, ...(d === undefined ? {} : { c: { d } }) };
}

function isNotFound(error: unknown): void {
  if (!(error instanceof DatabaseError) || !['NotFound', 'Conflict'].includes(error.code)) throw error;
}

function texts(put: StoredPut): string[] {
  return uniqueTexts(KEYS, parseBody(put.body));
}

/** The specification: an item gives way to a stronger one with a value in common that does not give way. */
function expectedShown(node: Node): string[] {
  const rank = (put: StoredPut) => [put.priority ?? -1, put.time, put.dot.origin, put.dot.n];
  const beats = (x: string, y: string) => {
    const [one, other] = [node.candidate(x), node.candidate(y)].map((put) =>
      put === undefined ? [] : rank(put),
    );
    const place = (one ?? []).findIndex((part, at) => part !== other?.[at]);
    return place < 0 ? x > y : (one?.[place] ?? 0) > (other?.[place] ?? 0);
  };
  const alive = IDS.filter((id) => node.candidate(id) !== undefined);
  const valuesOf = new Map(alive.map((id) => [id, texts(node.candidate(id) as StoredPut)]));
  const givesWay = (id: string): boolean =>
    alive.some((other) => {
      if (other === id || !beats(other, id)) return false;
      return (
        valuesOf.get(other)?.some((text) => valuesOf.get(id)?.includes(text)) === true && !givesWay(other)
      );
    });
  return alive.filter((id) => !givesWay(id));
}

const values: fc.Arbitrary<Values> = fc.record({
  a: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
  b: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
  d: fc.option(fc.constantFrom(1, 2, 3), { nil: undefined }),
});
const place = fc.integer({ min: 0, max: 2 });
const id = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...IDS.slice(0, 3)) }, fc.constantFrom(...IDS));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      place,
      id,
      values,
      priority: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
      ttl: fc.option(fc.constant(20), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      place,
      id,
      name: fc.constantFrom('a' as const, 'b' as const),
      value: fc.constantFrom(1, 2, 3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), place, id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), place, id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refer' as const), place, id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('swap' as const), place, id, other: id }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pull' as const), place, from: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('collect' as const), place }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), place, isStoreLost: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), place }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), place, seconds: fc.constantFrom(5, 30) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function perform(world: World, one: Step): Promise<void> {
  const node = world.at(one.place);
  world.ms += 7;
  switch (one.kind) {
    case 'put': {
      const { priority, ttl } = one;
      const more = { ...(priority === undefined ? {} : { priority }), ...(ttl === undefined ? {} : { ttl }) };
      return checkedPut(node, one.id, one.values, more);
    }
    case 'patch':
      return node.patch(one.id, one.name, one.name === 'a' ? `p${one.value}` : one.value);
    case 'remove':
      return node.remove(one.id);
    case 'swap':
      return swap(node, one.id, one.other);
    case 'settle':
      return settle(node, one.id);
    case 'refer':
      return refer(node, one.id);
    case 'pull':
      return one.from === one.place ? undefined : node.pull(world.at(one.from));
    case 'collect':
      return node.collect();
    case 'restart':
      await node.stop();
      return node.start(one);
    case 'drain':
      return node.host.drain();
    case 'wait':
      world.ms += one.seconds * 1000;
  }
}

/** Refused exactly when somebody else shows one of the values; then shown, and nobody else comes back by it. */
async function checkedPut(node: Node, name: string, wanted: Values, more: { ttl?: number }): Promise<void> {
  const fresh = uniqueTexts(KEYS, JSON.parse(JSON.stringify(shape(wanted))) as Record<string, never>);
  const holder = IDS.find((other) => {
    const shown = node.partition.shown(node.partition.lookup(key(other)));
    return other !== name && shown !== undefined && texts(shown).some((text) => fresh.includes(text));
  });
  const before = node.shown();
  const outcome = await node.put(name, wanted, more).then(
    () => 'done',
    (error: DatabaseError) => `${error.code}: ${error.message}`,
  );
  expect(outcome).toBe(holder === undefined ? 'done' : 'Conflict: Unique index constraint violation.');
  if (holder === undefined) expect(node.isShown(name)).toBe(true);
  expect(node.shown().filter((other) => other !== name && !before.includes(other))).toEqual([]);
}

/** Whoever settles a conflict has ended it, and brings nothing back. */
async function settle(node: Node, name: string): Promise<void> {
  const [conflict] = conflictsIn(node.partition, key(name));
  if (conflict === undefined) return;
  const before = node.shown();
  const transaction = node.partition.begin('0A');
  transaction.settle(key(name), [conflict.dot]);
  await transaction.commit();
  const left = conflictsIn(node.partition, key(name));
  expect(left.map(({ dot }) => dot)).not.toContainEqual(conflict.dot);
  expect(node.shown()).toEqual(before);
}

/** Leaves a conflict to people. */
async function refer({ partition }: Node, name: string): Promise<void> {
  const conflict = conflictsIn(partition, key(name)).find(({ isReferred }) => isReferred !== true);
  if (conflict === undefined) return;
  const transaction = partition.begin('0A');
  transaction.refer(key(name), [conflict.dot]);
  await transaction.commit();
}

/** Two items exchange their values in one transaction. */
async function swap({ partition }: Node, one: string, other: string): Promise<void> {
  if (one === other) return;
  const transaction = partition.begin('0A');
  const [a, b] = [transaction.get(key(one)), transaction.get(key(other))];
  if (a === undefined || b === undefined) return transaction.rollBack();
  const intent = (name: string, put: StoredPut): Intent => ({
    kind: 'put',
    priority: put.priority,
    keeps: put.keeps,
    contestsDeletes: put.contestsDeletes,
    render: () => ({ body: Buffer.from(JSON.stringify({ ...parseBody(put.body), id: name })) }),
  });
  transaction.write(key(one), { kind: 'delete' });
  transaction.write(key(other), intent(other, a));
  transaction.write(key(one), intent(one, b));
  await transaction.commit();
}

async function check({ nodes }: World): Promise<void> {
  for (const node of nodes) {
    expect(node.shown()).toEqual(expectedShown(node));
    const alive = IDS.map((one) => node.partition.shown(node.partition.lookup(key(one))));
    const expected = alive.flatMap((put) => (put === undefined ? [] : [Buffer.from(put.body).toString()]));
    expect((await node.found()).sort()).toEqual(expected.sort());
    const held = node.shown().flatMap((one) => texts(node.candidate(one) as StoredPut));
    expect(new Set(held).size).toBe(held.length);
  }
  for (const [place, one] of nodes.entries()) {
    for (const other of nodes.slice(0, place)) {
      if (!one.partition.vector.equals(other.partition.vector)) continue;
      expect(one.bodies()).toEqual(other.bodies());
      const conflicts = [one, other].map(({ partition }) =>
        IDS.map((each) => conflictsIn(partition, key(each))),
      );
      expect(conflicts[0]).toEqual(conflicts[1]);
    }
  }
}

async function play(steps: readonly Step[], mode: Mode): Promise<void> {
  const world = await World.open(mode);
  try {
    for (const one of steps) {
      await perform(world, one);
      await check(world);
    }
    await world.meet();
    await check(world);
    const [first, ...others] = world.nodes;
    for (const other of others) expect(other.bodies()).toEqual(first?.bodies());
    // Whatever has expired is hidden at one moment for all, and nothing else is.
    for (const node of world.nodes) {
      const alive = IDS.map((one) => node.partition.shown(node.partition.lookup(key(one))));
      const expected = alive.flatMap((put) => (put === undefined ? [] : [Buffer.from(put.body).toString()]));
      expect((await node.found()).sort()).toEqual(expected.sort());
    }
  } finally {
    await world.close();
  }
}

describe('unique keys in three regions', () => {
  test.each(Object.keys(MARKS) as Mode[])('any history: %s', { timeout: 120_000 }, async (mode) => {
    const steps = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, (some) => play(some, mode)),
      { numRuns: runs(50) },
    );
  });
});

async function withWorld(mode: Mode, tell: (world: World) => Promise<void>): Promise<void> {
  const world = await World.open(mode);
  try {
    await tell(world);
  } finally {
    await world.close();
  }
}

describe('an item that lost its value', () => {
  test('comes back when its rival is deleted by somebody who had not seen it', () =>
    withWorld('rule decides', async (world) => {
      const [west, east, south] = [world.at(0), world.at(1), world.at(2)];
      await east.put('i1', { a: 'x', b: 1 });
      world.ms += 1000;
      await west.put('i0', { a: 'x', b: 2 });
      await south.pull(west);
      await south.remove('i0');
      await east.pull(west);
      expect(east.shown()).toEqual(['i0']);
      await world.meet();
      for (const node of world.nodes) expect(node.shown()).toEqual(['i1']);
    }));

  test('does not come back when its rival is deleted by somebody who had seen both', () =>
    withWorld('rule decides', async (world) => {
      const [west, east] = [world.at(0), world.at(1)];
      await east.put('i1', { a: 'x', b: 1 });
      world.ms += 1000;
      await west.put('i0', { a: 'x', b: 2 });
      await west.pull(east);
      await west.remove('i0');
      await world.meet();
      for (const node of world.nodes) expect(node.shown()).toEqual([]);
    }));

  test('stays away over a restart, and ends once every region knows it', () =>
    withWorld('rule decides', async (world) => {
      const [west, east] = [world.at(0), world.at(1)];
      await east.put('i1', { a: 'x', b: 1 });
      world.ms += 1000;
      await west.put('i0', { a: 'x', b: 2 });
      await world.meet();
      await east.host.drain();
      await east.stop();
      await east.start();
      const item = east.partition.lookup(key('i1'));
      expect(item !== undefined && isSuppressed(item)).toBe(true);
      expect(east.partition.applied).toMatchObject({ itemCount: 1, unsettled: 1 });
      await east.collect();
      await world.meet();
      for (const node of world.nodes) {
        expect(node.shown()).toEqual(['i0']);
        expect(node.candidate('i1')).toBeUndefined();
      }
    }));

  test('is kept for people where losers are, also when its rival is written', () =>
    withWorld('people decide', async (world) => {
      const [west, east] = [world.at(0), world.at(1)];
      await east.put('i1', { a: 'x', b: 1 });
      world.ms += 1000;
      await west.put('i0', { a: 'x', b: 2 });
      await world.meet();
      const entry = expect.objectContaining({ dot: { origin: 2, n: 1 }, isCreate: true });
      await east.collect();
      expect(conflictsIn(west.partition, key('i1'))).toEqual([entry]);
      await west.put('i0', { a: 'x', b: 3 });
      await world.meet();
      for (const { partition } of world.nodes) expect(conflictsIn(partition, key('i1'))).toEqual([entry]);
      const transaction = east.partition.begin('0A');
      transaction.settle(key('i1'), [{ origin: 2, n: 1 }]);
      await transaction.commit();
      await world.meet();
      for (const { partition } of world.nodes) expect(conflictsIn(partition, key('i1'))).toEqual([]);
    }));

  test('a value that an expired item held is free, and the item does not come back', () =>
    withWorld('rule decides', async (world) => {
      const [west, east] = [world.at(0), world.at(1)];
      await west.put('i0', { a: 'x', b: 2 }, { ttl: 10 });
      world.ms += 11_000;
      await west.put('i1', { a: 'x', b: 1 });
      expect(west.shown()).toEqual(['i1']);
      await east.pull(west);
      expect(east.shown()).toEqual(['i1']);
    }));

  test('a value that was free because its holder had expired is not taken once the holder is shown again', () =>
    withWorld('rule decides', async (world) => {
      const west = world.at(0);
      await west.put('i0', { a: 'x', b: 2 }, { ttl: 10 });
      world.ms += 11_000;
      const transaction = west.partition.begin('0A');
      transaction.write(key('i1'), west.intent('i1', { a: 'x', b: 1 }));
      await west.host.setDefaultTtl(west.partition, undefined);
      await expect(transaction.commit()).rejects.toMatchObject({ code: 'RetryWith' });
      expect(west.shown()).toEqual(['i0']);
    }));
});
