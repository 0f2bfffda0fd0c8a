import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMPARE_AND_SET, type CompareAndSet, checkLinearizable } from './linearizability.ts';
import { linearizabilityViolation, type RegisterOperation } from './register-history.ts';

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

test('the search through all orders and the zones of registers agree', () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 5 }));
  const operation = fc.tuple(fc.constantFrom('read', 'write'), fc.integer({ min: 0, max: 3 }), span);
  let violations = 0;
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 9 }), (drawn) => {
      const written = new Set<number>();
      const operations = drawn.flatMap(([kind, number, [startMs, length]]): RegisterOperation[] => {
        if (kind === 'write' && (number === 0 || written.has(number))) return [];
        if (kind === 'write') written.add(number);
        const value = number === 0 ? undefined : number;
        const common = { key: 'x', region: 'A', startMs, endMs: startMs + length, value, isVoid: false };
        return [{ kind: kind === 'write' ? 'write' : 'read', ...common }];
      });
      const verdict = checkLinearizable(operations.map(asCompareAndSet), COMPARE_AND_SET);
      if (verdict === 'violation') violations += 1;
      expect(linearizabilityViolation(operations) === undefined).toBe(verdict === 'linearizable');
    }),
    { numRuns: 3_000, seed: 1 },
  );
  expect(violations).toBeGreaterThan(300);
});

function asCompareAndSet({ kind, value, startMs, endMs }: RegisterOperation): CompareAndSet {
  return { kind, value: String(value ?? ''), invokedAtMs: startMs, completedAtMs: endMs };
}
