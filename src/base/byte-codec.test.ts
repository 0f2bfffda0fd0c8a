import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionError } from './assert.ts';
import { ByteReader, ByteWriter } from './byte-codec.ts';

type Field =
  | { kind: 'u8' | 'u32be' | 'f64' | 'uint'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'bytes'; value: Uint8Array };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('u32be' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('uint' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array() }),
);

function write(writer: ByteWriter, { kind, value }: Field): void {
  if (kind === 'string') writer.string(value);
  else if (kind === 'bytes') writer.bytes(value);
  else writer[kind](value);
}

test('what is written is read back, whatever the buffer had to grow', () => {
  fc.assert(
    fc.property(fc.array(field), fc.integer({ min: 1, max: 64 }), (fields, initialBytes) => {
      const writer = new ByteWriter(initialBytes);
      for (const each of fields) write(writer, each);
      const bytes = writer.finish();
      expect(bytes.length).toBe(writer.length);
      const reader = new ByteReader(bytes);
      for (const { kind, value } of fields) {
        const read = reader[kind]();
        if (kind === 'bytes') expect(Buffer.compare(read as Buffer, value)).toBe(0);
        else expect(read).toBe(value);
      }
      expect(reader.remaining).toBe(0);
    }),
  );
});

test.each([
  [0, 1],
  [127, 1],
  [128, 2],
  [2 ** 31, 5],
  [2 ** 32 + 1, 5],
  [2 ** 49 - 1, 7],
  [2 ** 49, 8],
  [Number.MAX_SAFE_INTEGER, 8],
])('varint of %i takes %i bytes', (value, length) => {
  const bytes = new ByteWriter(1).uint(value).finish();
  expect(bytes.length).toBe(length);
  expect(new ByteReader(bytes).uint()).toBe(value);
});

test('a varint is unsigned and exact', () => {
  for (const value of [-1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => new ByteWriter().uint(value), String(value)).toThrow(AssertionError);
  }
});

test('every truncation of a record is a RangeError, never a wrong value', () => {
  const bytes = new ByteWriter()
    .u32be(7)
    .uint(300)
    .string('héllo')
    .f64(1.5)
    .bytes(Buffer.from('ab'))
    .finish();
  for (let length = 0; length < bytes.length; length++) {
    const reader = new ByteReader(bytes.subarray(0, length));
    const readAll = () => [reader.u32be(), reader.uint(), reader.string(), reader.f64(), reader.bytes()];
    expect(readAll, `cut to ${length}`).toThrow(RangeError);
  }
  expect(() => new ByteReader(Buffer.alloc(9, 0xff)).uint(), 'an endless varint').toThrow(RangeError);
});

test('bytes are views of what the reader was given, also of a part of a larger buffer', () => {
  const whole = new ByteWriter().u8(9).bytes(Buffer.from('view')).raw(Buffer.from('tail')).finish();
  const reader = new ByteReader(whole.subarray(1));
  const view = reader.bytes();
  whole.fill(0x78, 2, 6);
  expect(view.toString()).toBe('xxxx');
  expect(reader.position).toBe(5);
  expect(reader.rest().toString()).toBe('tail');
});
