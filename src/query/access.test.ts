import { expect, test } from 'vitest';
import { type Access, intersection, NOTHING, type ScanAccess, UNKNOWN, union } from './access.ts';

const scan = (name: string): ScanAccess => ({
  kind: 'scan',
  pathId: Buffer.from(name),
  range: { from: Buffer.of(1), to: Buffer.of(2) },
  isPoint: true,
  isBelowArray: false,
  isExact: true,
});

test('what has to be looked at stays so, however terms are put together', () => {
  const either = union([scan('a'), scan('b')]);
  expect(either).toMatchObject({ kind: 'or', isExact: true });
  const filtered = intersection([either, UNKNOWN]);
  expect(filtered).toMatchObject({ kind: 'or', isExact: false });
  const alone: Access = union([filtered, NOTHING]);
  expect(alone).toMatchObject({ kind: 'or', isExact: false });
  expect(union([filtered, scan('c')])).toMatchObject({ kind: 'or', isExact: false });
  expect(union([intersection([scan('a'), UNKNOWN]), NOTHING])).toMatchObject({
    kind: 'scan',
    isExact: false,
  });
  expect(intersection([filtered, scan('c')])).toMatchObject({ kind: 'and', isExact: false });
});
