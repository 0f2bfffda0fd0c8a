import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { ItemTarget } from './engine.ts';

const PATH = { database: 'd', container: 'c' };
const KEY = { paths: ['/pk'], kind: 'Hash', version: 2 };

let planet: EnginePlanet;
let a: EngineRegion;
let b: EngineRegion;

async function open(defaultTtl?: number): Promise<void> {
  planet = await EnginePlanet.open();
  a = planet.region(0);
  b = planet.region(1);
  await planet.makeContainer(defaultTtl === undefined ? {} : { defaultTtl });
}

/** Both regions take over what the account says of the container. */
async function follow(): Promise<void> {
  for (const record of Object.values(planet.directory.state.containers)) {
    for (const region of [a, b]) await region.parts.open(record);
  }
}

beforeEach(() => open(10));
afterEach(() => planet.close());

const target = (id: string): ItemTarget => ({ path: PATH, id, partitionKey: ['p'] });
const text = (id: string, more: JsonObject) => Buffer.from(JSON.stringify({ id, pk: 'p', ...more }));
const create = (id: string, more: JsonObject = {}) => a.items.create({ ...target(id), body: text(id, more) });
const upsert = (id: string, more: JsonObject = {}) => a.items.upsert({ ...target(id), body: text(id, more) });

async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return 'ok';
  } catch (error) {
    if (error instanceof DatabaseError) return error.code;
    throw error;
  }
}

async function ids(region: EngineRegion = a): Promise<string[]> {
  const { rows } = await region.items.list({ path: PATH });
  const found = rows.map((row) => String((JSON.parse(String(row)) as JsonObject).id)).sort();
  const spec = { query: 'SELECT VALUE COUNT(1) FROM c', parameters: [] };
  const counted = await region.items.query({ path: PATH, spec });
  expect(counted.rows.map(String), 'what is counted is what is listed').toEqual([String(found.length)]);
  return found;
}

function pass(seconds: number): void {
  planet.skewMs += seconds * 1000;
}

/** Everybody has everything, and knows it. */
async function settle(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await a.pull(b);
    await b.pull(a);
  }
  for (const region of [a, b]) await region.host.drain();
}

async function collect(region: EngineRegion): Promise<void> {
  await region.host.collect(
    ({ vector }) => vector,
    (origin) => origin === region.origin,
    () => [],
  );
}

describe('an expired item', () => {
  test('is gone for everybody at once, and can be made again', async () => {
    const born = await create('i');
    pass(9);
    expect(await codeOf(() => a.items.read(target('i')))).toBe('ok');
    expect(await ids()).toEqual(['i']);
    pass(1);
    expect(await codeOf(() => a.items.read(target('i')))).toBe('NotFound');
    expect(await codeOf(() => a.items.replace(target('i'), text('i', {})))).toBe('NotFound');
    expect(await codeOf(() => a.items.delete(target('i')))).toBe('NotFound');
    const patch = Buffer.from('[{"op":"set","path":"/x","value":1}]');
    expect(await codeOf(() => a.items.patch(target('i'), patch))).toBe('NotFound');
    expect(await ids()).toEqual([]);
    await a.host.drain();
    expect(await ids(), 'in the store as well').toEqual([]);
    const again = await create('i', { again: true });
    expect(again.status).toBe(201);
    const rid = (answer: typeof born) => (JSON.parse(String(answer.body)) as JsonObject)._rid;
    expect(rid(again), 'another item').not.toBe(rid(born));
    expect(await ids()).toEqual(['i']);
  });

  test('goes by its own time to live before the container’s', async () => {
    await create('short', { ttl: 2 });
    await create('plain');
    await create('long', { ttl: 100 });
    await create('never', { ttl: -1 });
    const seen: string[][] = [];
    for (const seconds of [2, 8, 90, 1000]) {
      pass(seconds);
      seen.push(await ids());
      await a.host.drain();
      seen.push(await ids());
    }
    const [first, second, third] = [['long', 'never', 'plain'], ['long', 'never'], ['never']];
    expect(seen).toEqual([first, first, second, second, third, third, third, third]);
  });

  test('lives on when it is written in time', async () => {
    await create('i');
    for (let round = 0; round < 5; round++) {
      pass(8);
      if (round % 2 === 0) await a.host.drain();
      expect((await upsert('i', { round })).status).toBe(200);
    }
    expect(await ids()).toEqual(['i']);
    pass(10);
    expect((await upsert('i')).status).toBe(201);
  });

  test.each([0, -2, 1.5, null, '5', 2 ** 31])('ttl %j is none', async (ttl) => {
    expect(await codeOf(() => create('i', { ttl }))).toBe('BadRequest');
  });
});

describe('taking expired items away', () => {
  test('happens where they were written, once every region has them', async () => {
    for (let place = 0; place < 250; place++) await create(`i${place}`);
    await create('kept', { ttl: -1 });
    await settle();
    pass(20);
    const before = a.host.get(1) ?? [...a.host.numbers()].map((number) => a.host.get(number))[0];
    expect(before?.applied.itemCount).toBe(251);
    await collect(b);
    await a.pull(b);
    expect(before?.applied.itemCount, 'another region leaves them alone').toBe(251);
    await a.host.collect(
      () => new (Object.getPrototypeOf(before?.vector).constructor)(),
      () => true,
      () => [],
    );
    expect(before?.applied.itemCount, 'nor while somebody may lack them').toBe(251);
    await collect(a);
    expect(before?.applied.itemCount).toBe(1);
    await settle();
    expect(await ids(b)).toEqual(['kept']);
    const tail = before?.tail();
    await collect(a);
    expect(before?.tail(), 'once').toBe(tail);
  });

  test('loses against a write that renewed the item elsewhere', async () => {
    await create('i', { v: 1 });
    await settle();
    pass(20);
    const kept = () => [...a.host.numbers()].map((number) => a.host.get(number)?.applied.itemCount);
    expect(kept()).toEqual([1]);
    await collect(a);
    expect(kept()).toEqual([0]);
    planet.skewMs -= 15_000;
    await b.items.replace(target('i'), text('i', { v: 2 }));
    await settle();
    expect(await ids(a)).toEqual(['i']);
    expect(await ids(b)).toEqual(['i']);
  });
});

describe('a container', () => {
  test('that gets the rule applies it to what it has, and gives it up again', async () => {
    await planet.close();
    await open();
    for (let place = 0; place < 30; place++) await create(`i${place}`, { ttl: place % 3 === 0 ? 5 : 'text' });
    await a.host.drain();
    await create('dirty', { ttl: 5 });
    pass(60);
    expect(await ids()).toHaveLength(31);
    const change = async (more: JsonObject) => {
      await a.engine.resources.replaceContainer(PATH, { id: 'c', partitionKey: KEY, ...more });
      await follow();
    };
    await change({ defaultTtl: -1 });
    expect(await ids()).toHaveLength(20);
    await change({ defaultTtl: 30 });
    expect(await ids()).toHaveLength(0);
    await change({ defaultTtl: 300 });
    expect(await ids()).toHaveLength(20);
    await change({});
    expect(await ids()).toHaveLength(31);
    await upsert('i1');
    await a.host.drain();
    await change({ defaultTtl: 10 });
    expect(await ids()).toEqual(['i1']);
  });
});
