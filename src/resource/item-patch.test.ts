import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { applyPatch, parsePatch } from './item-patch.ts';
import { type PathEdit, removeAt, setAt, valueAt } from './path-edit.ts';

const KEYS = [['pk'], ['deep', 'key']];

function patched(item: JsonObject, ...operations: JsonObject[]): JsonObject {
  const { item: after, edits } = applyPatch(item, parsePatch(operations, KEYS).operations);
  expect(replayed(item, edits), 'the edits alone do the same').toEqual(after);
  return after;
}

/** So many arrays, each in another one. */
function nested(levels: number): Json {
  let value: Json = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

function replayed(item: JsonObject, edits: readonly PathEdit[]): JsonObject {
  const copy = structuredClone(item);
  for (const edit of edits) {
    if (edit.kind === 'remove') removeAt(copy, edit.path);
    else if (edit.kind === 'set') setAt(copy, edit.path, edit.value);
    else setAt(copy, edit.path, Number(valueAt(copy, edit.path) ?? 0) + edit.by);
  }
  return copy;
}

function isRefused(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    expect(error.code).toBe('BadRequest');
    return true;
  }
}

describe('what an operation does', () => {
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['add makes a member', {}, { op: 'add', path: '/a', value: 1 }, { a: 1 }],
    ['add overwrites a member', { a: 1 }, { op: 'add', path: '/a', value: 2 }, { a: 2 }],
    ['add inserts into an array', { a: [1, 3] }, { op: 'add', path: '/a/1', value: 2 }, { a: [1, 2, 3] }],
    ['add at the length appends', { a: [1] }, { op: 'add', path: '/a/1', value: 2 }, { a: [1, 2] }],
    ['add at - appends', { a: [1] }, { op: 'add', path: '/a/-', value: 2 }, { a: [1, 2] }],
    ['add of null', {}, { op: 'add', path: '/a', value: null }, { a: null }],
    ['set makes a leaf', { a: {} }, { op: 'set', path: '/a/b', value: 1 }, { a: { b: 1 } }],
    ['set overwrites in an array', { a: [1, 3] }, { op: 'set', path: '/a/1', value: 2 }, { a: [1, 2] }],
    ['set at - appends', { a: [1] }, { op: 'set', path: '/a/-', value: 2 }, { a: [1, 2] }],
    ['replace', { a: { b: 1 } }, { op: 'replace', path: '/a/b', value: [] }, { a: { b: [] } }],
    ['replace of null', { a: null }, { op: 'replace', path: '/a', value: 1 }, { a: 1 }],
    ['remove', { a: 1, b: 2 }, { op: 'remove', path: '/a' }, { b: 2 }],
    ['remove from an array', { a: [1, 2, 3] }, { op: 'remove', path: '/a/1' }, { a: [1, 3] }],
    ['incr', { a: 1 }, { op: 'incr', path: '/a', value: -2.5 }, { a: -1.5 }],
    ['incr makes a missing leaf', {}, { op: 'incr', path: '/a', value: 5 }, { a: 5 }],
    ['incr in an array', { a: [1] }, { op: 'incr', path: '/a/0', value: 1 }, { a: [2] }],
    ['move', { a: 1 }, { op: 'move', from: '/a', path: '/b' }, { b: 1 }],
    ['~0 and ~1', { 'x/y~z': 1 }, { op: 'set', path: '/x~1y~0z', value: 2 }, { 'x/y~z': 2 }],
    ['~01 is ~1, not a slash', {}, { op: 'set', path: '/a~01', value: 2 }, { 'a~1': 2 }],
    ['a number is a name in an object', { a: {} }, { op: 'add', path: '/a/0', value: 1 }, { a: { 0: 1 } }],
  ])('%s', (_, item, operation, expected) => {
    expect(patched(item, operation)).toEqual(expected);
  });

  test('operations follow each other, and the item stays as it was', () => {
    const item = { a: [1], n: 1 };
    const after = patched(
      item,
      { op: 'add', path: '/a/-', value: 2 },
      { op: 'incr', path: '/a/1', value: 3 },
      { op: 'remove', path: '/n' },
    );
    expect(after).toEqual({ a: [1, 5] });
    expect(item).toEqual({ a: [1], n: 1 });
  });

  test('__proto__ is a name like any other', () => {
    const after = patched({}, { op: 'set', path: '/__proto__', value: { polluted: true } });
    expect(Object.hasOwn(after, '__proto__')).toBe(true);
    expect((after as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('refused', () => {
  test.each<[string, JsonObject, JsonObject]>([
    ['add beyond the end', { a: [1] }, { op: 'add', path: '/a/2', value: 1 }],
    ['add at no index', { a: [1] }, { op: 'add', path: '/a/x', value: 1 }],
    ['add at 01', { a: [1, 2] }, { op: 'add', path: '/a/01', value: 1 }],
    ['set below a missing parent', {}, { op: 'set', path: '/a/b', value: 1 }],
    ['set below a scalar', { a: 1 }, { op: 'set', path: '/a/b', value: 1 }],
    ['replace of nothing', {}, { op: 'replace', path: '/a', value: 1 }],
    ['replace at the length', { a: [1] }, { op: 'replace', path: '/a/1', value: 1 }],
    ['remove of nothing', {}, { op: 'remove', path: '/a' }],
    ['remove at the length', { a: [1] }, { op: 'remove', path: '/a/1' }],
    ['remove of what every object inherits', {}, { op: 'remove', path: '/toString' }],
    ['replace of what every object inherits', {}, { op: 'replace', path: '/toString', value: 1 }],
    ['incr of text', { a: '1' }, { op: 'incr', path: '/a', value: 1 }],
    ['incr of null', { a: null }, { op: 'incr', path: '/a', value: 1 }],
    ['incr by text', { a: 1 }, { op: 'incr', path: '/a', value: '1' }],
    ['incr beyond all numbers', { a: 1.7e308 }, { op: 'incr', path: '/a', value: 1.7e308 }],
    ['move of nothing', {}, { op: 'move', from: '/a', path: '/b' }],
  ])('%s', (_, item, operation) => {
    expect(isRefused(() => patched(item, operation))).toBe(true);
  });

  test.each<[string, Json]>([
    ['an empty list', []],
    ['an empty list with a condition', { condition: 'from c', operations: [] }],
    ['no list', { condition: 'from c' }],
    ['text', 'x'],
    ['more than ten', Array.from({ length: 11 }, (_, n) => ({ op: 'set', path: `/a${n}`, value: 1 }))],
    ['an unknown operation', [{ op: 'test', path: '/a', value: 1 }]],
    ['an operation in capitals', [{ op: 'Add', path: '/a', value: 1 }]],
    ['an operation that cannot be told', [{ op: { toString: 1 }, path: '/a', value: 1 }]],
    ['a path that cannot be told', [{ op: 'set', path: { toString: 1 }, value: 1 }]],
    ['no path', [{ op: 'add', value: 1 }]],
    ['a path without a slash', [{ op: 'add', path: 'a', value: 1 }]],
    ['the root', [{ op: 'add', path: '/', value: 1 }]],
    ['half a surrogate pair in a path', [{ op: 'add', path: '/a\ud800', value: 1 }]],
    ['a number that no double holds', [{ op: 'add', path: '/a', value: [Number.POSITIVE_INFINITY] }]],
    ['a value that nests too deep', [{ op: 'add', path: '/a', value: nested(128) }]],
    ['one that nests deeper than any stack', [{ op: 'add', path: '/a', value: nested(200_000) }]],
    ['no value', [{ op: 'set', path: '/a' }]],
    ['no source of a move', [{ op: 'move', path: '/a' }]],
    ['a condition that is no text', { condition: 1, operations: [{ op: 'remove', path: '/a' }] }],
    ...['/id', '/_rid', '/_etag', '/_ts', '/_self', '/_attachments'].map((path): [string, Json] => [
      path,
      [{ op: 'set', path, value: 1 }],
    ]),
    ['the partition key', [{ op: 'set', path: '/pk', value: 1 }]],
    ['a part of the partition key', [{ op: 'remove', path: '/pk/a' }]],
    ['what holds the partition key', [{ op: 'set', path: '/deep', value: {} }]],
    ['moving the partition key away', [{ op: 'move', from: '/deep/key', path: '/a' }]],
  ])('%s', (_, body) => {
    expect(isRefused(() => parsePatch(body, KEYS))).toBe(true);
  });

  test('as many levels as an item may have are not', () => {
    const operation = { op: 'set', path: '/a', value: nested(127) };
    expect(parsePatch([operation], KEYS).operations).toHaveLength(1);
    const large = { a: Number.POSITIVE_INFINITY };
    const { edits } = applyPatch(
      large,
      parsePatch([{ op: 'move', from: '/a', path: '/b' }], KEYS).operations,
    );
    expect(edits[1], 'what is there is told as others will read it').toMatchObject({ value: null });
  });

  test('ten are not too many', () => {
    const list = Array.from({ length: 10 }, (_, n) => ({ op: 'set', path: `/a${n}`, value: 1 }));
    expect(parsePatch(list, KEYS).operations).toHaveLength(10);
  });

  test('beside the partition key there is room', () => {
    expect(patched({ deep: { key: 1 } }, { op: 'set', path: '/deep/other', value: 2 })).toEqual({
      deep: { key: 1, other: 2 },
    });
  });
});

describe('the edits that replicate', () => {
  const editsOf = (item: JsonObject, ...operations: JsonObject[]) =>
    applyPatch(item, parsePatch(operations, KEYS).operations).edits;

  test('increments stay increments', () => {
    const edits = editsOf(
      { n: 1 },
      { op: 'incr', path: '/n', value: 2 },
      { op: 'incr', path: '/m', value: 3 },
    );
    expect(edits).toEqual([
      { kind: 'increment', path: ['n'], by: 2 },
      { kind: 'increment', path: ['m'], by: 3 },
    ]);
  });

  test('an array is one unit, whatever happens inside', () => {
    const item = { a: { list: [{ n: 1 }, 2] } };
    const edits = editsOf(
      item,
      { op: 'incr', path: '/a/list/0/n', value: 1 },
      { op: 'remove', path: '/a/list/1' },
    );
    expect(edits).toEqual([{ kind: 'set', path: ['a', 'list'], value: [{ n: 2 }] }]);
  });

  test('what a later operation overwrites is left out', () => {
    const edits = editsOf(
      { a: { b: 1, c: 1 }, d: 1 },
      { op: 'incr', path: '/a/b', value: 1 },
      { op: 'remove', path: '/a/c' },
      { op: 'incr', path: '/d', value: 1 },
      { op: 'set', path: '/a', value: { e: 1 } },
      { op: 'set', path: '/a/e', value: 2 },
      { op: 'move', from: '/d', path: '/f' },
    );
    expect(edits).toEqual([
      { kind: 'set', path: ['a'], value: { e: 1 } },
      { kind: 'set', path: ['a', 'e'], value: 2 },
      { kind: 'remove', path: ['d'] },
      { kind: 'set', path: ['f'], value: 2 },
    ]);
  });

  test('a move removes here and sets there', () => {
    expect(editsOf({ a: { x: 1 } }, { op: 'move', from: '/a', path: '/b' })).toEqual([
      { kind: 'remove', path: ['a'] },
      { kind: 'set', path: ['b'], value: { x: 1 } },
    ]);
  });
});
