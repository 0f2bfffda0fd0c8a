import { expect, test } from 'vitest';
import type { Value } from '../values.ts';
import { findFunction } from './function-table.ts';

function call(name: string, ...operands: Value[]): Value {
  const found = findFunction(name);
  if (found?.volatility !== 'immutable') throw new TypeError(`${name} is no function of its arguments`);
  return found.bind()(...operands);
}

test('one evaluator takes other patterns and modifiers as they come', () => {
  const found = findFunction('REGEXMATCH');
  if (found?.volatility !== 'immutable') throw new TypeError('it is a function of its arguments');
  const match = found.bind();
  expect(match('Ab', 'b')).toBe(true);
  expect(match('Ab', 'a')).toBe(false);
  expect(match('Ab', 'a', 'i')).toBe(true);
  expect(match('Ab', 'a', '')).toBe(false);
  expect(match('Ab', '(')).toBe(undefined);
  expect(match('Ab', 'A')).toBe(true);
});

test('patterns that make others search for ever are done in a moment', () => {
  const text = `${'a'.repeat(50_000)}b`;
  const startMs = performance.now();
  for (const pattern of ['^(a+)+$', '^(a|aa)+$', '(a*)*c', '(.*a.*a.*)+c']) {
    expect(call('REGEXMATCH', text, pattern), pattern).toBe(false);
  }
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test('a search that would be long all the same is refused', () => {
  const pattern = '[a-j]{1,400}[yz]';
  expect(call('REGEXMATCH', 'abc', pattern)).toBe(false);
  expect(() => call('REGEXMATCH', 'a'.repeat(100_000), pattern)).toThrow(/too large for a text that long/);
  expect(() => call('REGEXMATCH', 'a', '(a{400}){3}')).toThrow(/it is too large|it repeats too much/);
  expect(() => call('REGEXMATCH', 'a', '.{999}'.repeat(500))).toThrow('it repeats too much');
});
