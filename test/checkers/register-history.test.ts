import { describe, expect, test } from 'vitest';
import { linearizabilityViolation, type RegisterOperation, stalenessViolation } from './register-history.ts';

const FOR_EVER = Number.POSITIVE_INFINITY;

function write(value: number, startMs: number, endMs: number): RegisterOperation {
  return { key: 'x', kind: 'write', region: 'A', startMs, endMs, value, isVoid: false };
}

function read(value: number | undefined, startMs: number, endMs: number): RegisterOperation {
  return { key: 'x', kind: 'read', region: 'B', startMs, endMs, value, isVoid: false };
}

describe('linearizability', () => {
  test.each<[string, RegisterOperation[]]>([
    ['nothing', []],
    ['the beginning, then what was written', [read(undefined, 0, 1), write(1, 2, 4), read(1, 5, 6)]],
    ['either of two while a write is under way', [write(1, 0, 10), read(1, 1, 3), read(1, 4, 5)]],
    [
      'writes that overlap, in either order',
      [write(1, 0, 10), write(2, 0, 10), read(2, 11, 12), read(2, 13, 14)],
    ],
    [
      'a write with an unknown outcome that nobody sees',
      [write(1, 0, 1), write(2, 2, FOR_EVER), read(1, 9, 10)],
    ],
    [
      'a write with an unknown outcome that is seen late',
      [write(1, 0, 1), write(2, 2, FOR_EVER), read(2, 99, 100)],
    ],
    ['a void read', [write(1, 0, 1), { ...read(undefined, 5, 6), isVoid: true }]],
  ])('%s', (_, history) => {
    expect(linearizabilityViolation(history)).toBeUndefined();
  });

  test.each<[string, RegisterOperation[]]>([
    ['a value that nobody wrote', [read(7, 0, 1)]],
    ['a value before it was written', [read(1, 0, 1), write(1, 2, 3)]],
    ['an old value after the write', [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]],
    ['the beginning after the write', [write(1, 0, 1), read(undefined, 2, 3)]],
    [
      'new, then old, while the write is under way',
      [write(1, 0, 1), write(2, 2, 20), read(2, 3, 4), read(1, 5, 6)],
    ],
    [
      'what is known to be there, then gone',
      [write(1, 0, 1), write(2, 2, FOR_EVER), read(2, 3, 4), read(1, 5, 6)],
    ],
  ])('%s is found', (_, history) => {
    expect(linearizabilityViolation(history)).toBeDefined();
  });
});

describe('staleness', () => {
  const bound = { operations: 3, ms: 100 };
  const five = [1, 2, 3, 4, 5].map((value) => write(value, value * 10, value * 10 + 1));

  test('what is missing may be young and few', () => {
    expect(stalenessViolation([...five, read(3, 60, 61), read(5, 999, 1_000)], bound)).toBeUndefined();
    expect(stalenessViolation([...five, read(undefined, 30, 31)], bound)).toBeUndefined();
  });

  test('the writes of one transaction are one operation', () => {
    const all = five.map((one) => ({ ...one, position: Math.min(3, one.value ?? 0) }));
    expect(stalenessViolation([...all, read(1, 60, 61)], bound)).toBeUndefined();
  });

  test('too many, or too old, is found', () => {
    expect(stalenessViolation([...five, read(1, 60, 61)], bound)).toMatch(/4 operations/);
    expect(stalenessViolation([...five, read(4, 152, 153)], bound)).toMatch(/ms after 5/);
  });
});
