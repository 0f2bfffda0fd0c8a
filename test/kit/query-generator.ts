import type { Json, JsonObject } from '../../src/base/index.ts';

/**
 * Random items and queries for properties such as "whatever index is used, the rows are those of a full
 * scan". `Random` draws an integer from 0 to below its argument; see `randomSource`.
 */
export type Random = (below: number) => number;

export const LONG = 'long'.repeat(60);
// biome-ignore format: values that are close in the order share a line
export const SCALARS: readonly Json[] = [
  null, true, false,
  0, 1, 2, 2.5, -1, -0, 1e300,
  '', 'a', 'ab', 'abc', 'b', 'A', 'é', '～', '\u{1f600}', '\ud83d',
  LONG, `${LONG}1`, `${LONG}2`, '\u0000', 'a\u0000b',
];

function randomValue(random: Random, depth = 2): Json {
  const choice = random(depth > 0 ? 14 : 10);
  if (choice < 10) return SCALARS[random(SCALARS.length)] as Json;
  if (choice < 12) return Array.from({ length: random(4) }, () => randomValue(random, depth - 1));
  return { x: randomValue(random, depth - 1), ...(random(2) === 0 ? { y: 1 } : {}) };
}

/** For pages: few values of `n` and `text`, so that pages end among equal ones. */
export const ITEMS_WITH_TIES: readonly JsonObject[] = Array.from({ length: 23 }, (_, i) => ({
  id: String(i),
  pk: 'p',
  n: i % 3,
  m: i % 2 === 0 ? i : null,
  text: LONG + (i % 4),
}));

export function randomItems(random: Random, count: number): JsonObject[] {
  return Array.from({ length: count }, (_, i) => {
    const item: JsonObject = { id: String(i), pk: String(random(4)) };
    for (const name of ['a', 'b', 'o']) if (random(5) > 0) item[name] = randomValue(random);
    if (random(2) === 0) item.kids = Array.from({ length: random(4) }, () => randomKid(random));
    if (random(2) === 0)
      item.tags = Array.from({ length: random(4) }, () => SCALARS[random(SCALARS.length)] as Json);
    return item;
  });
}

function randomKid(random: Random): Json {
  if (random(8) === 0) return randomValue(random);
  return { g: random(4), ...(random(3) > 0 ? { s: SCALARS[random(SCALARS.length)] as Json } : {}) };
}

function literal(value: Json | undefined): string {
  return value === undefined ? 'undefined' : JSON.stringify(value);
}

/** Conditions that say nothing of the elements of `tags`. */
const OF_OTHERS = [
  'EXISTS(SELECT VALUE k FROM k IN c.kids WHERE k.g = 1)',
  'ARRAY_CONTAINS(c.kids, {g: 1}, true)',
  't = 1 OR c.b = 1',
];

export function randomCondition(random: Random, depth: number): string {
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const path = () => one(['c.a', 'c.b', 'c.o.x', 'c.a.x', 'c.id', 'c["o"]', 'c.none']);
  const scalar = () =>
    literal(random(15) === 0 ? undefined : random(8) === 0 ? randomValue(random) : one(SCALARS));
  if (depth > 0 && random(3) > 0) {
    const terms = Array.from({ length: 2 + random(2) }, () => `(${randomCondition(random, depth - 1)})`);
    return terms.join(one([' AND ', ' OR ']));
  }
  return one([
    () => `${path()} ${one(['=', '=', '<', '<=', '>', '>=', '!='])} ${scalar()}`,
    () => `${scalar()} ${one(['=', '<', '>='])} ${path()}`,
    () => `${path()} IN (${scalar()}, ${scalar()}, ${scalar()})`,
    () => `${path()} ${one(['', 'NOT '])}BETWEEN ${scalar()} AND ${scalar()}`,
    () => `STARTSWITH(${path()}, ${one(['"a"', '""', '"long"', JSON.stringify(LONG), '1', '"\\ud83d"'])})`,
    () => `${path()} LIKE ${one(['"a%"', '"%b"', '"a_"', '"long%1"', '"ab"'])}`,
    () =>
      `IS_${one(['DEFINED', 'NULL', 'STRING', 'NUMBER', 'BOOL', 'ARRAY', 'OBJECT', 'PRIMITIVE'])}(${path()})`,
    () => `NOT ${path()}`,
    () => path(),
    () => `ARRAY_CONTAINS(c.tags, ${scalar()})`,
    () => `EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t ${one(['=', '<', '!='])} ${scalar()})`,
    () => `EXISTS(SELECT VALUE k FROM k IN c.kids WHERE k.g = ${random(4)} AND IS_STRING(k.s))`,
    () =>
      `EXISTS(SELECT ${one(['VALUE k.s', 'VALUE k', '*', 'k.g'])} FROM k IN c.kids WHERE k.g = ${random(4)})`,
    () =>
      `EXISTS(SELECT VALUE t FROM t IN c.tags${one(['', ` WHERE t > ${scalar()} OR c.a = ${scalar()}`])})`,
    () => {
      const first = one(['', `t = ${scalar()} AND `, `t > ${scalar()} OR `]);
      return `EXISTS(SELECT VALUE t FROM t IN c.tags WHERE ${first}${one(OF_OTHERS)})`;
    },
    () =>
      `EXISTS(SELECT VALUE 1 FROM k IN c.kids JOIN t IN c.tags WHERE k.g = ${random(4)} AND t = ${scalar()})`,
    () => `ARRAY_CONTAINS_${one(['ANY', 'ALL'])}(c.tags, ${scalar()}, ${scalar()})`,
    () => `ARRAY_CONTAINS(c.kids, {g: ${random(4)}, s: ${scalar()}}, ${one(['true', 'false'])})`,
    () => `(SELECT VALUE COUNT(1) FROM k IN c.kids WHERE k.g > ${random(3)}) = ${random(3)}`,
    () => `LENGTH(${path()}) > 1`,
    () => one(['true', 'false', '1 = 1', 'undefined']),
  ])();
}

/** Rows in the making: the item, an element of `tags` and one of `kids`. */
interface Row {
  readonly c: JsonObject;
  readonly t?: Json;
  readonly k?: Json;
}

type Reader = (row: Row) => Json | undefined;

/** A query, and its rows by plain loops over the items. */
export interface RandomQuery {
  readonly text: string;
  readonly expected: (items: readonly JsonObject[]) => Json[];
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The same text for equal values, so that sets can hold them; undefined has a text of its own. */
function identity(value: Json | undefined): string {
  if (value === undefined) return 'undefined';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(identity).join()}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${identity(value[name])}`);
  return `{${members.join()}}`;
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Sources, filter and what can be read of a row, with the same in plain code. */
interface Shape {
  readonly from: string;
  readonly rows: (items: readonly JsonObject[]) => Row[];
  readonly readers: readonly (readonly [text: string, read: Reader])[];
}

function randomShape(random: Random): Shape {
  const withTags = random(2) === 0;
  const withKids = random(2) === 0;
  const limit = random(4);
  const where =
    random(2) === 0 ? '' : withKids ? ` WHERE k.g >= ${limit} AND c.id != "1"` : ' WHERE c.id != "1"';
  const keeps = ({ c, k }: Row) => {
    const grade = member(k, 'g');
    return where === '' || (c.id !== '1' && (!withKids || (typeof grade === 'number' && grade >= limit)));
  };
  const rows: Shape['rows'] = (items) =>
    items
      .flatMap((c): Row[] => (withTags ? list(c.tags).map((t) => ({ c, t })) : [{ c }]))
      .flatMap((row): Row[] => (withKids ? list(row.c.kids).map((k) => ({ ...row, k })) : [row]))
      .filter(keeps);
  const from = `c${withTags ? ' JOIN t IN c.tags' : ''}${withKids ? ' JOIN k IN c.kids' : ''}${where}`;
  const readers: [string, Reader][] = [
    ['c.a', ({ c }) => member(c, 'a')],
    ['c.pk', ({ c }) => member(c, 'pk')],
    ['c.o.x', ({ c }) => member(member(c, 'o'), 'x')],
  ];
  if (withTags) readers.push(['t', ({ t }) => t]);
  if (withKids) readers.push(['k.g', ({ k }) => member(k, 'g')], ['k', ({ k }) => k]);
  return { from, rows, readers };
}

/** Members that are undefined are left out. */
function object(members: readonly (readonly [name: string, value: Json | undefined])[]): JsonObject {
  return Object.fromEntries(members.filter(([, value]) => value !== undefined)) as JsonObject;
}

function firstOfEach<T>(rows: readonly T[], key: (row: T) => string): T[] {
  const seen = new Set<string>();
  return rows.filter((row) => !seen.has(key(row)) && seen.add(key(row)) !== undefined);
}

/** A random query of any class but ORDER BY, whose orders depend on indexes. */
export function randomQuery(random: Random): RandomQuery {
  const shape = randomShape(random);
  const one = <T>(choices: readonly T[]): T => choices[random(choices.length)] as T;
  const window = random(3) === 0 ? { skip: random(5), take: random(20) } : undefined;
  const suffix = window === undefined ? '' : ` OFFSET ${window.skip} LIMIT ${window.take}`;
  const cut = (rows: Json[]) =>
    window === undefined ? rows : rows.slice(window.skip, window.skip + window.take);
  const [x, readX] = one(shape.readers);
  const [y, readY] = one(shape.readers);
  const build = one([plainQuery, distinctQuery, groupQuery, aggregateQuery]);
  const { select, tail, expected } = build({ random, x, readX, y, readY });
  return {
    text: `SELECT ${select} FROM ${shape.from}${tail}${suffix}`,
    // JSON has no negative zero.
    expected: (items) => JSON.parse(JSON.stringify(cut(expected(shape.rows(items))))) as Json[],
  };
}

interface Parts {
  readonly random: Random;
  readonly x: string;
  readonly readX: Reader;
  readonly y: string;
  readonly readY: Reader;
}

interface Built {
  readonly select: string;
  readonly tail: string;
  readonly expected: (rows: readonly Row[]) => Json[];
}

function defined(values: readonly (Json | undefined)[]): Json[] {
  return values.filter((value) => value !== undefined);
}

function plainQuery({ random, x, readX, y, readY }: Parts): Built {
  if (random(2) === 0)
    return { select: `VALUE ${x}`, tail: '', expected: (rows) => defined(rows.map(readX)) };
  const expected = (rows: readonly Row[]) =>
    rows.map((row) =>
      object([
        ['x', readX(row)],
        ['y', readY(row)],
      ]),
    );
  return { select: `${x} AS x, ${y} AS y`, tail: '', expected };
}

function distinctQuery(parts: Parts): Built {
  const { select, expected } = plainQuery(parts);
  return {
    select: `DISTINCT ${select}`,
    tail: '',
    expected: (rows) => firstOfEach(expected(rows), identity),
  };
}

function groupQuery({ x, readX, y, readY }: Parts): Built {
  const keyOf = (row: Row) => `${identity(readX(row))} ${identity(readY(row))}`;
  const expected = (rows: readonly Row[]) =>
    firstOfEach(rows, keyOf).map((first) => {
      const group = rows.filter((row) => keyOf(row) === keyOf(first));
      const ys = defined(group.map(readY));
      const members: [string, Json | undefined][] = [
        ['x', readX(first)],
        ['n', group.length],
        ['m', ys.length],
        ['all', defined(group.map((row) => row.c.id))],
      ];
      return object(members);
    });
  const select = `${x} AS x, COUNT(1) AS n, COUNT(${y}) AS m, MAKELIST(c.id) AS all`;
  return { select, tail: ` GROUP BY ${x === y ? x : `${x}, ${y}`}`, expected };
}

function aggregateQuery({ x, readX }: Parts): Built {
  const expected = (rows: readonly Row[]) => {
    const values = defined(rows.map(readX));
    const isSum = values.every((value) => typeof value === 'number');
    const sum = values.reduce<number>((total, value) => total + Number(value), 0);
    return [
      object([
        ['rows', rows.length],
        ['values', values.length],
        ['sum', isSum ? sum : undefined],
        ['set', firstOfEach(values, identity)],
      ]),
    ];
  };
  const select = `COUNT(1) AS rows, COUNT(${x}) AS values, SUM(${x}) AS sum, MAKESET(${x}) AS set`;
  return { select, tail: '', expected };
}
