import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { parseQuery } from './parser.ts';
import { printQuery } from './printer.ts';
import { evaluateOverResources } from './resource-query.ts';

const ITEMS = [
  { a: 1, b: 'x', tags: [1, 2] },
  { a: [1], b: null, value: { order: 1 } },
];

/** A tree without the places in the text, which printing changes. */
function shape(text: string): unknown {
  return JSON.parse(
    JSON.stringify(parseQuery(text), (name, value) => {
      if (name === 'location') return undefined;
      return value === undefined ? '(undefined)' : value;
    }),
  );
}

/** Small, so that failures replay: xorshift32. */
function randomSource(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function isQuery(text: string): boolean {
  try {
    parseQuery(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseError);
    return false;
  }
}

const EXAMPLES = [
  'SELECT c.__proto__, {"__proto__": 1, constructor: c.a}.constructor AS x FROM c WHERE c["__proto__"] = null',
  'SELECT c.a + 1 AS b, LOWER(c.b) x, COUNT(1) FROM c WHERE c.a > 0 AND CONTAINS(c.b, "x")',
  'SELECT * FROM c',
  'select * from c where c.a = 1',
  'SELECT TOP 5 c.a, c.b AS x, c["y z"] q FROM Families f WHERE f.a.b[0]["c"] != -1.5e3',
  'SELECT TOP @n VALUE c FROM root c ORDER BY c.a, c.b DESC, c.d ASC OFFSET 2 LIMIT @l',
  'SELECT DISTINCT VALUE {a: [1, "x", {}], "b": c.x ?? null} FROM c',
  'SELECT c.a FROM c JOIN t IN c.tags JOIN (SELECT VALUE u FROM u IN c.us) AS u WHERE t.x = u',
  'SELECT VALUE COUNT(1) FROM c.children[2].toys AS t GROUP BY t.a, t.b',
  'SELECT * FROM c WHERE c.a IN (1, "b", @c) AND NOT (c.b BETWEEN 1 AND 2 + 3)',
  'SELECT * FROM c WHERE c.a NOT IN (1) OR c.d NOT LIKE "x!%%" ESCAPE "!"',
  'SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 1) AND ARRAY(SELECT c.x) != []',
  'SELECT ALL(SELECT VALUE 1), FIRST(SELECT VALUE 1), LAST(SELECT VALUE 1), (SELECT VALUE 2) FROM c',
  'SELECT udf.tax(c.price, 1) AS t FROM c',
  'SELECT * FROM c ORDER BY RANK RRF (FullTextScore(c.t, "a"), VectorDistance(c.v, [1, 2]))',
  'SELECT (c.a ? 1 : (c.b ? 2 : 3)) ? (c.x ?? (c.y ?? 1)) : - -c.z FROM c',
  'SELECT ((1 + 2) * 3 - (4 - 5)) % ~6 | 7 ^ 8 & 9 || "x" FROM c',
  'SELECT c.value, c.order, c["select"].from, undefined, null, true FROM c',
  'SELECT * FROM c -- a comment\nWHERE /* another */ c.a = 1',
  'SELECT 1',
  'SELECT c.a, COUNT(1) AS n, MAKESET(t) AS __proto__ FROM c JOIN t IN c.tags WHERE t > 1 GROUP BY c.a',
  'SELECT DISTINCT VALUE t FROM c JOIN t IN (SELECT VALUE c.tags) JOIN u IN c.tags WHERE t < u OFFSET 1 LIMIT 3',
  'SELECT s.n FROM (SELECT COUNT(1) AS n, c.b FROM c GROUP BY c.b) AS s WHERE s.n > 0',
  'SELECT (SELECT VALUE MAX(t) FROM t IN c.tags) AS m, ARRAY(SELECT t FROM t IN c.tags WHERE t = c.a) FROM c',
  'SELECT VALUE {"k": c.a, "constructor": SUM(c.a)} FROM c GROUP BY c.a',
];

describe('printing and parsing again gives the same tree', () => {
  test.each(EXAMPLES)('%s', (text) => {
    const printed = printQuery(parseQuery(text));
    expect(shape(printed)).toEqual(shape(text));
    expect(printQuery(parseQuery(printed))).toBe(printed);
  });

  test('random expressions', () => {
    let count = 0;
    for (let seed = 1; seed <= 2_000; seed++) {
      const text = `SELECT * FROM c WHERE ${randomExpression(randomSource(seed), 4)}`;
      // Some are not sentences: the left side of a comparison may have come out as `a IN (b)`.
      if (!isQuery(text)) continue;
      const printed = printQuery(parseQuery(text));
      expect(shape(printed), text).toEqual(shape(text));
      count++;
    }
    expect(count).toBeGreaterThan(1_500);
  });
});

function randomExpression(random: (below: number) => number, depth: number): string {
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  if (depth === 0)
    return one([
      '1',
      '"s\\"\'"',
      'c.a',
      '@p',
      'null',
      'undefined',
      'c["a b"]',
      'c.x[0].y',
      '-2',
      '[]',
      '{}',
      '.5e-3',
    ]);
  const inner = () => {
    const text = randomExpression(random, random(depth));
    return random(3) === 0 ? `(${text})` : `(${text})`.slice(1, -1);
  };
  // Arguments of IN, BETWEEN and LIKE are binary expressions, so they are wrapped here.
  const wrapped = () => `(${inner()})`;
  return one([
    () =>
      `${inner()} ${one(['+', '-', '*', '/', '%', '&', '|', '^', '||', '<', '>=', '=', '!='])} ${wrapped()}`,
    () => `${wrapped()} ${one(['AND', 'OR', '??'])} ${wrapped()} ${one(['AND', 'OR', '??'])} ${wrapped()}`,
    () => `${one(['NOT ', '-', '+', '~'])}${wrapped()}`,
    () => `${wrapped()} ? ${inner()} : ${inner()}`,
    () => `${wrapped()} ${one(['', 'NOT '])}IN (${inner()}, ${inner()})`,
    () => `${wrapped()} ${one(['', 'NOT '])}BETWEEN ${wrapped()} AND ${wrapped()}`,
    () => `${wrapped()} LIKE ${wrapped()}${one(['', ' ESCAPE "!"'])}`,
    () => `f(${inner()}, ${inner()})`,
    () => `[${inner()}, ${inner()}]`,
    () => `{a: ${inner()}, "b c": ${inner()}}`,
    () => `${wrapped()}.x[${inner()}]`,
  ])();
}

describe('precedence', () => {
  test.each([
    ['1 + 2 * 3', '1 + (2 * 3)'],
    ['1 - 2 - 3', '(1 - 2) - 3'],
    ['c.a = 1 AND c.b = 2 OR c.d = 3', '((c.a = 1) AND (c.b = 2)) OR (c.d = 3)'],
    ['NOT c.a = 1', '(NOT c.a) = 1'],
    ['c.a < 1 = c.b', '(c.a < 1) = c.b'],
    ['1 | 2 ^ 3 & 4 = 5', '1 | (2 ^ (3 & (4 = 5)))'],
    ['"a" || 1 | 2', '"a" || (1 | 2)'],
    ['c.a ?? 1 ? 2 : 3', '(c.a ?? 1) ? 2 : 3'],
    ['c.a OR c.b ?? c.d', '(c.a OR c.b) ?? c.d'],
    ['c.a ? 1 : c.b ? 2 : 3', 'c.a ? 1 : (c.b ? 2 : 3)'],
    ['c.a + 1 IN (2) AND c.b', '((c.a + 1) IN (2)) AND c.b'],
    ['c.a BETWEEN 1 AND 2 AND c.b', '(c.a BETWEEN 1 AND 2) AND c.b'],
    ['-c.a.b[0]', '-(c.a.b[0])'],
  ])('%s means %s', (text, meaning) => {
    expect(shape(`SELECT ${text} FROM c`)).toEqual(shape(`SELECT ${meaning} FROM c`));
  });
});

describe('faults of the text', () => {
  test.each([
    ['', ''],
    ['SELECT', ''],
    ['SELECT FROM c', 'FROM'],
    ['SELECT * FROM', ''],
    ['SELECT * FROM c WHERE', ''],
    ['SELECT * FROM c WHERE c.a ==', '='],
    ['SELECT * FROM c WHERE c.a = 1 c.b', 'c'],
    ['SELECT * FROM c WHERE (c.a = 1', ''],
    ['SELECT * FROM c WHERE c.a IN ()', ')'],
    ['SELECT * FROM c WHERE c.a IN (1) + 2', '+'],
    ['SELECT * FROM c WHERE c.a BETWEEN 1 AND 2 BETWEEN 3 AND 4', 'BETWEEN'],
    ['SELECT * FROM c ORDER c.a', 'c'],
    ['SELECT * FROM c OFFSET 1', ''],
    ['SELECT TOP 1.5 * FROM c', ''],
    ['SELECT TOP -1 * FROM c', '-'],
    ['SELECT TOP 99999999999 * FROM c', ''],
    ['SELECT "open FROM c', '"open FROM c'],
    ['SELECT "\\x" FROM c', '\\x" FR'],
    ['SELECT "\\u12g4" FROM c', '\\u12g4'],
    ['SELECT 1abc FROM c', '1abc'],
    ['SELECT 1e999 FROM c', '1e999'],
    ['SELECT c.1 FROM c', '.1'],
    ['SELECT @ FROM c', '@'],
    ['SELECT c# FROM c', '#'],
    ['SELECT * FROM c /* open', '/*'],
    ['SELECT * FROM c; DROP', ';'],
    ['SELECT {a 1} FROM c', '1'],
    ['SELECT [1 2] FROM c', '2'],
    ['DELETE FROM c', 'DELETE'],
  ])('%s', (text, near) => {
    const failure = catchError(text);
    expect(failure.code).toBe('BadRequest');
    const body = JSON.parse(failure.message) as {
      errors: { code: string; message: string; location: { start: number; end: number } }[];
    };
    const [error] = body.errors;
    expect(error?.code).toMatch(/^SC(1001|2060)$/);
    if (near !== '') expect(error?.message).toBe(`Syntax error, incorrect syntax near '${near}'.`);
    expect(error?.location.start).toBeLessThanOrEqual(error?.location.end ?? -1);
    expect(error?.location.end).toBeLessThanOrEqual(text.length);
  });

  test.each([
    ['parentheses', `SELECT ${'('.repeat(50_000)}1 FROM c`],
    ['minus signs', `SELECT ${'- '.repeat(50_000)}1 FROM c`],
    ['arrays', `SELECT ${'['.repeat(50_000)} FROM c`],
    ['sums', `SELECT 1${' + 1'.repeat(50_000)} FROM c`],
    ['members', `SELECT c${'.a'.repeat(50_000)} FROM c`],
    ['choices', `SELECT ${'1 ? 2 : '.repeat(50_000)} 3 FROM c`],
    ['subqueries', `SELECT ${'(SELECT VALUE '.repeat(20_000)}1`],
    ['a very long text', `SELECT "${'x'.repeat(600_000)}"`],
  ])('too many %s are refused before the stack ends', (_, text) => {
    expect(catchError(text).code).toBe('BadRequest');
  });

  test('long flat lists are fine', () => {
    const terms = Array.from({ length: 5_000 }, (_, i) => `(c.id = "${i}" AND c.pk = "${i}")`);
    expect(() => parseQuery(`SELECT * FROM c WHERE ${terms.join(' OR ')}`)).not.toThrow();
  });
});

function catchError(text: string): DatabaseError {
  try {
    parseQuery(text);
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseError);
    return error as DatabaseError;
  }
  throw new DatabaseError('InternalServerError', `${text.slice(0, 100)} was parsed`);
}

test('no scrambled text does anything but run or fail as a bad request', () => {
  const words = EXAMPLES.join(' ').split(/\b/);
  let parsed = 0;
  let executed = 0;
  for (let seed = 1; seed <= 10_000; seed++) {
    const random = randomSource(seed);
    const example = EXAMPLES[random(EXAMPLES.length)] ?? '';
    const parts = example.split(/\b/);
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const at = random(parts.length);
      if (random(2) === 0) parts.splice(at, 1);
      else parts.splice(at, random(2), words[random(words.length)] ?? '', String.fromCharCode(random(300)));
    }
    const text = parts.join('');
    if (!isQuery(text)) continue;
    parsed++;
    try {
      evaluateOverResources({ query: text, parameters: [{ name: '@n', value: 1 }] }, ITEMS, NO_ENVIRONMENT);
      executed++;
    } catch (error) {
      expect(error, text).toBeInstanceOf(DatabaseError);
      expect((error as DatabaseError).code).toBe('BadRequest');
    }
  }
  expect(parsed).toBeGreaterThan(100);
  expect(executed).toBeGreaterThan(50);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('what later stages may complain about knows its place', () => {
  const text =
    'SELECT c.a, (SELECT 1) FROM (SELECT VALUE 1) AS s ORDER BY c.a + 1 DESC, c.b OFFSET 1 LIMIT 2';
  const tree = parseQuery(text);
  const at = ({ location }: { location: { start: number; end: number } }) =>
    text.slice(location.start, location.end);
  const items = tree.selection.kind === 'list' ? tree.selection.items : [];
  const source = tree.from?.[0]?.collection;
  const [offset, limit] = [tree.offset, tree.limit];
  expect(items.map(at)).toEqual(['c.a', '(SELECT 1)']);
  expect(items.map(({ expression }) => expression.kind === 'subquery' && at(expression))).toEqual([
    false,
    '(SELECT 1)',
  ]);
  expect(source && at(source)).toBe('(SELECT VALUE 1)');
  expect(tree.orderBy?.map(at)).toEqual(['c.a + 1', 'c.b']);
  expect([offset && at(offset), limit && at(limit)]).toEqual(['1', '2']);
});

test('trees behind subqueries count towards the height of the whole', () => {
  const sum = (inner: string) => `SELECT VALUE ${inner}${' + 1'.repeat(600)}`;
  expect(isQuery(sum('1'))).toBe(true);
  expect(isQuery(sum(`(${sum('1')})`))).toBe(false);
});
