import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { finish, type Steps } from '../../base/index.ts';
import { RegexSearch } from './regex-search.ts';

const PATTERNS = [
  '(a|b|ab)*c',
  '[a-z]+[0-9]',
  '(x+x+)+y',
  '\\bab\\b',
  '^a',
  'a$',
  '^(?:a|b)*$',
  '^ab+',
  '',
  'ab',
  '(ab)',
  'x*',
  '(?<=a)b+',
  '(?<!a)b(x|)',
  '(?m:^b.*$)',
  'a(?:a|b){6}x',
  '😀.|ß',
  '[^a]{2,3}?',
  '(?i)X[aB]+',
];
const LETTERS = ['a', 'b', 'x', 'y', 'c', '1', ' ', '\n', 'ß', '😀', 'B'];

/** Texts that follow from a seed. */
function textFrom(seed: number): string {
  let state = seed * 7_919 + 1;
  let text = '';
  for (let i = 0; i < seed % 60; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    text += LETTERS[(state >> 12) % (seed % 3 === 0 ? 3 : LETTERS.length)];
  }
  return text;
}

function all(regex: RE2JS, text: string): string[] {
  const search = new RegexSearch(regex, text);
  const found: string[] = [];
  for (let from = 0; ; ) {
    const match = finish(search.find(from));
    if (match === undefined) return found;
    found.push(text.slice(...match));
    from = search.behind(match);
  }
}

function piecesOf<T>(steps: Steps<T>): { pieces: number; value: T } {
  for (let pieces = 1; ; pieces++) {
    const step = steps.next();
    if (step.done === true) return { pieces, value: step.value };
  }
}

describe('a search led from outside finds what the library finds', () => {
  test.each(PATTERNS)('/%s/', (pattern) => {
    const regex = RE2JS.compile(pattern, RE2JS.LOOKBEHINDS);
    for (let seed = 0; seed < 240; seed++) {
      const text = textFrom(seed);
      const matcher = regex.matcher(text);
      const expected: (string | null)[] = [];
      while (matcher.find()) expected.push(matcher.group());
      expect(finish(new RegexSearch(regex, text).test()), text).toBe(expected.length > 0);
      expect(all(regex, text), text).toEqual(expected);
    }
  });

  test('in pieces, also when states become too many or lookbehinds are asked', () => {
    const text = `${'ab'.repeat(60_000)}ba1`;
    for (const pattern of ['(a|b)+[2-9]', '[ab]*a(?:a|b){12}[c2]', '(?<=1)[ab]+z?1', '^(?:ab)*[cd]']) {
      const regex = RE2JS.compile(pattern, RE2JS.LOOKBEHINDS);
      const { pieces, value } = piecesOf(new RegexSearch(regex, text).test());
      expect(value, pattern).toBe(regex.test(text));
      expect(pieces, pattern).toBeGreaterThan(1);
      expect(finish(new RegexSearch(regex, text).find(0)), pattern).toBeUndefined();
    }
    let state = 1;
    const random = Array.from({ length: 30_000 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return 'ab'[(state >> 16) & 1];
    }).join('');
    const many = RE2JS.compile('a[ab]{40}[cd]', RE2JS.LOOKBEHINDS);
    const { pieces, value } = piecesOf(new RegexSearch(many, random).test());
    expect([value, pieces > 10]).toEqual([false, true]);
    const regex = RE2JS.compile('[a-z]+1', RE2JS.LOOKBEHINDS);
    const found = piecesOf(new RegexSearch(regex, text).find(0));
    expect(found.value).toEqual([0, text.length]);
    expect(found.pieces).toBeGreaterThan(4);
  });
});
