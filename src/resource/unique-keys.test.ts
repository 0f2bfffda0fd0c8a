import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../base/index.ts';
import { checkUniqueKeys, uniqueKeysOf, uniqueTexts } from './unique-keys.ts';

const policy = (...keys: string[][]): JsonObject => ({
  uniqueKeyPolicy: { uniqueKeys: keys.map((paths) => ({ paths })) },
});

describe('the unique keys of a container', () => {
  test('are its policy, with paths split', () => {
    expect(uniqueKeysOf({ others: policy(['/a'], ['/b/c', '/"odd name"']) })).toEqual([
      [['a']],
      [['b', 'c'], ['odd name']],
    ]);
  });

  test.each<[string, JsonObject]>([
    ['no policy', {}],
    ['a policy without keys', { uniqueKeyPolicy: { uniqueKeys: [] } }],
    ['an empty policy', { uniqueKeyPolicy: {} }],
  ])('are none with %s', (_, others) => {
    expect(uniqueKeysOf({ others })).toBeUndefined();
  });

  test('are of paths that users set', () => {
    expect(() => checkUniqueKeys({ uniqueKeys: [{ paths: ['/a', '/_ts'] }] })).toThrow(
      "'/_ts' is set by the system",
    );
    expect(() => checkUniqueKeys({ uniqueKeys: [{ paths: ['/a/_ts'] }] })).not.toThrow();
  });
});

describe('what items have at unique keys', () => {
  const keys = [[['a']], [['b', 'c'], ['d']]];
  const texts = (item: JsonObject) => uniqueTexts(keys, item);
  const long = 'x'.repeat(1000);

  test.each<[string, JsonObject, JsonObject]>([
    ['a missing value and null', {}, { a: null, b: { c: null }, d: null }],
    ['a path through something else and null', { b: 'no object' }, { b: { c: null } }],
    ['members in another order', { a: { x: 1, y: [{ p: 1, q: 2 }] } }, { a: { y: [{ q: 2, p: 1 }], x: 1 } }],
    ['zeros', { a: 0 }, { a: -0 }],
    ['long values', { a: long }, { a: long }],
  ])('is the same for %s', (_, one, other) => {
    expect(texts(one)).toEqual(texts(other));
  });

  test.each<[string, JsonObject, JsonObject]>([
    ['types', { a: 1 }, { a: '1' }],
    ['null and its name', { a: null }, { a: 'null' }],
    ['cases', { a: 'Ann' }, { a: 'ann' }],
    ['orders in a list', { a: [1, 2] }, { a: [2, 1] }],
    ['texts that look like several values', { b: { c: 'x","y' }, d: 'z' }, { b: { c: 'x' }, d: 'y","z' }],
    ['long values', { a: `${long}1` }, { a: `${long}2` }],
    ['a long value and what stands for it', { a: long }, { a: texts({ a: long })[0]?.slice(2) ?? '' }],
    ['members named like those of every object', { a: { constructor: 1 } }, { a: {} }],
  ])('differs for other %s', (_, one, other) => {
    expect(texts(one)).not.toEqual(texts(other));
  });

  test('stays short', () => {
    for (const text of texts({ a: long, b: { c: long }, d: long })) expect(text.length).toBeLessThan(100);
  });
});
