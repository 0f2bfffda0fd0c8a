import { assert } from './assert.ts';

/**
 * Appends binary fields to a growing buffer. Integers are unsigned varints (LEB128) unless the name
 * says otherwise, strings are length-prefixed UTF-8.
 */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u32be(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
    return this;
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleBE(value, this.#length);
    return this;
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(value: number): this {
    assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'varints are unsigned and exact');
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.byteLength(value);
    this.uint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
    return this;
  }

  /** Length-prefixed bytes. */
  bytes(value: Uint8Array): this {
    return this.uint(value.length).raw(value);
  }

  /** Bytes without a length; the reader must know where they end. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** The bytes written so far, copied to exactly their size. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /**
   * The same without a copy, for bytes that soon go: they may stand in a longer buffer. Nothing is written
   * after it, unless after `clear`, which may overwrite them.
   */
  take(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Begins anew, in the same memory. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/**
 * Reads what ByteWriter wrote. Reading past the end throws RangeError: the caller decides what damage
 * means.
 */
export class ByteReader {
  readonly #buffer: Buffer;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#buffer.length - this.#position;
  }

  u8(): number {
    this.#need(1);
    return this.#buffer[this.#position++] as number;
  }

  u32be(): number {
    const value = this.#buffer.readUInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  f64(): number {
    const value = this.#buffer.readDoubleBE(this.#position);
    this.#position += 8;
    return value;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 1; length <= 8; length++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError('varint is too long');
  }

  string(): string {
    const length = this.uint();
    this.#need(length);
    const value = this.#buffer.toString('utf8', this.#position, this.#position + length);
    this.#position += length;
    return value;
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    return this.raw(this.uint());
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number): Buffer {
    this.#need(length);
    const value = this.#buffer.subarray(this.#position, this.#position + length);
    this.#position += length;
    return value;
  }

  /** A view of everything that is left. */
  rest(): Buffer {
    return this.raw(this.remaining);
  }

  #need(bytes: number): void {
    if (this.#position + bytes > this.#buffer.length) throw new RangeError('read past the end');
  }
}
