import { describe, expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { Reports } from './reports.ts';

const at = (...entries: [number, number][]): VersionVector => new VersionVector(entries);

describe('rows', () => {
  test('only grow, whatever order the news come in', () => {
    const reports = new Reports();
    expect(reports.learn(1, 2, at([1, 5]), 0)).toBe(true);
    expect(reports.learn(1, 2, at([1, 3]), 0)).toBe(false);
    expect(reports.learn(1, 2, at([1, 2], [3, 1]), 0)).toBe(true);
    expect(reports.rows(1).get(2)?.toString()).toBe('1:5 3:1');
    expect(reports.rows(2).size).toBe(0);
  });

  test('do not change with the vector that was told', () => {
    const reports = new Reports();
    const told = at([1, 1]);
    reports.learn(1, 2, told, 0);
    told.advance(1, 9);
    expect(reports.rows(1).get(2)?.get(1)).toBe(1);
  });

  test('go with their partition, and with their member', () => {
    const reports = new Reports();
    for (const partition of [1, 2])
      for (const origin of [2, 3]) reports.learn(partition, origin, at([1, 1]), 0);
    reports.forget(1);
    reports.retain(new Set([3]));
    expect(reports.rows(1).size).toBe(0);
    expect([...reports.rows(2).keys()]).toEqual([3]);
  });
});

describe('known', () => {
  test('is what counts and what counted once, until the storage life is over', () => {
    const reports = new Reports();
    reports.learn(1, 2, at([1, 5], [2, 1]), 0);
    reports.retain(new Set());
    expect(reports.rows(1).size).toBe(0);
    reports.learn(1, 2, at([1, 2], [3, 4]), 0);
    reports.retain(new Set());
    reports.learn(1, 2, at([2, 7]), 0);
    expect(reports.known(1, 2).toString()).toBe('1:5 2:7 3:4');
    expect(reports.rows(1).get(2)?.toString()).toBe('2:7');
    expect(reports.known(1, 3).toString()).toBe('');
    reports.bury([2]);
    expect(reports.known(1, 2).toString()).toBe('2:7');
  });

  test('goes with its partition', () => {
    const reports = new Reports();
    reports.learn(1, 2, at([1, 5]), 0);
    reports.retain(new Set());
    reports.forget(1);
    expect(reports.known(1, 2).total()).toBe(0);
  });
});

describe('lag', () => {
  test('counts writes that are known of and missing, and how long the oldest has been', () => {
    const reports = new Reports();
    reports.learn(1, 2, at([2, 10]), 1_000);
    reports.hear(1, { origin: 2, n: 15 }, 1_400);
    expect(reports.lag(1, 2, at([2, 4]), 1_500)).toEqual({ operations: 11, ms: 500 });
    expect(reports.lag(1, 2, at([2, 10]), 1_500)).toEqual({ operations: 5, ms: 100 });
    expect(reports.lag(1, 2, at([2, 15]), 1_500)).toEqual({ operations: 0, ms: 0 });
    expect(reports.lag(1, 3, at(), 1_500)).toEqual({ operations: 0, ms: 0 });
  });

  test('stays exact at the ends however much is heard', () => {
    const reports = new Reports();
    for (let n = 1; n <= 1_000; n++) reports.hear(1, { origin: 2, n }, n);
    expect(reports.lag(1, 2, at(), 1_001)).toEqual({ operations: 1_000, ms: 1_000 });
  });
});
