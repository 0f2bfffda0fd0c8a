import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../base/index.ts';
import type { IndexingPolicy } from '../resource/index.ts';
import { compileIndexingPolicy, compileIndexRules } from './indexer.ts';
import { ARRAY_ELEMENT, GEOMETRY_CELLS, type PathSegment, pathId, TEXT_WORDS } from './path-id.ts';
import { decodeIndexValue, encodeIndexValue } from './value-encoding.ts';

const ETAG = '/"_etag"/?';

function indexerOf(
  included: string[],
  excluded: string[] = [ETAG],
  mode: IndexingPolicy['indexingMode'] = 'consistent',
) {
  return compileIndexingPolicy({
    indexingMode: mode,
    automatic: mode !== 'none',
    includedPaths: included.map((path) => ({ path })),
    excludedPaths: excluded.map((path) => ({ path })),
  });
}

type Entry = readonly [path: readonly PathSegment[], value: Json | undefined];

const hex = (entries: readonly Entry[]) =>
  entries
    .map(([path, value]) => Buffer.concat([pathId(path), encodeIndexValue(value)]).toString('hex'))
    .sort();

const hexOf = (term: string) => Buffer.from(term, 'latin1').toString('hex');

function expectTerms(
  indexer: ReturnType<typeof indexerOf>,
  item: JsonObject,
  entries: readonly Entry[],
): void {
  expect(
    indexer
      .terms(item)
      .map((term) => hexOf(term))
      .sort(),
  ).toEqual(hex(entries));
}

describe('terms', () => {
  test('every path of an item under the default policy, with objects and arrays themselves', () => {
    const item = {
      id: 'i',
      a: { b: null, c: [1, 'x', 1, { d: true }, [2]] },
      e: {},
      _rid: 'r',
      _self: 's',
      _etag: 'e',
      _attachments: 'attachments/',
      _ts: 5,
    };
    const c = ['a', 'c', ARRAY_ELEMENT] as const;
    expectTerms(indexerOf(['/*']), item, [
      [['id'], 'i'],
      [['a'], {}],
      [['a', 'b'], null],
      [['a', 'c'], []],
      [c, 1],
      [c, 'x'],
      [c, {}],
      [[...c, 'd'], true],
      [c, []],
      [[...c, ARRAY_ELEMENT], 2],
      [['e'], {}],
      [['_ts'], 5],
    ]);
  });

  test('entries stay as they are when the next item is indexed', () => {
    const indexer = indexerOf(['/*']);
    const first = indexer.terms({ a: 'one' });
    const before = first.map((term) => hexOf(term));
    indexer.terms({ a: 'two', b: 'x'.repeat(1000) });
    expect(first.map((term) => hexOf(term))).toEqual(before);
  });

  test('equal elements at one path make one entry, at two paths two', () => {
    const item = { a: [1, 1, { x: 1 }, { x: 1 }], b: [1], c: { d: [[1], [1]] } };
    expectTerms(indexerOf(['/*']), item, [
      [['a'], []],
      [['a', ARRAY_ELEMENT], 1],
      [['a', ARRAY_ELEMENT], {}],
      [['a', ARRAY_ELEMENT, 'x'], 1],
      [['b'], []],
      [['b', ARRAY_ELEMENT], 1],
      [['c'], {}],
      [['c', 'd'], []],
      [['c', 'd', ARRAY_ELEMENT], []],
      [['c', 'd', ARRAY_ELEMENT, ARRAY_ELEMENT], 1],
    ]);
  });

  test('long strings that begin alike are one entry below an array', () => {
    const item = { a: [`${'x'.repeat(300)}1`, `${'x'.repeat(300)}2`] };
    expectTerms(indexerOf(['/*']), item, [
      [['a'], []],
      [['a', ARRAY_ELEMENT], 'x'.repeat(300)],
    ]);
  });

  test('paths named with /? have an entry for undefined when the item lacks them', () => {
    const indexer = indexerOf(['/*', '/a/b/?', '/c/?', '/d/[]/?']);
    expectTerms(indexer, { a: 1 }, [
      [['a'], 1],
      [['a', 'b'], undefined],
      [['c'], undefined],
    ]);
    expectTerms(indexer, { a: { b: 2 }, c: null }, [
      [['a'], {}],
      [['a', 'b'], 2],
      [['c'], null],
    ]);
    expectTerms(indexer, { a: { b: [] }, c: {} }, [
      [['a'], {}],
      [['a', 'b'], []],
      [['c'], {}],
    ]);
  });

  test('mode none indexes nothing', () => {
    const indexer = indexerOf([], [], 'none');
    expect(indexer.terms({ id: 'a', b: 1 })).toEqual([]);
    expect(indexer.coverage(['id'])).toEqual({ indexed: false, explicit: false });
  });

  test('odd names are names like others', () => {
    const odd = [
      '__proto__',
      'constructor',
      'hasOwnProperty',
      'toString',
      '',
      '[]',
      '?',
      '*',
      '0',
      'a/b',
      '"',
      '\ud800',
      '\ud801',
    ];
    const item = JSON.parse(
      `{${odd.map((name) => `${JSON.stringify(name)}:{"x":1}`).join(',')}}`,
    ) as JsonObject;
    const expected = odd.flatMap((name): Entry[] => [
      [[name], {}],
      [[name, 'x'], 1],
    ]);
    const indexer = indexerOf(['/*']);
    expectTerms(indexer, item, expected);
    expectTerms(indexer, item, expected);
    expectTerms(indexer, {}, []);
    const narrow = indexerOf(['/"__proto__"/?', '/constructor/*'], ['/*']);
    expectTerms(narrow, item, [
      [['__proto__'], {}],
      [['constructor'], {}],
      [['constructor', 'x'], 1],
    ]);
    expectTerms(narrow, {}, [[['__proto__'], undefined]]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('ever new names neither change the answers nor pile up', () => {
    const indexer = indexerOf(['/*', '/always/?']);
    for (let round = 0; round < 30; round++) {
      const item = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${round}-${i}`, i]));
      const terms = new Set(indexer.terms(item).map((term) => hexOf(term)));
      expect(terms.size).toBe(1001);
      for (const i of [0, 500, 999]) expect(terms).toContain(hex([[[`p${round}-${i}`], i]])[0]);
      expect(terms).toContain(hex([[['always'], undefined]])[0]);
    }
    expect(indexer.coverage(['p3-7', 'x'])).toEqual({ indexed: true, explicit: false });
  });

  test('a large item grows the room for its terms', () => {
    const item = { a: Array.from({ length: 3000 }, (_, i) => `${i} ${'y'.repeat(i % 250)}`) };
    expect(indexerOf(['/*']).terms(item).length).toBe(3001);
  });
});

describe('which rule wins', () => {
  const item: JsonObject = {
    id: 'i',
    _ts: 1,
    a: 1,
    food: {
      name: 'n',
      ingredients: { list: [{ n: 1, m: 2 }], nutrition: { kcal: 1, fat: { of: 2 } }, salt: 3 },
    },
  };
  const always: string[] = ['id', '_ts'];

  test.each<[string, string[], string[], string[]]>([
    ['all but a subtree', ['/*'], ['/food/*'], ['a']],
    ['a path named below an excluded subtree', ['/*', '/food/name/?'], ['/food/*'], ['a', 'food.name']],
    [
      'nested exclusions and inclusions',
      ['/food/ingredients/*', '/food/ingredients/nutrition/fat/*'],
      ['/*', '/food/ingredients/nutrition/*', '/food/ingredients/list/[]/m/?'],
      [
        'food.ingredients',
        'food.ingredients.list',
        'food.ingredients.list.[]',
        'food.ingredients.list.[].n',
        'food.ingredients.nutrition.fat',
        'food.ingredients.nutrition.fat.of',
        'food.ingredients.salt',
      ],
    ],
    ['/? beats /* of the same path', ['/*', '/food/*'], ['/food/?'], ['a', 'food.*']],
    ['/? included, below excluded', ['/*', '/food/?'], ['/food/*'], ['a', 'food']],
    [
      'array elements only when named',
      ['/food/ingredients/list/[]/n/?'],
      ['/*'],
      ['food.ingredients.list.[].n'],
    ],
    [
      '/? of an array says nothing of its elements',
      ['/food/ingredients/list/?'],
      ['/*'],
      ['food.ingredients.list'],
    ],
    ['quoted names', ['/"food"/"name"/?'], ['/*'], ['food.name']],
    ['the root in its short form', ['/'], ['/food/*'], ['a']],
    ['id and _ts excluded by name', ['/*'], ['/id/?', '/_ts/?', '/food/*'], ['a', '!id', '!_ts']],
  ])('%s', (_name, included, excluded, expected) => {
    const indexer = indexerOf(included, excluded);
    const all = new Map<string, PathSegment[]>();
    collect(item, [], all);
    const wanted = new Set([...always, ...expected]);
    for (const name of expected) {
      if (name.startsWith('!')) wanted.delete(name.slice(1));
      if (name.endsWith('.*'))
        for (const path of all.keys()) if (path.startsWith(name.slice(0, -1))) wanted.add(path);
    }
    const found = indexer.terms(item).map((term) => hexOf(term.slice(0, 8)));
    for (const [name, path] of all) {
      const isWanted = wanted.has(name);
      expect(found.includes(pathId(path).toString('hex')), name).toBe(isWanted);
      expect(indexer.coverage(path).indexed, name).toBe(isWanted);
    }
  });
});

/** All paths of an item, by a readable name. */
function collect(value: Json, path: PathSegment[], found: Map<string, PathSegment[]>): void {
  if (path.length > 0) {
    found.set(path.map((segment) => (segment === ARRAY_ELEMENT ? '[]' : segment)).join('.'), path);
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const element of value) collect(element, [...path, ARRAY_ELEMENT], found);
  else for (const [name, member] of Object.entries(value)) collect(member, [...path, name], found);
}

test.each<[path: string, indexed: boolean, explicit: boolean]>([
  ['', false, false],
  ['never.seen.[]', true, false],
  ['named', true, true],
  ['named.below', true, false],
  ['list.[].x', true, false],
  ['out', false, false],
  ['out.deep.[]', false, false],
  ['_etag', false, false],
  ['_rid', false, false],
  ['_self.x', false, false],
  ['_ts', true, false],
  ['id', true, false],
])("coverage of '%s'", (path, indexed, explicit) => {
  const segments = path.split('.').map((name) => (name === '[]' ? ARRAY_ELEMENT : name));
  const indexer = indexerOf(['/*', '/named/?', '/list/[]/x/?'], ['/out/*', ETAG]);
  expect(indexer.coverage(path === '' ? [] : segments)).toEqual({ indexed, explicit });
});

describe('path ids', () => {
  test('keep their bytes for ever', () => {
    expect(pathId([]).toString('hex')).toBe('0000000000000000');
    expect(pathId(['a']).toString('hex')).toBe('181a3a9e3374f4ac');
    expect(pathId(['a', ARRAY_ELEMENT, 'é']).toString('hex')).toBe('927eae23872c53b3');
  });

  test('differ for different paths', () => {
    const paths: PathSegment[][] = [
      ['a'],
      ['a', 'b'],
      ['ab'],
      ['b', 'a'],
      ['[]'],
      [ARRAY_ELEMENT],
      ['a', ''],
      [''],
      ['\ud800'],
      ['\ud801'],
      ['\ufffd'],
    ];
    expect(new Set(paths.map((path) => pathId(path).toString('hex'))).size).toBe(paths.length);
  });
});

describe('words of texts', () => {
  const policy = {
    indexingMode: 'consistent' as const,
    automatic: true,
    includedPaths: [{ path: '/*' }],
    excludedPaths: [{ path: '/t/*' }],
    fullTextIndexes: [{ path: '/t' }, { path: '/deep/"a b"' }],
  };
  const textPaths = [{ path: ['t'], language: 'de' as const }];
  const indexer = compileIndexingPolicy(policy, { textPaths });
  const wordsAt = (item: JsonObject, path: readonly string[]) =>
    indexer
      .terms(item)
      .filter((term) => term.startsWith(pathId([...path, TEXT_WORDS]).toString('latin1')))
      .map((term) => decodeIndexValue(Buffer.from(term.slice(8), 'latin1')));

  test('each stem once, in the language of the property, beside what the paths say of the text itself', () => {
    expect(wordsAt({ t: 'die Häuser, das Haus am See' }, ['t'])).toEqual(['haus', 'see']);
    expect(wordsAt({ deep: { 'a b': 'swimming in lakes' } }, ['deep', 'a b'])).toEqual(['swim', 'lake']);
    expect(
      indexer.terms({ t: 'Haus' }).some((term) => term.startsWith(pathId(['t']).toString('latin1'))),
    ).toBe(false);
    expect(wordsAt({ t: 3 }, ['t'])).toEqual([]);
    expect(wordsAt({ t: ['Haus'] }, ['t'])).toEqual([]);
    expect(wordsAt({ other: 'Haus' }, ['t'])).toEqual([]);
  });

  test('coverage knows which texts they are of', () => {
    expect(indexer.coverage(['t', TEXT_WORDS]).indexed).toBe(true);
    expect(indexer.coverage(['other', TEXT_WORDS]).indexed).toBe(false);
    expect(indexer.coverage(['deep', 'other', TEXT_WORDS]).indexed).toBe(false);
  });

  test('rules bring them back, and tell languages apart', () => {
    const item = { t: 'die Häuser', deep: { 'a b': 'lakes' }, n: 1 };
    expect(compileIndexRules(indexer.rules).terms(item)).toEqual(indexer.terms(item));
    expect(compileIndexingPolicy(policy).rules).not.toBe(indexer.rules);
  });
});

describe('cells of geometries', () => {
  const indexer = compileIndexingPolicy({
    indexingMode: 'consistent',
    automatic: true,
    includedPaths: [],
    excludedPaths: [{ path: '/*' }],
    spatialIndexes: [{ path: '/at/*', types: ['Polygon'] }],
  });
  /** By the rules of versions that looked whether rings cross before they gave a geometry cells. */
  const earlier = compileIndexRules(indexer.rules.replace(String.raw`,\"without checks\"`, ''));
  const cellsIn = (from: typeof indexer, ring: Json) =>
    from
      .terms({ at: { type: 'Polygon', coordinates: [ring] } })
      .filter((term) => term.startsWith(pathId(['at', GEOMETRY_CELLS]).toString('latin1')));
  const corners = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ] as const;
  const ringOf = (...order: number[]): Json =>
    order.map((place) => [...(corners[place] as readonly number[])]);

  test('are not asked whether a ring crosses itself, but whether it is one', () => {
    expect(cellsIn(indexer, ringOf(0, 1, 2, 3, 0)).length).toBeGreaterThan(0);
    expect(cellsIn(indexer, ringOf(0, 2, 1, 3, 0)).length).toBeGreaterThan(0);
    expect(cellsIn(indexer, ringOf(0, 1, 2))).toEqual([]);
  });

  test('by earlier rules it had none', () => {
    expect(earlier.rules).not.toBe(indexer.rules);
    expect(cellsIn(earlier, ringOf(0, 2, 1, 3, 0))).toEqual([]);
    expect(cellsIn(earlier, ringOf(0, 1, 2, 3, 0))).toEqual(cellsIn(indexer, ringOf(0, 1, 2, 3, 0)));
  });
});
