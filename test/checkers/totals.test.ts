import { describe, expect, test } from 'vitest';
import { checkCounter } from './counter-history.ts';
import { checkSet } from './set-history.ts';
import { checkSnapshot } from './snapshot-history.ts';
import { checkSerializable, type ListTransaction } from './transaction-history.ts';

describe('sets', () => {
  const added = [
    { element: 'a', isAcknowledged: true },
    { element: 'b', isAcknowledged: undefined },
    { element: 'c', isAcknowledged: false },
  ];
  test('whole ones', () => {
    const whole = { lost: [], unexpected: [], duplicated: [], recovered: [] };
    expect(checkSet(added, ['a'])).toEqual(whole);
    expect(checkSet(added, ['a', 'b'])).toEqual({ ...whole, recovered: ['b'] });
  });

  test('lost, unexpected and duplicated elements', () => {
    expect(checkSet(added, ['b', 'b', 'c', 'd'])).toEqual({
      lost: ['a'],
      unexpected: ['c', 'd'],
      duplicated: ['b'],
      recovered: ['b'],
    });
  });
});

describe('counters', () => {
  const increments = [
    { by: 5, isAcknowledged: true },
    { by: 2, isAcknowledged: undefined },
    { by: -1, isAcknowledged: undefined },
    { by: 9, isAcknowledged: false },
  ];
  const check = (...values: number[]) =>
    checkCounter(increments, new Map(values.map((value, place) => [`R${place}`, value])));

  test('exact up to what nobody knows', () => {
    for (const value of [4, 5, 6, 7]) expect(check(value, value)).toEqual([]);
  });

  test('lost and doubled increments, and regions that differ', () => {
    for (const values of [
      [0, 0],
      [3, 3],
      [8, 8],
      [14, 14],
      [5, 6],
    ])
      expect(check(...values)).not.toEqual([]);
  });
});

describe('transactions on lists', () => {
  const one = (
    name: string,
    appends: Record<string, string>,
    reads: Record<string, string> = {},
    isCommitted: boolean | undefined = true,
  ): ListTransaction => ({
    name,
    isCommitted,
    appends: Object.entries(appends).map(([key, element]) => ({ key, element })),
    reads: Object.entries(reads).map(([key, text]) => ({ key, elements: text.split('').filter(Boolean) })),
  });

  test('a serial history', () => {
    expect(
      checkSerializable([
        one('T1', { x: 'a' }, { y: '' }),
        one('T2', { y: 'b' }, { x: 'a' }),
        one('T3', {}, { x: 'a', y: 'b' }),
        one('T4', { x: 'c' }, {}, undefined),
      ]),
    ).toEqual([]);
  });

  test.each([
    [
      'write skew',
      [one('T1', { x: 'a' }, { y: '' }), one('T2', { y: 'b' }, { x: '' }), one('T3', {}, { x: 'a', y: 'b' })],
    ],
    [
      'half a transaction',
      [one('T1', { x: 'a', y: 'b' }), one('T2', {}, { x: 'a', y: '' }), one('T3', {}, { y: 'b' })],
    ],
    [
      'two pasts',
      [one('T1', { x: 'a' }), one('T2', { x: 'b' }), one('T3', {}, { x: 'ab' }), one('T4', {}, { x: 'ba' })],
    ],
    ['a refused one', [one('T1', { x: 'a' }, {}, false), one('T2', {}, { x: 'a' })]],
    ['from nowhere', [one('T1', {}, { x: 'a' })]],
  ])('%s', (_, history) => {
    expect(checkSerializable(history)).not.toEqual([]);
  });
});

describe('snapshots of transactions', () => {
  const keys: Readonly<Record<string, readonly string[]>> = { T1: ['x', 'y'], T2: ['y'] };
  const check = (x: string | undefined, y: string | undefined) =>
    checkSnapshot(
      [
        { key: 'x', transaction: x },
        { key: 'y', transaction: y },
      ],
      { keysOf: (name) => keys[name] ?? [], isLater: (_, later, earlier) => later > earlier },
    ).length;

  test('whole, or followed by later ones', () => {
    for (const [x, y] of [
      ['T1', 'T1'],
      ['T1', 'T2'],
      [undefined, undefined],
    ])
      expect(check(x, y)).toBe(0);
  });

  test('half of one', () => {
    for (const [x, y] of [
      ['T1', undefined],
      [undefined, 'T1'],
      ['T1', 'T0'],
    ])
      expect(check(x, y)).toBe(1);
  });
});
