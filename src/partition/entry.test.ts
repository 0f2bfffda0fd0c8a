import { expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { LogDamagedError } from '../log/index.ts';
import type { Delete, Put } from '../merge/index.ts';
import { decodeEntry, encodeEntry, peekEntry } from './entry.ts';

const HEAD = { dot: { origin: 3, n: 7 }, context: new VersionVector([[2, 5]]), time: 4096 };
const DELETE: Delete = { kind: 'delete', ...HEAD, incarnations: [1027, 2051] };
const PATCH: Put = {
  kind: 'put',
  ...HEAD,
  incarnation: 1027,
  priority: 1.5,
  ttl: 60,
  patch: { base: { origin: 2, n: 5 }, edits: [{ kind: 'set', path: ['a', 'b'], value: { c: [1] } }] },
  body: Buffer.alloc(0),
};

const entries = { 'a delete': [DELETE], 'a patch': [PATCH], 'a transaction': [DELETE, PATCH] };

test.each(Object.entries(entries))('%s reads as it was written', (_, operations) => {
  const changes = operations.map((operation, at) => ({ itemKey: `item ${at}`, operation }));
  const bytes = encodeEntry({ changes });
  expect(decodeEntry(bytes)).toEqual({ changes });
  expect(peekEntry(bytes)).toEqual(HEAD);
});

test.each(Object.entries(entries))('%s that is cut short anywhere is damage', (_, operations) => {
  const bytes = encodeEntry({ changes: operations.map((operation) => ({ itemKey: 'item', operation })) });
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeEntry(bytes.subarray(0, length)), `cut to ${length}`).toThrow(LogDamagedError);
});

test('a value that is no JSON, and a vector that is none, are damage', () => {
  const bytes = encodeEntry({ changes: [{ itemKey: 'item', operation: PATCH }] });
  const text = Buffer.from(bytes);
  text.write('!', text.indexOf('{"c"'));
  expect(() => decodeEntry(text)).toThrow(LogDamagedError);
  const vector = Buffer.from(bytes);
  // Format, kind, origin, n, then the vector: how many origins, and the first of them.
  vector[5] = 0;
  expect(() => peekEntry(vector)).toThrow(LogDamagedError);
});
