import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { formatSessionToken, parseSessionTokens } from './session-token.ts';
import { VersionVector } from './version-vector.ts';

function demand(header: string, rangeIds: readonly string[] = ['0']): string | undefined {
  return parseSessionTokens(header, rangeIds)?.toString();
}

describe('what we write', () => {
  const vector = new VersionVector([
    [1, 5],
    [3, 12],
  ]);

  test('lists every origin of the epoch, those at 0 too, since clients refuse a changed list', () => {
    expect(formatSessionToken('0', { version: 4, vector }, [1, 2, 3])).toBe('0:4#17#1=5#2=0#3=12');
  });

  test('is what we read', () => {
    const text = formatSessionToken('7', { version: 4, vector }, [1, 2, 3]);
    expect(parseSessionTokens(text, ['7'])?.equals(vector)).toBe(true);
  });
});

describe('what clients send', () => {
  test('several ranges in one header: only the asked one counts', () => {
    expect(demand('0:1#5#1=5#2=3,3:1#9#1=2#2=9', ['3'])).toBe('1:2 2:9');
    expect(demand('0:1#5#1=5, 3:1#9#1=2', ['3'])).toBe('1:2');
  });

  test('a range and its ancestors are joined', () => {
    expect(demand('0:1#5#1=5#2=1,1:2#9#1=2#2=9', ['1', '0'])).toBe('1:5 2:9');
  });

  test('a token of other ranges demands nothing', () => {
    expect(demand('10:1#5#1=5', ['1', '0'])).toBeUndefined();
  });

  test('simple tokens and tokens without regions demand nothing', () => {
    expect(demand('0:5')).toBe('');
    expect(demand('0:-2#17')).toBe('');
    expect(demand('0:-1#-1#1=-1')).toBe('');
  });

  test.each([
    'nonsense',
    ':1#5',
    '0:',
    '0:x#5',
    '0:1#x#1=5',
    '0:1#5#1',
    '0:1#5#1=x',
    '0:1#5#0=1',
    '0:1#5#1024=1',
    '0:1#5#1=9999999999999999',
    '0:1#5#1=1.5',
    '0:1#5,',
  ])('%s is refused', (header) => {
    expect(() => demand(header)).toThrow(DatabaseError);
    expect(() => demand(header)).toThrow(/session token/);
  });

  test('a refusal does not echo megabytes', () => {
    const header = 'x'.repeat(1_000_000);
    try {
      demand(header);
      expect.unreachable();
    } catch (error) {
      expect(String(error).length).toBeLessThan(400);
    }
  });
});
