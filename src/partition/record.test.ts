import { expect, test } from 'vitest';
import { itemKey } from './item-key.ts';
import { decodeDocument, encodeDocument } from './record.ts';

test('a document has all that its write said', () => {
  const key = itemKey('AA', 'i');
  const plain = {
    dot: { origin: 3, n: 7 },
    time: 12_345,
    incarnation: 2_051,
    priority: 1.5,
    ttl: 60,
    patch: undefined,
    body: Buffer.from('{"id":"i"}'),
  };
  for (const put of [
    plain,
    { ...plain, keeps: true as const },
    { ...plain, isUnindexed: true as const },
    { ...plain, keeps: true as const, contestsDeletes: true as const },
    { ...plain, keeps: true as const, isUnindexed: true as const },
  ]) {
    expect(decodeDocument(encodeDocument(key, put), put.incarnation)).toEqual({ key, put });
  }
});
