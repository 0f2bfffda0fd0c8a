import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/base/index.ts';
import { DatabaseError } from '../../src/errors/index.ts';
import { compileQuery, FUNCTION_FAMILIES } from '../../src/query/index.ts';
import { EnginePlanet, type EngineRegion } from '../kit/engine-planet.ts';

/**
 * What the dialect means, as data: see README.md beside this file. Every case runs through an engine, over a
 * container that indexes everything and over one that indexes nothing; both have to give the rows expected.
 */

/** Where a value is known from; see README.md. */
type Evidence = 'T' | 'D' | 'B' | 'S' | 'K' | 'own';

/** An expression over the data set's item, and its value; without one it is undefined. */
type ValueCase = readonly [expression: string, evidence: Evidence, value?: Json];

/** A call that is undefined (or `is`) when the `?` in it is of one of the types, by their letters. */
interface TypesCase {
  readonly call: string;
  readonly types: string;
  readonly evidence: Evidence;
  readonly is?: Json;
}

interface QueryCase {
  readonly query: string;
  readonly evidence: Evidence;
  readonly parameters?: JsonObject;
  readonly rows?: readonly Json[];
  /** What the message has to contain. */
  readonly error?: string;
  /** The language leaves the rows in no order. */
  readonly anyOrder?: true;
  /** What no other container can answer. */
  readonly only?: 'indexed';
}

interface DataSet {
  readonly about: string;
  /** What the definition of the containers has besides the usual. */
  readonly container?: JsonObject;
  /** Paths that the policy of the container with an index includes by name. */
  readonly indexed?: readonly string[];
  readonly item?: JsonObject;
  readonly items?: readonly JsonObject[];
  readonly values?: readonly ValueCase[];
  readonly types?: readonly TypesCase[];
  readonly queries?: readonly QueryCase[];
}

const TYPES: Readonly<Record<string, string>> = {
  u: 'c.none',
  n: 'c.nul',
  b: 'c.yes',
  d: 'c.num',
  s: 'c.txt',
  a: 'c.arr',
  o: 'c.obj',
};
const TYPED: JsonObject = { nul: null, yes: true, num: 7, txt: 'text', arr: [1, 'x'], obj: { a: 1 } };
const POLICIES = ['indexed', 'scanned'] as const;
type Policy = (typeof POLICIES)[number];
const CASES_MIN = 1_500;

const folder = join(import.meta.dirname, 'data');
const dataSets = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({
    name: name.replace('.json', ''),
    data: JSON.parse(readFileSync(join(folder, name), 'utf8')) as DataSet,
  }));

let planet: EnginePlanet;
let region: EngineRegion;
const made = new Set<string>();

beforeAll(async () => {
  planet = await EnginePlanet.open({ regions: ['A'] });
  region = planet.region(0);
  await region.engine.resources.createDatabase({ id: 'd' }, undefined);
});
afterAll(() => planet.close());

function policyOf(policy: Policy, { indexed = [] }: DataSet): JsonObject {
  if (policy === 'scanned') return { indexingMode: 'none', automatic: false };
  return { indexingMode: 'consistent', includedPaths: ['/*', ...indexed].map((path) => ({ path })) };
}

async function container(
  name: string,
  policy: Policy,
  items: readonly JsonObject[],
  data: DataSet,
): Promise<string> {
  const id = `${name}-${policy}`;
  if (made.has(id)) return id;
  made.add(id);
  const partitionKey = { paths: ['/pk'], kind: 'Hash', version: 2 };
  const body = { id, partitionKey, indexingPolicy: policyOf(policy, data), ...data.container };
  await region.engine.resources.createContainer('d', body, { kind: 'manual', throughput: 400 });
  for (const item of items) {
    const text = Buffer.from(JSON.stringify(item));
    await region.items.create({
      path: { database: 'd', container: id },
      partitionKey: [item.pk as string],
      body: text,
    });
  }
  return id;
}

async function run(id: string, query: string, parameters: JsonObject = {}): Promise<Json[]> {
  const spec = {
    query,
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: value as Json })),
  };
  const answer = await region.items.query({ path: { database: 'd', container: id }, spec });
  return answer.rows.map((row) => JSON.parse(row.toString()) as Json);
}

function sorted(rows: readonly Json[]): Json[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Expressions look at one item that has a value of each type, and what the data set adds. */
function valueItem(data: DataSet): JsonObject {
  return { ...TYPED, ...data.item, id: 'one', pk: 'p' };
}

function queryItems(data: DataSet): JsonObject[] {
  return (data.items ?? []).map((item, index) => ({ id: String(index + 1), pk: 'p', ...item }));
}

function typeCases(data: DataSet): ValueCase[] {
  return (data.types ?? []).flatMap(({ call, types, evidence, is }) =>
    [...types].map((letter): ValueCase => {
      const operand = TYPES[letter];
      if (operand === undefined) throw new RangeError(`'${letter}' is no type`);
      const expression = call.replace('?', operand);
      return is === undefined ? [expression, evidence] : [expression, evidence, is];
    }),
  );
}

function valueCases(data: DataSet): ValueCase[] {
  return [...(data.values ?? []), ...typeCases(data)];
}

describe.each(dataSets)('$name', ({ name, data }) => {
  test.each(valueCases(data))('%s', async (expression, _, ...value) => {
    for (const policy of POLICIES) {
      const id = await container(`${name}-one`, policy, [valueItem(data)], data);
      expect(await run(id, `SELECT VALUE ${expression} FROM c`), policy).toEqual(value);
    }
  });

  test.each((data.queries ?? []).map((each) => [each.query, each] as const))('%s', async (_, one) => {
    for (const policy of one.only === undefined ? POLICIES : [one.only]) {
      const id = await container(`${name}-many`, policy, queryItems(data), data);
      if (one.error === undefined) {
        const rows = await run(id, one.query, one.parameters);
        if (one.anyOrder === undefined) expect(rows, policy).toEqual(one.rows);
        else expect(sorted(rows), policy).toEqual(sorted(one.rows ?? []));
      } else {
        const error = await run(id, one.query, one.parameters).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(DatabaseError);
        expect(String(error)).toContain(one.error);
      }
    }
  });
});

/** Calls of functions in a syntax tree, whatever else is in it. */
function* callsIn(node: unknown): Generator<{ readonly name: string; readonly operands: readonly Json[] }> {
  if (typeof node !== 'object' || node === null) return;
  if ('kind' in node && node.kind === 'call' && 'name' in node && 'operands' in node)
    yield { name: String(node.name), operands: node.operands as Json[] };
  for (const part of Object.values(node)) yield* callsIn(part);
}

/** The type of an operand by its letter; undefined for one that has to be worked out. */
function typeOf(operand: Json | undefined, item: JsonObject): string | undefined {
  const node = operand as JsonObject;
  if (node.kind === 'constant') return letterOf(node.value);
  if (node.kind === 'array') return 'a';
  if (node.kind === 'object') return 'o';
  const isProperty = node.kind === 'member' && (node.object as JsonObject).kind === 'name';
  return isProperty ? letterOf(item[String(node.name)]) : undefined;
}

function letterOf(value: Json | undefined): string {
  if (value === undefined) return 'u';
  if (value === null) return 'n';
  if (Array.isArray(value)) return 'a';
  return { boolean: 'b', number: 'd', string: 's' }[typeof value as string] ?? 'o';
}

/** Names of the operands in a signature such as `LOG(number[, base])`. */
function operandsOf(signature: string): string[] {
  const inside = signature.slice(signature.indexOf('(') + 1, -1);
  return (inside.match(/\w+/g) ?? []) as string[];
}

describe('the data', () => {
  const all = dataSets.flatMap(({ data }) => [...valueCases(data), ...(data.queries ?? [])]);

  test(`there are at least ${CASES_MIN} cases, and none twice`, () => {
    const texts = dataSets.flatMap(({ name, data }) => [
      ...valueCases(data).map(([expression]) => `${name}: ${expression}`),
      ...(data.queries ?? []).map((one) => `${name}: ${one.query} ${JSON.stringify(one.parameters)}`),
    ]);
    expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
    expect(texts.length).toBeGreaterThanOrEqual(CASES_MIN);
  });

  test('every case says where it is known from', () => {
    const marks = all.map((one) => ('query' in one ? one.evidence : one[1]));
    expect(marks.filter((mark) => !['T', 'D', 'B', 'S', 'K', 'own'].includes(mark))).toEqual([]);
  });

  test('every function has a case with a value, and one that its arguments make undefined', () => {
    const cases = dataSets.flatMap(({ data }) => valueCases(data));
    const isCalled = (expression: string, name: string) => new RegExp(`\\b${name}\\(`, 'i').test(expression);
    const names = FUNCTION_FAMILIES.flatMap((family) => family.functions.map((each) => each.name));
    const missing = names.filter(
      (name) => !cases.some(([text, , value]) => value !== undefined && isCalled(text, name)),
    );
    expect(missing).toEqual([]);
  });

  test('every operand of every function was tried with each type', () => {
    const tried = new Set<string>();
    for (const { data } of dataSets) {
      const item = valueItem(data);
      for (const [expression] of valueCases(data)) {
        for (const { name, operands } of callsIn(compileQuery(`SELECT VALUE ${expression} FROM c`).tree)) {
          operands.forEach((operand, place) => {
            tried.add(`${name.toUpperCase()} ${place} ${typeOf(operand, item)}`);
          });
        }
      }
    }
    const missing = FUNCTION_FAMILIES.flatMap(({ functions }) => functions).flatMap(({ name, signature }) =>
      operandsOf(signature).flatMap((operand, place) =>
        Object.keys(TYPES).flatMap((type) =>
          tried.has(`${name} ${place} ${type}`) ? [] : [`${name}, ${operand}: ${type}`],
        ),
      ),
    );
    expect(missing).toEqual([]);
  });
});
