import fc from 'fast-check';
import { RE2JS, RE2JSException } from 're2js';
import { expect, test } from 'vitest';
import { estimatedSize } from './pattern-size.ts';

const atom = fc.constantFrom(
  'a',
  'xyz',
  '.',
  '\\d',
  '\\.',
  '\\x{41}',
  '\\p{L}',
  '[a-c]',
  '[^]x]',
  '[\\]{9}]',
  '[[:alpha:]{5}]',
  '\\{7}',
);
const pattern = fc.letrec<{ part: string }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small' },
    atom,
    fc
      .tuple(tie('part'), fc.constantFrom('*', '+?', '?', '{3}', '{0,7}', '{2,}'))
      .map(([a, times]) => `(${a})${times}`),
    fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    fc.array(tie('part'), { minLength: 2, maxLength: 3 }).map((parts) => `(?:${parts.join('|')})`),
  ),
})).part;

test('what is estimated is what the compiler makes, but for some factor', () => {
  let largest = 0;
  fc.assert(
    fc.property(pattern, (source) => {
      let size: number;
      try {
        size = RE2JS.compile(source).programSize();
      } catch (error) {
        if (error instanceof RE2JSException) return;
        throw error;
      }
      largest = Math.max(largest, size);
      expect(estimatedSize(source)).toBeGreaterThan(size / 8 - 4);
      expect(estimatedSize(source)).toBeLessThan(size * 8 + 4);
    }),
    { numRuns: 500 },
  );
  expect(largest).toBeGreaterThan(100);
});

test('what repeats hundreds of thousands of times is told at once', () => {
  expect(estimatedSize('.{1000}'.repeat(500))).toBe(500_000);
  expect(estimatedSize('((a{10}){10}){10}')).toBeGreaterThan(1_000);
  expect(estimatedSize('a{2,}b')).toBe(4);
});
