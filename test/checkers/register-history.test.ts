import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMPARE_AND_SET, type CompareAndSet, checkLinearizable } from './linearizability.ts';
import { checkRegister, type RegisterOperation } from './register-history.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** `w a 1-3`: a write of a between 1 and 3 ms; `r - 1-3`: a read that finds nothing; `w a 1-`: nobody knows. */
function history(...lines: string[]): RegisterOperation[] {
  return lines.map((line) => {
    const [kind, value, time = ''] = line.split(' ');
    const [from, to] = time.split('-');
    return {
      kind: kind === 'w' ? 'write' : 'read',
      value: value === '-' ? undefined : value,
      invokedAtMs: Number(from),
      completedAtMs: to === '' ? NEVER : Number(to),
    };
  });
}

describe('registers whose values are written once', () => {
  test.each([
    [['w a 1-2', 'r a 3-4', 'w b 5-6', 'r b 7-8']],
    [['r - 0-1', 'w a 1-9', 'r - 2-3', 'r a 4-5']],
    [['w a 1-9', 'w b 1-9', 'r b 2-3', 'r a 4-10']],
    [['w a 1-', 'r a 5-6']],
    [['w a 1-', 'w b 2-3', 'r b 4-5']],
  ])('%j can be put in order', (lines) => {
    expect(checkRegister(history(...lines))).toBeUndefined();
  });

  test.each([
    ['a stale read', ['w a 1-2', 'w b 3-4', 'r a 5-6']],
    ['a read of the future', ['r a 1-2', 'w a 3-4']],
    ['a read of nothing after a write', ['w a 1-2', 'r - 3-4']],
    ['a value from nowhere', ['r x 1-2']],
    ['back and forth', ['w a 1-9', 'w b 1-9', 'r a 2-3', 'r b 4-5', 'r a 6-7']],
    ['a write that went by unseen', ['w a 1-2', 'w b 3-4', 'r a 5-6', 'w c 7-8']],
    ['one value twice', ['w a 1-2', 'w a 3-4']],
    ['an unknown write seen, then not', ['w a 1-2', 'w b 3-', 'r b 5-6', 'r a 7-8']],
  ])('%s is found', (_, lines) => {
    expect(checkRegister(history(...lines))).toBeDefined();
  });

  test('agrees with the search through all orders', () => {
    const span = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 5 }));
    const operation = fc.tuple(fc.constantFrom('read', 'write'), fc.integer({ min: 0, max: 3 }), span);
    let violations = 0;
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 9 }), (drawn) => {
        const written = new Set<number>();
        const operations = drawn.flatMap(([kind, number, [from, length]]): RegisterOperation[] => {
          if (kind === 'write' && (number === 0 || written.has(number))) return [];
          if (kind === 'write') written.add(number);
          const value = number === 0 ? undefined : `v${number}`;
          const times = { invokedAtMs: from, completedAtMs: from + length };
          return [{ kind: kind === 'write' ? 'write' : 'read', value, ...times }];
        });
        const verdict = checkLinearizable(operations.map(asCompareAndSet), COMPARE_AND_SET);
        if (verdict === 'violation') violations += 1;
        expect(checkRegister(operations) === undefined).toBe(verdict === 'linearizable');
      }),
      { numRuns: 3_000, seed: 1 },
    );
    expect(violations).toBeGreaterThan(300);
  });
});

function asCompareAndSet({ kind, value, ...times }: RegisterOperation): CompareAndSet {
  return { kind, value: value ?? '', ...times };
}

describe('compare-and-set', () => {
  const at = (invokedAtMs: number, completedAtMs: number) => ({ invokedAtMs, completedAtMs });
  const write = (value: string, expected: string | undefined, ...times: [number, number]): CompareAndSet => ({
    kind: 'write',
    value,
    expected,
    ...at(...times),
  });

  test('one of two that want the same wins', () => {
    const first = write('a', undefined, 0, 1);
    const lost: CompareAndSet = { kind: 'refused', expected: 'a', ...at(2, 5) };
    expect(checkLinearizable([first, write('b', 'a', 2, 4), lost], COMPARE_AND_SET)).toBe('linearizable');
    expect(checkLinearizable([first, write('b', 'a', 2, 4), write('c', 'a', 2, 5)], COMPARE_AND_SET)).toBe(
      'violation',
    );
    expect(checkLinearizable([first, lost], COMPARE_AND_SET)).toBe('violation');
  });

  test('gives up when it takes too long, and says so', () => {
    const many = Array.from({ length: 14 }, (_, place) => write(`v${place}`, undefined, 0, 100));
    const impossible: CompareAndSet = { kind: 'read', value: 'x', ...at(200, 201) };
    expect(checkLinearizable([...many, impossible], COMPARE_AND_SET, 500)).toBe('unknown');
  });
});
