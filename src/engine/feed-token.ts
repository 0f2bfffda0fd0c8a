/**
 * Where a feed goes on. A token speaks of the key space and not of partitions, so it stays good when one of
 * them is split or merged meanwhile, and in another region: item numbers are the same everywhere.
 */
import { ByteReader, ByteWriter, murmur3x86Hash32 } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { EpkRange } from '../resource/index.ts';

/** A part of the key space that is left. */
export interface FeedSegment {
  readonly range: EpkRange;
  /** The query's own continuation in it; undefined when it was not begun. */
  readonly inner: string | undefined;
}

export interface FeedToken {
  /** When the first page was begun, in Unix milliseconds: what is constant for a query stays so. */
  readonly startedMs: number;
  /** By rising range, one or more; all keys above the last one are left too, not yet begun. */
  readonly segments: readonly FeedSegment[];
}

const FORMAT = 1;
/** Clients keep tokens in headers. */
const TOKEN_LENGTH_MAX = 1_024;

/** What a token is good for. */
export interface FeedIdentity {
  /** Rid: places of one container mean nothing in another, and would pass rows over. */
  readonly container: string;
  readonly queryText: string;
}

/** Text for a header, bound to the container and to the text of the query. */
export function encodeFeedToken(identity: FeedIdentity, { startedMs, segments }: FeedToken): string {
  const writer = new ByteWriter(128);
  writer.u8(FORMAT).u32be(hashOf(identity)).uint(startedMs).uint(segments.length);
  for (const { range, inner } of segments) {
    writer.string(range.min).string(range.max);
    writer.bytes(inner === undefined ? NOTHING : Buffer.from(inner, 'base64url'));
  }
  const body = writer.finish();
  return Buffer.concat([body, checksum(body)]).toString('base64url');
}

/** @throws DatabaseError `BadRequest` when the token was made for something else, or not made here at all. */
export function decodeFeedToken(identity: FeedIdentity, token: string): FeedToken {
  let decoded: FeedToken | undefined;
  try {
    decoded = decode(identity, token);
  } catch (cause) {
    // The reader met the end too early; anything else is a fault of ours.
    if (!(cause instanceof RangeError)) throw cause;
  }
  if (decoded === undefined) throw new DatabaseError('BadRequest', 'Invalid Continuation Token');
  return decoded;
}

function decode(identity: FeedIdentity, token: string): FeedToken | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  // Decoding is lenient; there must be one spelling only.
  if (bytes.length < 4 || bytes.toString('base64url') !== token) return undefined;
  const body = bytes.subarray(0, -4);
  if (!checksum(body).equals(bytes.subarray(-4))) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== FORMAT || reader.u32be() !== hashOf(identity)) return undefined;
  const startedMs = reader.uint();
  const segments: FeedSegment[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const range = { min: reader.string(), max: reader.string() };
    const inner = Buffer.from(reader.bytes());
    segments.push({ range, inner: inner.length === 0 ? undefined : inner.toString('base64url') });
  }
  return segments.length === 0 ? undefined : { startedMs, segments };
}

const NOTHING = new Uint8Array(0);

function hashOf({ container, queryText }: FeedIdentity): number {
  return murmur3x86Hash32(Buffer.from(queryText), murmur3x86Hash32(Buffer.from(container)));
}

function checksum(body: Uint8Array): Buffer {
  const sum = Buffer.allocUnsafe(4);
  // Another seed than that of the tokens inside, so that one is never taken for the other.
  sum.writeUInt32BE(murmur3x86Hash32(body, 0xfeed));
  return sum;
}

/** What two ranges have in common; undefined when that is nothing. Keys are compared as plain text. */
export function intersectRanges(a: EpkRange, b: EpkRange): EpkRange | undefined {
  const min = a.min < b.min ? b.min : a.min;
  const max = a.max < b.max ? a.max : b.max;
  return min < max ? { min, max } : undefined;
}

/** One partition's share of what a feed still has to read. */
export interface FeedStep<T> extends FeedSegment {
  readonly record: T;
}

/** What is left to read, by rising range, when `token` is where the page before ended. */
export function stepsAfter<T extends { readonly range: EpkRange }>(
  records: readonly T[],
  token: FeedToken | undefined,
): FeedStep<T>[] {
  if (token === undefined)
    return records.map((record) => ({ record, range: record.range, inner: undefined }));
  const last = token.segments[token.segments.length - 1]?.range.max ?? '';
  return records.flatMap((record) => {
    const steps: FeedStep<T>[] = [];
    for (const { range, inner } of token.segments) {
      const common = intersectRanges(range, record.range);
      if (common !== undefined) steps.push({ record, range: common, inner });
    }
    const rest = intersectRanges(record.range, { min: last, max: record.range.max });
    return rest === undefined ? steps : [...steps, { record, range: rest, inner: undefined }];
  });
}

/** The segments to name when these steps are left: those behind the last one begun go without saying. */
export function segmentsOf<T>(steps: readonly FeedStep<T>[]): FeedSegment[] {
  let count = 1;
  steps.forEach((step, index) => {
    if (step.inner !== undefined) count = index + 1;
  });
  return steps.slice(0, count).map(({ range, inner }) => ({ range, inner }));
}
