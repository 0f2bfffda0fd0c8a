import { ByteReader, ByteWriter, murmur3x86Hash32 } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { ItemNumber } from './source.ts';

/**
 * Where the next page goes on. It says what was consumed, not how: the next page may be larger, may run on
 * another region's replica, and may choose other indexes.
 */
export interface Continuation {
  /** The last item of which nothing is left; -1 before the first. */
  readonly after: ItemNumber;
  /** The item that comes next, when a page ended among the rows of it. */
  readonly partial?: PartialItem;
  /** Of an ordered query: where that item stood in the order. */
  readonly order?: OrderPosition;
  /** Rows still to be left out. */
  readonly skip: number;
  /** Rows still to be given; Infinity without a limit. */
  readonly take: number;
}

export interface PartialItem {
  readonly number: ItemNumber;
  /** Rows of it that were consumed. */
  readonly rows: number;
}

export interface OrderPosition {
  /** Encoded sort values, one behind the other. */
  readonly value: Buffer;
  /** Place of the item among those with the same encoded value; used when the item is gone meanwhile. */
  readonly rank: number;
}

const FORMAT = 2;
const FLAG_ORDER = 1;
const FLAG_TAKE = 2;
const FLAG_PARTIAL = 4;
/** A header value of 1 KB, less what the engine puts around it. */
const TOKEN_LENGTH_MAX = 1_024;

/** At most 1 KB of header-safe text, bound to the text of the query. */
export function encodeContinuation(queryText: string, position: Continuation): string {
  const { after, partial, order, skip, take } = position;
  const writer = new ByteWriter(64);
  const isLimited = take !== Number.POSITIVE_INFINITY;
  writer.u8(FORMAT).u32be(hashOf(queryText));
  writer.u8(
    (order === undefined ? 0 : FLAG_ORDER) |
      (isLimited ? FLAG_TAKE : 0) |
      (partial === undefined ? 0 : FLAG_PARTIAL),
  );
  writer.uint(after + 1).uint(skip);
  if (isLimited) writer.uint(take);
  if (partial !== undefined) writer.uint(partial.number).uint(partial.rows);
  if (order !== undefined) writer.uint(order.rank).bytes(order.value);
  const body = writer.finish();
  return Buffer.concat([body, checksum(body)]).toString('base64url');
}

/** @throws DatabaseError `BadRequest` when `token` was not made for this text, or not made here at all. */
export function decodeContinuation(queryText: string, token: string): Continuation {
  let position: Continuation | undefined;
  try {
    position = decode(queryText, token);
  } catch (cause) {
    // The reader met the end too early; anything else is a fault of ours.
    if (!(cause instanceof RangeError)) throw cause;
  }
  if (position === undefined) throw new DatabaseError('BadRequest', 'Invalid Continuation Token');
  return position;
}

function decode(queryText: string, token: string): Continuation | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  // Decoding is lenient; there must be one spelling only.
  if (bytes.toString('base64url') !== token) return undefined;
  const body = bytes.subarray(0, -4);
  if (bytes.length < 4 || !checksum(body).equals(bytes.subarray(-4))) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== FORMAT || reader.u32be() !== hashOf(queryText)) return undefined;
  const flags = reader.u8();
  const after = reader.uint() - 1;
  const skip = reader.uint();
  const take = (flags & FLAG_TAKE) === 0 ? Number.POSITIVE_INFINITY : reader.uint();
  const isPartial = (flags & FLAG_PARTIAL) !== 0;
  const partial = isPartial ? { partial: { number: reader.uint(), rows: reader.uint() } } : {};
  if ((flags & FLAG_ORDER) === 0) return { after, skip, take, ...partial };
  const rank = reader.uint();
  return { after, skip, take, ...partial, order: { rank, value: Buffer.from(reader.bytes()) } };
}

function hashOf(queryText: string): number {
  return murmur3x86Hash32(Buffer.from(queryText));
}

function checksum(body: Uint8Array): Buffer {
  const sum = Buffer.allocUnsafe(4);
  sum.writeUInt32BE(murmur3x86Hash32(body, FORMAT));
  return sum;
}
