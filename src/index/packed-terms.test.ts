import { expect, test } from 'vitest';
import type { JsonObject } from '../base/index.ts';
import { compileIndexingPolicy } from './indexer.ts';
import { NO_TERMS, packTerms, unpackTerms } from './packed-terms.ts';

function pack(terms: readonly string[], roomBytes: number): string {
  const bytes = Buffer.alloc(roomBytes);
  const ends: number[] = [];
  let length = 0;
  for (const term of terms) {
    length += bytes.write(term, length, 'latin1');
    ends.push(length);
  }
  return packTerms({ bytes, length }, ends);
}

test.each([
  [[]],
  [['']],
  [['a', '', 'bc']],
  [['\0\xff', 'x'.repeat(255), 'y'.repeat(256), 'z'.repeat(60_000)]],
  [Array.from({ length: 1_000 }, (_, i) => `term ${i}`)],
])('what is packed comes back', (terms) => {
  const bytes = terms.join('').length;
  for (const room of [bytes, 2 * bytes + 10_000]) expect(unpackTerms(pack(terms, room))).toEqual(terms);
});

test('an indexer packs the terms that it gives, those of large items too', () => {
  const indexer = compileIndexingPolicy({
    indexingMode: 'consistent',
    automatic: true,
    includedPaths: [{ path: '/*' }],
    excludedPaths: [{ path: '/"_etag"/?' }],
  });
  const items: JsonObject[] = [
    {},
    { id: 'a', tags: ['x', 'y', 'x'], at: { deep: [null, true, 1.5] }, text: 'ü\0\u0001\ud800' },
    { id: 'b', many: Array.from({ length: 3_000 }, (_, i) => `value ${i}`) },
    // More than two bytes can count.
    { id: 'c', many: Array.from({ length: 150_000 }, (_, i) => i) },
  ];
  for (const item of items) expect(unpackTerms(indexer.packedTerms(item))).toEqual(indexer.terms(item));
  expect(indexer.packedTerms({})).toBe(NO_TERMS);
});
