import { describe, expect, test } from 'vitest';
import { type CausalOperation, checkCausal } from './causal-history.ts';

/** `A w x 1`: session A writes 1 to x; `A r x -`: finds nothing; `A d x`: deletes; `A ? x 1`: may write. */
function check(lines: readonly string[], isTotallyOrdered = true): string[] {
  const kinds = { w: 'write', r: 'read', d: 'delete', '?': 'write' } as const;
  const operations = lines.map((line): CausalOperation => {
    const [session = '', kind = 'r', key = '', value] = line.split(' ');
    return {
      session,
      key,
      kind: kinds[kind as keyof typeof kinds],
      value: value === '-' ? undefined : value,
      isAcknowledged: kind !== '?',
    };
  });
  return checkCausal(operations, { isTotallyOrdered });
}

describe('causal histories', () => {
  test.each([
    [['A w x 1', 'B r x 1', 'B w y 2', 'C r y 2', 'C r x 1']],
    [['A w x 1', 'B w x 2', 'C r x 1', 'C r x 2']],
    [['A w x 1', 'A d x', 'B r x 1', 'B r x -']],
    [['A ? x 1', 'A r x -', 'B r x 1']],
  ])('%j is fine', (lines) => {
    expect(check(lines)).toEqual([]);
  });

  test.each([
    ['a value from nowhere', ['A r x 1']],
    ['a value of another item', ['A w y 1', 'B r x 1']],
    ['an answer without what it answers', ['A w x 1', 'B r x 1', 'B w y 2', 'C r y 2', 'C r x -']],
    ['a value that was replaced', ['A w x 1', 'A w x 2', 'B r x 2', 'B r x 1']],
    ['read before it is written', ['A r x 1', 'A w y 2', 'B r y 2', 'B w x 1']],
  ])('%s is found', (_, lines) => {
    expect(check(lines)).not.toEqual([]);
  });

  test('two orders of concurrent writes are found where there is only one', () => {
    const lines = ['A w x 1', 'B w x 2', 'C r x 1', 'C r x 2', 'D r x 2', 'D r x 1'];
    const seen = ['A w x 1', 'B w x 2', 'A w a 3', 'B w b 4', ...both('C', 1), ...both('D', 2)];
    expect(check(lines)).not.toEqual([]);
    expect(check(seen)).not.toEqual([]);
    // When a property decides, a later write can make a loser win.
    expect(check(seen, false)).toEqual([]);
  });
});

/** A session that has both writes before it, and finds one of them. */
function both(session: string, value: number): string[] {
  return [`${session} r a 3`, `${session} r b 4`, `${session} r x ${value}`];
}
