/**
 * Whole expressions over large values, evaluated in pieces (as queries of items are) and at one go (as those
 * of databases and offers are): the same rows and the same refusals.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArraySource, NO_POLICY, page } from '../../test/kit/array-source.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { beginEnvironment } from './environment.ts';
import { evaluateOverResources } from './resource-query.ts';

const RUNS = 400;
const ENVIRONMENT = beginEnvironment({ nowMs: () => Date.UTC(2026, 1, 3), random: () => 0.5 });

const count = (length: number) => Array.from({ length }, (_, i) => i);
const WORDS = 'bicycle lake red mountain river 😀 éclair fox'.split(' ');
const ITEM: JsonObject = {
  id: '1',
  list: count(20_000).map((i) => (i * 7_919) % 20_011),
  few: [3, 1, 2, null, 'red', { a: 1 }],
  objects: count(4_000).map((i) => ({ a: i % 900, b: `text ${i % 900}` })),
  text: count(9_000)
    .map((i) => WORDS[(i * i) % WORDS.length])
    .join(' '),
  digits: '0123456789'.repeat(3_000),
  wide: Object.fromEntries(count(9_000).map((i) => [`k${(i * 7_919) % 9_001}`, i])),
  shape: {
    type: 'Polygon',
    coordinates: [count(601).map((i) => [Math.cos((i % 600) / 95.49) * 3, Math.sin((i % 600) / 95.49) * 3])],
  },
};
const SOURCE = new ArraySource([ITEM], NO_POLICY);

type Kind = 'list' | 'text' | 'number' | 'truth' | 'any';
/** `{list}` and the like stand for an expression of that kind. */
const FORMS: Record<Kind, readonly string[]> = {
  list: [
    ...[
      'c.list',
      'c.objects',
      'c.few',
      'ARRAY_CONCAT({list}, {list})',
      'ARRAY_SLICE({list}, {number}, 5000)',
    ],
    ...['SetUnion({list}, {list})', 'SetIntersect({list}, {list})', 'SetDifference({list}, {list})'],
    ...[
      'StringSplit({text}, " ")',
      'ObjectToArray(c.wide)',
      'StringToArray(ToString({list}))',
      '[{any}, {any}]',
    ],
    ...[
      'ARRAY(SELECT VALUE x FROM x IN c.list WHERE x % 3 = 0)',
      'ARRAY(SELECT o.a, o.b FROM o IN c.objects)',
    ],
    ...['ARRAY(SELECT DISTINCT VALUE o.a FROM o IN c.objects)', 'ARRAY(SELECT VALUE {any} FROM x IN c.few)'],
    'RegexExtractAll({text}, "[a-z]+e")',
  ],
  text: [
    ...['c.text', 'c.digits', 'LOWER({text})', 'UPPER({text})', 'REVERSE({text})', 'TRIM({text})'],
    ...[
      'REPLACE({text}, "lake", "sea")',
      'CONCAT({text}, "x")',
      'SUBSTRING({text}, {number}, 20000)',
      '{text} || "y"',
    ],
    ...[
      'ToString({any})',
      'LEFT({text}, 17000)',
      'RIGHT({text}, 17001)',
      'StringJoin(ARRAY_SLICE(StringSplit({text}, " "), 3), "-")',
    ],
    ...['REPLICATE("äb", 9000)', 'LTRIM({text}, "bic")', 'RegexExtract({text}, "l.{0,30}d")'],
  ],
  number: [
    ...[
      '7',
      '-3',
      'c.few[1]',
      'LENGTH({text})',
      'ARRAY_LENGTH({list})',
      'INDEX_OF({text}, "red m")',
      '{number} + {number}',
    ],
    ...[
      'ARRAY_MAX(c.list)',
      'ARRAY_MEDIAN(c.list)',
      'ARRAY_SUM(c.list)',
      'LASTINDEXOF({text}, "fox")',
      'ST_AREA(c.shape)',
    ],
    ...['(SELECT VALUE COUNT(1) FROM x IN c.list WHERE x > 5000)', '(SELECT VALUE SUM(x) FROM x IN {list})'],
    'StringToNumber(LEFT(c.digits, 12))',
  ],
  truth: [
    ...[
      'true',
      '{any} = {any}',
      '{any} != {any}',
      '{text} < {text}',
      '{number} >= {number}',
      'NOT {truth}',
      '{truth} AND {truth}',
    ],
    ...[
      'CONTAINS({text}, "river 😀")',
      'ARRAY_CONTAINS({list}, {any})',
      'ARRAY_CONTAINS(c.objects, {a: 7}, true)',
      '{truth} OR {truth}',
    ],
    ...[
      'STARTSWITH({text}, "bic")',
      'RegexMatch({text}, "(a|e)+x$")',
      '{text} LIKE "%red%fox"',
      'SetEqual({list}, {list})',
    ],
    ...[
      'EXISTS(SELECT VALUE x FROM x IN {list} WHERE x = 19999)',
      '{any} IN ({any}, {any})',
      'ST_ISVALID(c.shape)',
    ],
    ...['FullTextContains({text}, "red bicycle")', 'IS_STRING({any})', 'ENDSWITH({text}, "x", true)'],
  ],
  any: [
    ...[
      '{list}',
      '{text}',
      '{number}',
      '{truth}',
      'c.wide',
      'c.shape',
      'c.none',
      'null',
      '{a: {any}, b: {any}}',
    ],
    ...[
      'IIF({truth}, {any}, {any})',
      '{any} ?? {any}',
      'StringToObject(ToString(c.wide))',
      'c.wide.k17',
      '({list})[3]',
    ],
  ],
};

const KINDS = Object.keys(FORMS) as Kind[];

/** An expression of the kind; `choose` draws a number below its argument. */
function expressionOf(kind: Kind, choose: (below: number) => number, depth: number): string {
  const all = FORMS[kind];
  const leaves = all.filter((form) => !/\{(list|text|number|truth|any)\}/.test(form));
  const forms = depth === 0 ? leaves : all;
  const form = forms[choose(forms.length)] as string;
  return form.replace(/\{(list|text|number|truth|any)\}/g, (_, inner: Kind) => {
    const part = expressionOf(inner, choose, depth - 1);
    return /^[\w.]+$/.test(part) ? part : `(${part})`;
  });
}

// Evenly drawn: what fast-check thinks of as likely faults would be the first forms again and again.
const expressions = fc.noBias(fc.array(fc.nat(1_000_000), { minLength: 60, maxLength: 60 })).map((draws) => {
  let place = 0;
  const choose = (below: number) => (draws[place++ % draws.length] as number) % below;
  return expressionOf(KINDS[choose(KINDS.length)] as Kind, choose, 3);
});

type Outcome = { readonly rows: readonly Json[] } | { readonly refusal: string };

async function outcomeOf(rows: () => Promise<readonly string[]> | readonly string[]): Promise<Outcome> {
  try {
    return { rows: (await rows()).map((row) => JSON.parse(row) as Json) };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { refusal: `${error.code}: ${error.message}` };
  }
}

test('expressions have the same value at one go and left in the middle', async () => {
  let turns = 0;
  let refused = 0;
  const property = fc.asyncProperty(expressions, async (expression) => {
    const query = `SELECT VALUE ${expression} FROM c`;
    const atOnce = await outcomeOf(() =>
      evaluateOverResources({ query, parameters: [] }, [ITEM], ENVIRONMENT),
    );
    const inPieces = await outcomeOf(async () => {
      const options = { itemCountMax: 100, pause: () => Promise.resolve(void turns++) };
      return (await page(SOURCE, query, options)).rows.map(String);
    });
    expect(inPieces).toEqual(atOnce);
    if ('refusal' in atOnce) refused++;
  });
  await fc.assert(property, { seed: 20_261_124, numRuns: RUNS });
  expect(turns, 'others had their turn').toBeGreaterThan(2 * RUNS);
  expect(refused, 'most have a value').toBeLessThan(RUNS / 4);
});
