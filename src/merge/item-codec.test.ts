import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionError, ByteReader, ByteWriter, type Json } from '../base/index.ts';
import { hybridTime, VersionVector } from '../causality/index.ts';
import { decodeItemState, encodeItemState } from './item-codec.ts';
import { EMPTY_ITEM, type ItemState, type StoredPut } from './item-state.ts';
import type { PendingEdit } from './pending-edit.ts';

function encoded(state: ItemState, withoutVisibleBody: boolean): Buffer {
  const writer = new ByteWriter();
  encodeItemState(writer, state, { withoutVisibleBody });
  return writer.finish();
}

const dots = fc.record({
  origin: fc.integer({ min: 1, max: 1023 }),
  n: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
});
const contexts = fc.array(dots, { maxLength: 3 }).map((list) => {
  return new VersionVector(list.map(({ origin, n }): [number, number] => [origin, n]));
});
/** As text has them: -0 is 0 there. */
const jsonValues = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);
const paths = fc.array(fc.string(), { minLength: 1, maxLength: 3 });
const counter = {
  path: paths,
  terms: fc.array(fc.double({ noNaN: true }), { maxLength: 3 }),
  increments: fc.array(dots, { maxLength: 2 }),
};
const edits: fc.Arbitrary<PendingEdit> = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), base: dots, ...counter }),
  fc.record({
    kind: fc.constant('placed' as const),
    base: dots,
    path: paths,
    value: fc.option(jsonValues, { nil: undefined }),
    counters: fc.array(fc.record(counter), { maxLength: 2 }),
    dot: dots,
    index: fc.nat(9),
    context: contexts,
    priority: fc.option(fc.integer(), { nil: undefined }),
    time: fc.nat(),
  }),
);
const puts: fc.Arbitrary<StoredPut> = fc.record({
  dot: dots,
  time: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  incarnation: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  priority: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }),
  ttl: fc.option(fc.constantFrom(-1, 1, 2 ** 31 - 1), { nil: undefined }),
  patch: fc.option(
    fc.record({
      base: dots,
      context: fc.option(contexts, { nil: undefined }),
      merged: fc.option(fc.array(dots, { maxLength: 3 }), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const states: fc.Arbitrary<ItemState> = fc.record({
  siblings: fc.array(puts, { maxLength: 3 }),
  dead: fc.array(
    fc.record({ incarnation: fc.nat(), deletes: fc.array(dots, { minLength: 1, maxLength: 3 }) }),
    {
      maxLength: 2,
    },
  ),
  pending: fc.option(fc.array(edits, { minLength: 1, maxLength: 3 }), { nil: undefined }),
});

test('what is written is read, with and without the visible body', () => {
  fc.assert(
    fc.property(states, fc.boolean(), (state, withoutVisibleBody) => {
      const reader = new ByteReader(encoded(state, withoutVisibleBody));
      const decoded = decodeItemState(reader, withoutVisibleBody ? state.siblings[0]?.body : undefined);
      expect(decoded).toEqual(state);
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('a settled item takes about 20 bytes beside its document', () => {
  const put: StoredPut = {
    dot: { origin: 2, n: 1_000_000 },
    time: hybridTime(Date.UTC(2026, 0, 1)),
    incarnation: 2 ** 40,
    priority: undefined,
    body: Buffer.alloc(1000, 'x'),
  };
  const settled: ItemState = { siblings: [put], dead: [] };
  expect(encoded(settled, true).length).toBeLessThanOrEqual(20);
  expect(encoded(settled, false).length).toBeGreaterThan(1000);
});

test('a body is asked for when it was left out, and only then', () => {
  const put: StoredPut = {
    dot: { origin: 1, n: 1 },
    time: 1,
    incarnation: 1,
    priority: undefined,
    body: Buffer.from('{}'),
  };
  const state: ItemState = { siblings: [put], dead: [] };
  expect(() => decodeItemState(new ByteReader(encoded(state, true)))).toThrow(AssertionError);
  expect(() => decodeItemState(new ByteReader(encoded(state, false)), put.body)).toThrow(AssertionError);
  expect(decodeItemState(new ByteReader(encoded(EMPTY_ITEM, true)))).toEqual(EMPTY_ITEM);
});

test('bytes that end too early are a RangeError', () => {
  const put: StoredPut = {
    dot: { origin: 1, n: 1 },
    time: 1,
    incarnation: 1,
    priority: 3,
    body: Buffer.from('body'),
  };
  const bytes = encoded(
    { siblings: [put, put], dead: [{ incarnation: 1, deletes: [{ origin: 1, n: 1 }] }] },
    false,
  );
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeItemState(new ByteReader(Buffer.from(bytes.subarray(0, length))))).toThrow(RangeError);
  }
});
