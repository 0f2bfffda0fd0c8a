import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { beginEnvironment } from './environment.ts';
import { FUNCTION_FAMILIES } from './functions/function-table.ts';
import { evaluateOverResources } from './resource-query.ts';

const ITEM: JsonObject = JSON.parse(`{
  "id": "1", "n": 5, "zero": 0, "neg": -2.5, "s": "Abc", "e": "", "t": true, "f": false, "nul": null,
  "a": [1, "x", null, [2], {"k": 1, "m": 2}], "empty": [],
  "o": {"k": 1, "p": {"q": "deep"}}, "oo": {"p": {"q": "deep"}, "k": 1},
  "odd name": 7, "value": "v", "order": 3, "emoji": "\u{1f600}", "wide": "～", "length": 9
}`) as JsonObject;

const ENVIRONMENT = beginEnvironment({ nowMs: () => Date.UTC(2026, 1, 3), random: () => 0.5 });

/** The value of an expression over ITEM as JSON text, `undefined` when there is none. */
function evaluate(expression: string, parameters: JsonObject = {}): string {
  const spec = {
    query: `SELECT VALUE ${expression} FROM c`,
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
  };
  return evaluateOverResources(spec, [ITEM], ENVIRONMENT)[0] ?? 'undefined';
}

function check(title: string, cases: readonly (readonly [expression: string, value: string])[]): void {
  describe(title, () => {
    test.each(cases)('%s is %s', (expression, value) => {
      expect(evaluate(expression)).toBe(value);
    });
  });
}

check('literals and access', [
  ['1', '1'],
  ['.5', '0.5'],
  ['1.', '1'],
  ['1e3', '1000'],
  ['2E-2', '0.02'],
  ['-1', '-1'],
  ['- -1', '1'],
  ['+c.n', '5'],
  ["'it\\'s \\u0041\\n'", '"it\'s A\\n"'],
  ['"\\"\\\\\\/"', '"\\"\\\\/"'],
  ['TRUE', 'true'],
  ['Null', 'null'],
  ['undefined', 'undefined'],
  ['[1, undefined, "x"]', '[1,"x"]'],
  ['{a: 1, "b": undefined, \'c d\': [c.n]}', '{"a":1,"c d":[5]}'],
  ['{}', '{}'],
  ['c.n', '5'],
  ['root.n', '5'],
  ['c["odd name"]', '7'],
  ["c['n']", '5'],
  ['c.value', '"v"'],
  ['c.order', '3'],
  ['c.o.p.q', '"deep"'],
  ['c.o["p"].q', '"deep"'],
  ['c.a[0]', '1'],
  ['c.a[4].m', '2'],
  ['c.a[c.zero]', '1'],
  ['c.a[9]', 'undefined'],
  ['c.a[-1]', 'undefined'],
  ['c.a[0.5]', 'undefined'],
  ['c.a["0"]', 'undefined'],
  ['c.a.length', 'undefined'],
  ['c["length"]', '9'],
  ['c.s.length', 'undefined'],
  ['c.o[0]', 'undefined'],
  ['c.o["k" || ""]', '1'],
  ['c.missing', 'undefined'],
  ['c.missing.deeper[1].still', 'undefined'],
  ['c.nul.x', 'undefined'],
  ['c.toString', 'undefined'],
  ['c.constructor.name', 'undefined'],
  ['c["__proto__"]', 'undefined'],
  ['{a: {b: 2}}.a.b', '2'],
  ['[1, 2, 3][1]', '2'],
]);

check('equality', [
  ['c.n = 5', 'true'],
  ['c.n = 5.0', 'true'],
  ['c.n = "5"', 'false'],
  ['c.n != "5"', 'true'],
  ['c.n <> 5', 'false'],
  ['c.s != null', 'true'],
  ['c.nul = null', 'true'],
  ['c.nul = undefined', 'undefined'],
  ['c.missing = c.missing', 'undefined'],
  ['c.missing != 1', 'undefined'],
  ['c.o = c.oo', 'true'],
  ['c.o = {"k": 1}', 'false'],
  ['c.a[3] = [2]', 'true'],
  ['c.a[3] = [2, 3]', 'false'],
  ['c.empty = []', 'true'],
  ['c.empty = {}', 'false'],
  ['{} = {}', 'true'],
  ['[[1]] != [[2]]', 'true'],
  ['0 = -0', 'true'],
  ['true = 1', 'false'],
  ['{"__proto__": 1} = {"x": 1}', 'false'],
]);

check('relational operators', [
  ['c.n > 4', 'true'],
  ['c.n < 4', 'false'],
  ['c.n >= 5', 'true'],
  ['c.n <= 4.999', 'false'],
  ['"a" < "b"', 'true'],
  ['"a" < "B"', 'false'],
  ['"" < "a"', 'true'],
  ['"ab" > "a"', 'true'],
  ['c.wide < c.emoji', 'true'],
  ['false < true', 'true'],
  ['true <= false', 'false'],
  ['null >= null', 'true'],
  ['null < null', 'false'],
  ['1 < "2"', 'undefined'],
  ['null < 1', 'undefined'],
  ['[1] < [2]', 'undefined'],
  ['c.o >= c.o', 'undefined'],
  ['c.missing > 1', 'undefined'],
  ['c.n > 1 = true', 'true'],
]);

check('logic with three values', [
  ['true AND true', 'true'],
  ['true AND false', 'false'],
  ['false AND undefined', 'false'],
  ['undefined AND false', 'false'],
  ['undefined AND true', 'undefined'],
  ['1 AND true', 'undefined'],
  ['1 AND false', 'false'],
  ['false OR false', 'false'],
  ['undefined OR true', 'true'],
  ['true OR undefined', 'true'],
  ['undefined OR false', 'undefined'],
  ['"x" OR false', 'undefined'],
  ['NOT true', 'false'],
  ['NOT undefined', 'undefined'],
  ['NOT 1', 'undefined'],
  ['NOT (c.n = 4)', 'true'],
  ['NOT c.t = false', 'true'],
  ['NOT c.n = 4', 'undefined'],
  ['true OR false AND false', 'true'],
  ['(true OR false) AND false', 'false'],
  ['c.t ? 1 : 2', '1'],
  ['c.n ? 1 : 2', '2'],
  ['undefined ? 1 : 2', '2'],
  ['false ? 1 : true ? 2 : 3', '2'],
  ['c.missing ?? 7', '7'],
  ['c.nul ?? 7', 'null'],
  ['c.missing ?? c.gone ?? 8', '8'],
  ['c.missing ?? 1 = 1 ? "y" : "n"', '"y"'],
]);

check('arithmetic', [
  ['1 + 2 * 3', '7'],
  ['(1 + 2) * 3', '9'],
  ['10 - 2 - 3', '5'],
  ['7 % 3', '1'],
  ['-7 % 3', '-1'],
  ['1 / 0', 'undefined'],
  ['0 / 0', 'undefined'],
  ['1e308 * 10', 'undefined'],
  ['c.n + "1"', 'undefined'],
  ['c.missing + 1', 'undefined'],
  ['6 & 3', '2'],
  ['6 | 3', '7'],
  ['6 ^ 3', '5'],
  ['~5', '-6'],
  ['~"a"', 'undefined'],
  ['-c.s', 'undefined'],
  ['1 | 2 = 2', 'undefined'],
  ['"a" || "b" || "c"', '"abc"'],
  ['"a" || 1', 'undefined'],
  ['1 + 1 = 2 AND 2 > 1', 'true'],
]);

check('IN, BETWEEN, LIKE', [
  ['c.n IN (1, 5)', 'true'],
  ['c.n IN ("5")', 'false'],
  ['c.n NOT IN (1, 2)', 'true'],
  ['c.missing IN (1)', 'undefined'],
  ['c.missing NOT IN (1)', 'undefined'],
  ['c.n IN (undefined, 5)', 'true'],
  ['c.n IN (undefined)', 'false'],
  ['c.o IN ({"p": {"q": "deep"}, "k": 1})', 'true'],
  ['c.n IN (1, 2, 3, 4, 5, 6)', 'true'],
  ['c.s IN (1, 2, 3, 4, 5, 6)', 'false'],
  ['c.o IN (1, 2, 3, 4, 5, 6)', 'false'],
  ['c.n BETWEEN 1 AND 5', 'true'],
  ['c.n BETWEEN 6 AND 9', 'false'],
  ['c.n NOT BETWEEN 6 AND 9', 'true'],
  ['c.n BETWEEN "a" AND "z"', 'undefined'],
  ['c.n BETWEEN 6 AND "z"', 'false'],
  ['c.n BETWEEN 1 + 1 AND 2 + 3 AND c.t', 'true'],
  ['c.s LIKE "Abc"', 'true'],
  ['c.s LIKE "A%"', 'true'],
  ['c.s LIKE "%b%"', 'true'],
  ['c.s LIKE "_bc"', 'true'],
  ['c.s LIKE "__"', 'false'],
  ['c.s LIKE "abc"', 'false'],
  ['c.s NOT LIKE "x%"', 'true'],
  ['c.s LIKE "[A-C]b_"', 'true'],
  ['c.s LIKE "[^A-C]bc"', 'false'],
  ['c.n LIKE "5"', 'undefined'],
  ['"10%" LIKE "%!%" ESCAPE "!"', 'true'],
  ['"10x" LIKE "%!%" ESCAPE "!"', 'false'],
  ['"a.c" LIKE "a.c"', 'true'],
  ['"abc" LIKE "a.c"', 'false'],
  ['"aXbXc" LIKE "a%X%c"', 'true'],
  ['"" LIKE "%"', 'true'],
  ['"" LIKE ""', 'true'],
  ['"a" LIKE "["', 'undefined'],
]);

check('type checks and choices', [
  ['IS_DEFINED(c.nul)', 'true'],
  ['IS_DEFINED(c.missing)', 'false'],
  ['IS_NULL(c.nul)', 'true'],
  ['IS_NULL(c.missing)', 'false'],
  ['is_number(c.n)', 'true'],
  ['IS_NUMBER("1")', 'false'],
  ['IS_STRING(c.e)', 'true'],
  ['IS_BOOL(c.f)', 'true'],
  ['IS_ARRAY(c.a)', 'true'],
  ['IS_ARRAY(c.o)', 'false'],
  ['IS_OBJECT(c.o)', 'true'],
  ['IS_OBJECT(c.a)', 'false'],
  ['IS_OBJECT(null)', 'false'],
  ['IS_PRIMITIVE(c.nul)', 'true'],
  ['IS_PRIMITIVE(c.a)', 'false'],
  ['IS_PRIMITIVE(c.missing)', 'false'],
  ['IS_INTEGER(5)', 'true'],
  ['IS_INTEGER(5.5)', 'false'],
  ['IS_INTEGER(1e19)', 'false'],
  ['IS_FINITE_NUMBER(c.n)', 'true'],
  ['IIF(c.t, 1, 2)', '1'],
  ['IIF(c.n, 1, 2)', '2'],
]);

check('strings', [
  ['CONCAT("a", "b", c.s)', '"abAbc"'],
  ['CONCAT("a", 1)', 'undefined'],
  ['CONTAINS(c.s, "bc")', 'true'],
  ['CONTAINS(c.s, "BC")', 'false'],
  ['CONTAINS(c.s, "BC", true)', 'true'],
  ['CONTAINS(c.s, "BC", 1)', 'undefined'],
  ['CONTAINS(c.n, "5")', 'undefined'],
  ['CONTAINS(c.s, c.missing)', 'undefined'],
  ['STARTSWITH(c.s, "Ab")', 'true'],
  ['STARTSWITH(c.s, "ab", false)', 'false'],
  ['STARTSWITH(c.s, "ab", true)', 'true'],
  ['ENDSWITH(c.s, "bc")', 'true'],
  ['ENDSWITH(c.s, "")', 'true'],
  ['StringEquals(c.s, "ABC", true)', 'true'],
  ['LOWER(c.s)', '"abc"'],
  ['UPPER(c.s)', '"ABC"'],
  ['LOWER(1)', 'undefined'],
  ['LENGTH(c.s)', '3'],
  ['LENGTH(c.e)', '0'],
  ['LENGTH(c.a)', 'undefined'],
  ['INDEX_OF("abcb", "b")', '1'],
  ['INDEX_OF("abcb", "b", 2)', '3'],
  ['INDEX_OF("abc", "z")', '-1'],
  ['LEFT("abc", 2)', '"ab"'],
  ['RIGHT("abc", 2)', '"bc"'],
  ['RIGHT("abc", 0)', '""'],
  ['SUBSTRING("abcd", 1, 2)', '"bc"'],
  ['SUBSTRING("abcd", -1, 2)', '""'],
  ['SUBSTRING("abcd", 1.5, 2)', 'undefined'],
  ['REPLACE("aXbX", "X", "-")', '"a-b-"'],
  ['REPLICATE("ab", 3)', '"ababab"'],
  ['REPLICATE("ab", -1)', 'undefined'],
  ['REPLICATE("ab", 5001)', 'undefined'],
  ['REVERSE("abc")', '"cba"'],
  ['TRIM("  a ")', '"a"'],
  ['ToString(c.o.p)', '"{\\"q\\":\\"deep\\"}"'],
  ['ToString(c.missing)', 'undefined'],
]);

check('numbers and arrays', [
  ['ABS(c.neg)', '2.5'],
  ['ABS("x")', 'undefined'],
  ['FLOOR(c.neg)', '-3'],
  ['CEILING(c.neg)', '-2'],
  ['ROUND(2.5)', '3'],
  ['ROUND(-2.5)', '-3'],
  ['ROUND(2.4)', '2'],
  ['ROUND(1.005, 2)', '1.01'],
  ['ROUND(1234, -2)', '1200'],
  ['TRUNC(-2.7)', '-2'],
  ['SQRT(-1)', 'undefined'],
  ['POWER(2, 10)', '1024'],
  ['LOG(8, 2)', '3'],
  ['SIGN(c.neg)', '-1'],
  ['PI() > 3.14', 'true'],
  ['ARRAY_LENGTH(c.a)', '5'],
  ['ARRAY_LENGTH(c.empty)', '0'],
  ['ARRAY_LENGTH(c.s)', 'undefined'],
  ['ARRAY_CONTAINS(c.a, "x")', 'true'],
  ['ARRAY_CONTAINS(c.a, null)', 'true'],
  ['ARRAY_CONTAINS(c.a, 2)', 'false'],
  ['ARRAY_CONTAINS(c.a, [2])', 'true'],
  ['ARRAY_CONTAINS(c.a, {"k": 1})', 'false'],
  ['ARRAY_CONTAINS(c.a, {"k": 1}, true)', 'true'],
  ['ARRAY_CONTAINS(c.a, {"k": 2}, true)', 'false'],
  ['ARRAY_CONTAINS(c.s, "A")', 'undefined'],
  ['ARRAY_CONTAINS(c.a, c.missing)', 'undefined'],
  ['ARRAY_CONCAT([1], c.a[3], ["z"])', '[1,2,"z"]'],
  ['ARRAY_SLICE([1, 2, 3, 4], 1, 2)', '[2,3]'],
  ['ARRAY_SLICE([1, 2, 3, 4], -2)', '[3,4]'],
]);

describe('parameters', () => {
  test.each([
    ['@p', { '@p': 5 }, '5'],
    ['c.n = @p', { '@p': 5 }, 'true'],
    ['c.o = @p', { '@p': { k: 1, p: { q: 'deep' } } }, 'true'],
    ['c.a[@i]', { '@i': 1 }, '"x"'],
    ['@p.k[1]', { '@p': { k: [1, 2] } }, '2'],
    ['c.n = @missing', {}, 'undefined'],
    ['c[@name]', { '@name': 'odd name' }, '7'],
    ['c.s LIKE @p', { '@p': 'A%' }, 'true'],
  ] as const)('%s', (expression, parameters, value) => {
    expect(evaluate(expression, parameters as unknown as JsonObject)).toBe(value);
  });
});

describe('refusals', () => {
  test.each([
    ['NOSUCH(c.n)', 'SC2005', 'NOSUCH'],
    ['LENGTH()', 'SC2050', 'LENGTH'],
    ['LENGTH("a", "b")', 'SC2050', 'LENGTH'],
    ['d.n', 'SC2001', "'d'"],
    ['COUNT(SUM(c.n))', 'SC2101', 'SUM'],
    ['COUNT(1) + c.n', 'SC2102', "'c'"],
    ['COUNT(c.a, c.b)', 'SC2050', 'COUNT'],
    ['udf.f(1)', 'udf.f', 'cannot be called here'],
  ])('%s is refused with %s', (expression, ...parts) => {
    expect(() => evaluate(expression)).toThrow(DatabaseError);
    for (const part of parts) expect(() => evaluate(expression)).toThrow(part);
  });

  test('an error names its place in the text', () => {
    const error = { severity: 'Error', location: { start: 13, end: 14 }, code: 'SC2001' };
    const body = { errors: [{ ...error, message: "Identifier 'd' could not be resolved." }] };
    expect(() => evaluate('d.n')).toThrow(JSON.stringify(body));
  });
});

test('results that would fill the memory are no results', () => {
  const text = 'x'.repeat(5_000_000);
  expect(evaluate('LENGTH(CONCAT(@t, @t, @t, @t))', { '@t': text })).toBe('undefined');
  expect(evaluate('LENGTH(CONCAT(@t, @t, @t))', { '@t': text })).toBe('15000000');
  expect(evaluate('LENGTH(@t || @t || @t || @t)', { '@t': text })).toBe('undefined');
  expect(evaluate('LENGTH(REPLACE(@t, "x", @t))', { '@t': text })).toBe('undefined');
  const array = Array.from({ length: 600_000 }, () => 0);
  expect(evaluate('ARRAY_LENGTH(ARRAY_CONCAT(@a, @a))', { '@a': array })).toBe('undefined');
  const many = `[${Array.from({ length: 120 }, () => '@t').join(',')}]`;
  expect(() => evaluate(many, { '@t': text })).toThrow('too large');
  let deep: Json = 1;
  for (let i = 0; i < 10_000; i++) deep = [deep];
  expect(() => evaluate('@p = @p', { '@p': deep })).toThrow('nested too deeply');
});

test('every function survives every combination of odd arguments', () => {
  const odd = [
    'undefined',
    'null',
    'true',
    '-1',
    '1e300',
    '""',
    '"a"',
    '[]',
    '[1]',
    '{}',
    '{"__proto__": 1}',
  ];
  for (const { name } of FUNCTION_FAMILIES.flatMap((family) => family.functions)) {
    for (const first of odd) {
      for (const second of odd) {
        for (const operands of [
          [],
          [first],
          [first, second],
          [first, second, first],
          [first, second, second, first],
        ]) {
          try {
            evaluate(`${name}(${operands.join(',')})`);
          } catch (error) {
            expect(error).toBeInstanceOf(DatabaseError);
            expect(String(error)).toContain('SC2050');
          }
        }
      }
    }
  }
  expect(({} as JsonObject).x).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});
