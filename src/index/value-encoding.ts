/**
 * JSON values as bytes that sort as the values do: undefined < null < false < true < number < string < array
 * < object. No encoded value is a prefix of another, so its end can be found from its front, and what
 * follows it in a key never disturbs the order.
 *
 *   undefined 10, null 20, false 30, true 31, array 60, object 70 (members are not told apart)
 *   number 40, then 8 bytes: IEEE double, big-endian, sign bit flipped; of negative ones all bits flipped
 *   string 50, payload, 00: the payload is UTF-8 with 00 and 01 written as 01 01 and 01 02
 *   string 50, payload, FF: the payload is longer than PAYLOAD_MAX and cut there
 *
 * The order of strings is that of code points. Lone surrogates, which JSON text may hold as escapes, are
 * encoded like other code points, so they keep their place and come back.
 */
import { assert, type Json } from '../base/index.ts';

export const TAG_UNDEFINED = 0x10;
export const TAG_NULL = 0x20;
export const TAG_FALSE = 0x30;
export const TAG_TRUE = 0x31;
export const TAG_NUMBER = 0x40;
export const TAG_STRING = 0x50;
export const TAG_ARRAY = 0x60;
export const TAG_OBJECT = 0x70;
/** Above every encoded value. */
export const TAG_END = 0x80;

/** Bytes of a string that an index entry tells apart. */
const PAYLOAD_MAX = 200;
const STRING_END = 0x00;
const STRING_CUT = 0xff;
const ESCAPE = 0x01;

/** No value needs more room while it is written: tag, payload, and the rest of a character that is cut. */
export const VALUE_BYTES_MAX = 1 + PAYLOAD_MAX + 4;

/** Bytes that grow at their end. Whoever writes has made sure of the room. */
export interface ByteSink {
  bytes: Buffer;
  length: number;
}

const view = new DataView(new ArrayBuffer(8));
const scratch: ByteSink = { bytes: Buffer.alloc(VALUE_BYTES_MAX), length: 0 };

/** The value's place in an index. Of arrays and objects that is the bare type, of long strings a prefix. */
export function encodeIndexValue(value: Json | undefined): Buffer {
  scratch.length = 0;
  writeIndexValue(scratch, value);
  return Buffer.from(scratch.bytes.subarray(0, scratch.length));
}

/** Appends the encoded value; takes up to VALUE_BYTES_MAX bytes of room. */
export function writeIndexValue(sink: ByteSink, value: Json | undefined): void {
  if (typeof value === 'string') writeString(sink, value);
  else if (typeof value === 'number') writeNumber(sink, value);
  else sink.bytes[sink.length++] = bareTag(value);
}

function bareTag(value: Exclude<Json, number | string> | undefined): number {
  if (value === undefined) return TAG_UNDEFINED;
  if (value === null) return TAG_NULL;
  if (typeof value === 'boolean') return value ? TAG_TRUE : TAG_FALSE;
  return Array.isArray(value) ? TAG_ARRAY : TAG_OBJECT;
}

function writeNumber(sink: ByteSink, value: number): void {
  // Adding zero turns -0 into 0: they are equal, so they must not have two places.
  view.setFloat64(0, value + 0);
  const high = view.getInt32(0);
  view.setInt32(0, high < 0 ? ~high : high ^ 0x8000_0000);
  if (high < 0) view.setInt32(4, ~view.getInt32(4));
  const { bytes } = sink;
  let at = sink.length;
  bytes[at++] = TAG_NUMBER;
  for (let i = 0; i < 8; i++) bytes[at++] = view.getUint8(i);
  sink.length = at;
}

function writeString(sink: ByteSink, text: string): void {
  sink.bytes[sink.length++] = TAG_STRING;
  const end = sink.length + PAYLOAD_MAX;
  const isWhole = writePayload(sink, text, end);
  if (!isWhole) sink.length = end;
  sink.bytes[sink.length++] = isWhole ? STRING_END : STRING_CUT;
}

/** Whether all of `text` went in before `end`; if not, up to 3 bytes may have gone beyond it. */
function writePayload(sink: ByteSink, text: string, end: number): boolean {
  const { bytes } = sink;
  let at = sink.length;
  let i = 0;
  for (; i < text.length && at < end; i++) {
    // By hand: for the short strings of most items, a call into the runtime costs more than the loop.
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit <= ESCAPE) bytes[at++] = ESCAPE;
      bytes[at++] = unit <= ESCAPE ? unit + 1 : unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = text.codePointAt(i) as number;
      if (point > 0xffff) {
        bytes[at++] = 0xf0 | (point >> 18);
        bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
        i += 1;
      } else {
        bytes[at++] = 0xe0 | (point >> 12);
      }
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  sink.length = at;
  return i === text.length && at <= end;
}

/** The payload that all strings beginning with `text` share; undefined when it is cut. */
export function stringPayload(text: string): Buffer | undefined {
  scratch.length = 0;
  const isWhole = writePayload(scratch, text, PAYLOAD_MAX);
  return isWhole ? Buffer.from(scratch.bytes.subarray(0, scratch.length)) : undefined;
}

/** Bytes from `offset` to the end of the encoded value that starts there. */
export function encodedValueLength(bytes: Uint8Array, offset: number): number {
  const tag = bytes[offset];
  assert(tag !== undefined && tag >= TAG_UNDEFINED && tag < TAG_END, 'an encoded value starts with its type');
  if (tag === TAG_NUMBER) return 9;
  if (tag !== TAG_STRING) return 1;
  let end = offset + 1;
  // UTF-8 has no byte FF, and 00 is escaped: the first of either ends the payload.
  while (bytes[end] !== STRING_END && bytes[end] !== STRING_CUT) {
    end += 1;
    assert(end < bytes.length, 'an encoded string has an end');
  }
  return end + 1 - offset;
}

/** Whether the bytes tell the value whole: false for long strings, arrays and objects. */
export function isExact(encoded: Uint8Array): boolean {
  const tag = encoded[0];
  if (tag === TAG_STRING) return encoded[encodedValueLength(encoded, 0) - 1] === STRING_END;
  return tag !== TAG_ARRAY && tag !== TAG_OBJECT;
}

/** The scalar at the front of the bytes; undefined also for what is not exact (see `isExact`). */
export function decodeIndexValue(encoded: Uint8Array): Exclude<Json, object> | null | undefined {
  switch (encoded[0]) {
    case TAG_NULL:
      return null;
    case TAG_FALSE:
      return false;
    case TAG_TRUE:
      return true;
    case TAG_NUMBER:
      return decodeNumber(encoded);
    case TAG_STRING:
      return isExact(encoded)
        ? decodePayload(encoded.subarray(1, encodedValueLength(encoded, 0) - 1))
        : undefined;
    default:
      return undefined;
  }
}

function decodeNumber(encoded: Uint8Array): number {
  for (let i = 0; i < 8; i++) view.setUint8(i, encoded[i + 1] as number);
  const high = view.getInt32(0);
  view.setInt32(0, high < 0 ? high ^ 0x8000_0000 : ~high);
  if (high >= 0) view.setInt32(4, ~view.getInt32(4));
  return view.getFloat64(0);
}

function decodePayload(payload: Uint8Array): string {
  let isPlain = true;
  for (let i = 0; i < payload.length && isPlain; i++) {
    const byte = payload[i] as number;
    isPlain = byte !== ESCAPE && !(byte === 0xed && (payload[i + 1] as number) >= 0xa0);
  }
  if (isPlain) return Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
  return decodeOddPayload(payload);
}

/** With escapes, or with lone surrogates, which the runtime's decoder would replace. */
function decodeOddPayload(payload: Uint8Array): string {
  let text = '';
  for (let i = 0; i < payload.length; ) {
    const first = payload[i] as number;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first === ESCAPE) {
      text += String.fromCharCode((payload[i + 1] as number) - 1);
      i += 2;
      continue;
    }
    let point = size === 1 ? first : first & (0x7f >> size);
    for (let j = 1; j < size; j++) point = (point << 6) | ((payload[i + j] as number) & 0x3f);
    text += String.fromCodePoint(point);
    i += size;
  }
  return text;
}
