import { describe, expect, test } from 'vitest';
import {
  completeKey,
  extractPartitionKey,
  matchPartitionKey,
  parsePartitionKeyHeader,
  samePartitionKey,
  splitPath,
} from './partition-key.ts';
import type { PartitionKeyDefinition } from './types.ts';

const definition = (...paths: string[]): PartitionKeyDefinition => ({
  paths,
  kind: paths.length > 1 ? 'MultiHash' : 'Hash',
  version: 2,
});

describe('the header', () => {
  test.each([
    ['["a"]', ['a']],
    ['[{}]', [undefined]],
    ['[null]', [null]],
    ['[]', []],
    ['["a",1,true]', ['a', 1, true]],
    ['["caf\\u00e9"]', ['café']],
    ['[-0]', [-0]],
  ])('%s', (text, key) => {
    expect(parsePartitionKeyHeader(text)).toEqual(key);
  });

  test.each(['', 'a', '"a"', '{}', 'null', '[[]]', '[{"a":1}]', '["a"'])('refused: %s', (text) => {
    expect(() => parsePartitionKeyHeader(text)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});

describe('the key of an item', () => {
  test.each([
    ['/a', { a: 'x' }, 'x'],
    ['/a/b', { a: { b: 0 } }, 0],
    ['/a/b', { a: 'x' }, undefined],
    ['/a/b', { a: [{ b: 1 }] }, undefined],
    ['/a/0', { a: ['x'] }, undefined],
    ['/a', { a: { b: 1 } }, undefined],
    ['/a', { a: [] }, undefined],
    ['/a', { a: null }, null],
    ['/a', {}, undefined],
    ['/"a b"/c', { 'a b': { c: false } }, false],
    ['/"a/b"', { 'a/b': 3 }, 3],
    ['/constructor', {}, undefined],
    ['/__proto__', JSON.parse('{"__proto__":"own"}'), 'own'],
  ])('%s of %j', (path, item, value) => {
    expect(extractPartitionKey(definition(path), item)).toEqual([value]);
  });

  test('hierarchical keys have one component for each path', () => {
    expect(extractPartitionKey(definition('/a', '/b/c'), { b: { c: 2 } })).toEqual([undefined, 2]);
  });

  test('a component of more than 2048 bytes is refused, counted in bytes', () => {
    const key = (a: string) => extractPartitionKey(definition('/a'), { a });
    expect(key('x'.repeat(2048))).toHaveLength(1);
    expect(key('é'.repeat(1024))).toHaveLength(1);
    expect(() => key('é'.repeat(1025))).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });

  test('half a surrogate pair is refused: as UTF-8 all of them would be one key', () => {
    const refused = expect.objectContaining({ code: 'BadRequest' });
    expect(() => extractPartitionKey(definition('/a'), { a: 'x\ud800' })).toThrow(refused);
    expect(() => completeKey(definition('/a'), ['\udc00'])).toThrow(refused);
    expect(completeKey(definition('/a'), ['\ud83d\ude00'])).toEqual(['😀']);
  });

  test('must be the one that the client named', () => {
    const match = (named: readonly (string | undefined)[] | undefined) =>
      matchPartitionKey(definition('/a'), { named, item: { a: 'x' } });
    expect(match(['x'])).toEqual(['x']);
    expect(match(undefined)).toEqual(['x']);
    for (const wrong of [['y'], [], ['x', 'y'], [undefined]]) {
      expect(() => match(wrong)).toThrow(expect.objectContaining({ code: 'PartitionKeyMismatch' }));
    }
  });

  test('of a legacy container, []: no key', () => {
    const legacy: PartitionKeyDefinition = { ...definition('/_partitionKey'), version: 1, systemKey: true };
    expect(matchPartitionKey(legacy, { named: [], item: { id: '1' } })).toEqual([undefined]);
    expect(matchPartitionKey(legacy, { named: ['k'], item: { _partitionKey: 'k' } })).toEqual(['k']);
  });
});

test('undefined, null and the empty string are three keys', () => {
  const keys = [[undefined], [null], [''], [0], [false]];
  for (const a of keys) for (const b of keys) expect(samePartitionKey(a, b)).toBe(a === b);
  expect(samePartitionKey(['a'], ['a', 'b'])).toBe(false);
});

test('paths part at slashes outside quotes', () => {
  expect(splitPath('/a/"b/c"/"d\\"e"/f')).toEqual(['a', 'b/c', 'd"e', 'f']);
});
