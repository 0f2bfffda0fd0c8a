import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SegmentMark } from './frame.ts';
import { LogDamagedError, LogVersionError } from './log.ts';

/**
 * The first 4 KiB of a segment file, written before the file gets its name and never again: a header that
 * does not check out is damage, never an unfinished start. The first 64 bytes keep their meaning in all
 * formats, so that any version can tell a newer file from a damaged one.
 *
 *   magic 8 | format u32 | crc u32 | segment number u48 | mark 8 | log id 16 | zeros
 */
export interface SegmentHeader extends SegmentMark {
  readonly number: number;
  /** Random bytes that all segments of one log share. */
  readonly logId: Buffer;
}

const SEGMENT_FORMAT = 1;
export const HEADER_BYTES = 64;
/** Where the first group stands: on a page that later writes never share with the header. */
export const DATA_START = 4096;

const MAGIC = Buffer.from('ORRERYLG', 'latin1');
const CRC_OFFSET = 12;

/** `format` is another one only in tests of what happens then. */
export function encodeSegmentHeader(
  header: Pick<SegmentHeader, 'number' | 'mark' | 'logId'> & { readonly format?: number },
): Buffer {
  const bytes = Buffer.alloc(DATA_START);
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(header.format ?? SEGMENT_FORMAT, 8);
  bytes.writeUIntBE(header.number, 16, 6);
  header.mark.copy(bytes, 22);
  header.logId.copy(bytes, 30);
  bytes.writeUInt32BE(headerCrc(bytes), CRC_OFFSET);
  return bytes;
}

/** @throws LogVersionError for a newer format, LogDamagedError for anything else than a header. */
export function decodeSegmentHeader(bytes: Buffer, name: string): SegmentHeader {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) {
    throw damage(name, 0, 'it does not start as a segment does');
  }
  if (bytes.readUInt32BE(CRC_OFFSET) !== headerCrc(bytes))
    throw damage(name, 0, 'its header does not check out');
  const format = bytes.readUInt32BE(8);
  if (format > SEGMENT_FORMAT) throw new LogVersionError(name, format, SEGMENT_FORMAT);
  const mark = Buffer.from(bytes.subarray(22, 30));
  return {
    number: bytes.readUIntBE(16, 6),
    mark,
    seed: seedOf(mark),
    logId: Buffer.from(bytes.subarray(30, 46)),
  };
}

export function seedOf(mark: Buffer): number {
  return crc32(mark);
}

function headerCrc(bytes: Buffer): number {
  const head = Buffer.from(bytes.subarray(0, HEADER_BYTES));
  head.writeUInt32BE(0, CRC_OFFSET);
  return crc32(head);
}

/** Random bytes out of a GUID: its first 4 and last 4 bytes, where no bits are fixed. */
export function markOf(uuid: string): Buffer {
  const digits = uuid.replaceAll('-', '');
  return Buffer.from(digits.slice(0, 8) + digits.slice(24), 'hex');
}

export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.segment`;
}

export function segmentPath(directory: string, number: number): string {
  return join(directory, segmentName(number));
}

/** Undefined for the names of other files. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{12})\.segment$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Every report of damage names the file and the place, for the operator who must look at it. */
export function damage(name: string, offset: number, reason: string): LogDamagedError {
  return new LogDamagedError(`log segment ${name} is damaged at offset ${offset}: ${reason}`);
}
