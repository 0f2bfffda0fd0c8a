import { expect, test } from 'vitest';
import { checkSession, type SessionOperation, type Version } from './session-history.ts';

const VERSIONS: Readonly<Record<string, Version>> = {
  first: { origin: 1, n: 1, context: new Map() },
  second: { origin: 1, n: 2, context: new Map([[1, 1]]) },
  other: { origin: 2, n: 1, context: new Map() },
};

function problems(
  ...operations: [kind: 'read' | 'write', version: string, vector: Record<number, number>][]
) {
  const session = operations.map(
    ([kind, version, vector]): SessionOperation => ({
      session: 's',
      kind,
      key: 'k',
      version: version === '' ? undefined : version,
      vector: new Map(Object.entries(vector).map(([origin, n]) => [Number(origin), n])),
    }),
  );
  return checkSession(session, (name) => VERSIONS[name]).length;
}

test('a session that only moves on is fine', () => {
  expect(problems(['write', 'first', { 1: 1 }], ['read', 'first', { 1: 1 }])).toBe(0);
  expect(problems(['read', 'first', { 1: 1 }], ['read', 'second', { 1: 2 }])).toBe(0);
  // Concurrent writes may win or lose.
  expect(problems(['read', 'other', { 2: 1 }], ['read', 'first', { 1: 1, 2: 1 }])).toBe(0);
});

test.each([
  ['its own write is not there', ['write', 'second', { 1: 2 }], ['read', 'first', { 1: 1 }]],
  ['reads go back', ['read', 'other', { 2: 1 }], ['read', 'first', { 1: 1 }]],
  ['an older version comes back', ['read', 'second', { 1: 2 }], ['read', 'first', { 1: 2 }]],
  ['a write does not follow what was read', ['read', 'other', { 2: 1 }], ['write', 'first', { 1: 1 }]],
  ['the token is too small', ['read', 'second', { 1: 1 }], ['read', 'second', { 1: 2 }]],
  ['nobody wrote it', ['read', 'unheard', { 1: 1 }], ['read', '', { 1: 1 }]],
] as const)('%s', (_, one, other) => {
  expect(problems([...one], [...other])).toBeGreaterThan(0);
});
