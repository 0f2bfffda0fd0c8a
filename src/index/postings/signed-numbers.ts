/**
 * The numbers of the items that have a term, as postings keep them: rising, each once. A number that a run
 * takes away (an older run gave it) stands there as `-1 - number`, so one list tells both.
 *
 * Numbers are insertion sequences times 1024 plus an origin, so what changes from one to the next is mostly
 * the sequence:
 *
 *   first   varint sequence, varint origin
 *   others  varint (difference of the sequences * 2), or, when the origin is another one, that plus 1 and
 *           then varint origin
 *
 * In a list with removals every sequence and difference is doubled once more, plus 1 for a removed number.
 */
import { assert } from '../../base/index.ts';

/** A number, or -1 minus a number that is taken away. */
export type SignedNumber = number;

/** Sequence steps are multiples of this, see merge's `Incarnation`. */
const ORIGINS = 1024;

/** No encoded number needs more room. */
export const NUMBER_BYTES_MAX = 11;

/** Bytes that grow at their end. */
export interface ByteRoom {
  bytes: Buffer;
  length: number;
}

/** Makes sure that `count` more bytes fit. */
export function reserve(room: ByteRoom, count: number): void {
  if (room.length + count <= room.bytes.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(room.bytes.length * 2, room.length + count));
  room.bytes.copy(grown, 0, 0, room.length);
  room.bytes = grown;
}

/** Appends an unsigned LEB128 varint below 2^53; the caller has reserved the room. */
export function writeVarint(room: ByteRoom, value: number): void {
  const { bytes } = room;
  let at = room.length;
  let rest = value;
  while (rest >= 0x80) {
    if (rest < 0x4000_0000) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    } else {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
  }
  bytes[at++] = rest;
  room.length = at;
}

/** A place in bytes that moves forward as they are read. */
export interface BytePlace {
  readonly bytes: Uint8Array;
  at: number;
}

export function readVarint(place: BytePlace): number {
  const { bytes } = place;
  let byte = bytes[place.at++] as number;
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  for (let scale = 0x80; ; scale *= 0x80) {
    byte = bytes[place.at++] as number;
    assert(byte !== undefined, 'a varint ends within its block');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
}

export function numberIn(signed: SignedNumber): number {
  return signed < 0 ? -1 - signed : signed;
}

/** Whether any of `list[from..to)` is a removal. */
export function hasRemovals(list: readonly SignedNumber[], from = 0, to = list.length): boolean {
  for (let i = from; i < to; i++) if ((list[i] as number) < 0) return true;
  return false;
}

/** Appends `list[from..to)`, which is not empty. */
export function writeNumbers(
  room: ByteRoom,
  list: readonly SignedNumber[],
  { from, to, withRemovals }: { from: number; to: number; withRemovals: boolean },
): void {
  reserve(room, (to - from) * NUMBER_BYTES_MAX);
  let lastSequence = 0;
  let lastOrigin = -1;
  for (let i = from; i < to; i++) {
    const signed = list[i] as number;
    const number = signed < 0 ? -1 - signed : signed;
    const sequence = Math.floor(number / ORIGINS);
    const origin = number - sequence * ORIGINS;
    const step = sequence - lastSequence;
    let code = i === from ? step : step * 2 + (origin === lastOrigin ? 0 : 1);
    if (withRemovals) code = code * 2 + (signed < 0 ? 1 : 0);
    writeVarint(room, code);
    if (origin !== lastOrigin) writeVarint(room, origin);
    lastSequence = sequence;
    lastOrigin = origin;
  }
}

/** Reads `count` numbers that `writeNumbers` wrote. */
export function readNumbers(place: BytePlace, count: number, withRemovals: boolean): SignedNumber[] {
  const list: SignedNumber[] = new Array(count);
  let sequence = 0;
  let origin = 0;
  for (let i = 0; i < count; i++) {
    let code = readVarint(place);
    let isRemoved = false;
    if (withRemovals) {
      isRemoved = code % 2 === 1;
      code = Math.floor(code / 2);
    }
    if (i === 0) {
      sequence = code;
      origin = readVarint(place);
    } else {
      sequence += Math.floor(code / 2);
      if (code % 2 === 1) origin = readVarint(place);
    }
    const number = sequence * ORIGINS + origin;
    list[i] = isRemoved ? -1 - number : number;
  }
  return list;
}

/** Rising by number. */
export function compareSigned(a: SignedNumber, b: SignedNumber): number {
  return numberIn(a) - numberIn(b);
}

/**
 * In place, in either order: numbers that stand together become one, or none when one gives what another
 * takes away.
 */
export function sumEqual(sorted: SignedNumber[]): SignedNumber[] {
  let length = 0;
  for (let i = 0; i < sorted.length; ) {
    const number = numberIn(sorted[i] as number);
    let sum = 0;
    for (; i < sorted.length && numberIn(sorted[i] as number) === number; i++) {
      sum += (sorted[i] as number) < 0 ? -1 : 1;
    }
    assert(sum >= -1 && sum <= 1, 'a term is given to an item once, and taken away once');
    if (sum !== 0) sorted[length++] = sum < 0 ? -1 - number : number;
  }
  sorted.length = length;
  return sorted;
}
