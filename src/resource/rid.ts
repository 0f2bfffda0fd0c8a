import { assert } from '../base/index.ts';

/**
 * Resource ids as clients meet them: base64 of a few bytes with '/' replaced by '-', a child's bytes starting
 * with its parent's. Clients read structure from them: a container's must be 8 bytes, those of documents must
 * rise with insertion when bytes 8 to 15 are read as a little-endian number, and a recreated resource must
 * have another.
 */
export type Rid =
  | { readonly kind: 'offer' | 'database'; readonly number: number }
  | { readonly kind: 'user' | 'container'; readonly database: string; readonly number: number }
  | {
      readonly kind: ContainerChild;
      readonly database: string;
      readonly container: string;
      readonly number: number;
    };

export type ContainerChild = keyof typeof CHILD_MARKS;

/** Top nibble of a container child's last byte, and the word of its kind in a self link. */
const CHILD_MARKS = {
  document: { nibble: 0, segment: 'docs' },
  conflict: { nibble: 4, segment: 'conflicts' },
  partitionKeyRange: { nibble: 5, segment: 'pkranges' },
  userDefinedFunction: { nibble: 6, segment: 'udfs' },
  trigger: { nibble: 7, segment: 'triggers' },
  storedProcedure: { nibble: 8, segment: 'sprocs' },
  schema: { nibble: 9, segment: 'schemas' },
} as const;

const DATABASE_BYTES = 4;
const CONTAINER_BYTES = 8;
const CHILD_BYTES = 16;
const OFFER_BYTES = 3;

/** Databases and offers ever made: their rids have three bytes that carry something. */
export const RID_NUMBER_MAX = 2 ** 24 - 1;
/** Containers and users ever made in one database: one bit of four bytes tells which it is. */
const SIBLINGS_MAX = 2 ** 31 - 1;

/** Of the 53 bits of a number. */
const NUMBER_BITS_ABOVE_32 = 21;

/** Odd, so that multiplying by it is reversible modulo any power of two: neighbours get unlike ids. */
const SCATTER = 0x9e3779b1 | 0;
const GATHER = inverse(SCATTER);

/** Multiplicative inverse modulo 2^32, by Newton's iteration: each step doubles the number of right bits. */
function inverse(odd: number): number {
  let result = odd;
  for (let step = 0; step < 4; step++) result = Math.imul(result, 2 - Math.imul(odd, result));
  return result;
}

/** `number`: from 1 to 2^24 - 1. */
export function databaseRid(number: number): string {
  assert(number >= 1 && number <= RID_NUMBER_MAX, 'database numbers have 24 bits');
  const bytes = Buffer.alloc(DATABASE_BYTES);
  bytes.writeUIntBE(scatter24(number), 0, 3);
  return encode(bytes);
}

/** `number`: from 1 to 2^24 - 1. */
export function offerRid(number: number): string {
  assert(number >= 1 && number <= RID_NUMBER_MAX, 'offer numbers have 24 bits');
  const bytes = Buffer.alloc(OFFER_BYTES);
  bytes.writeUIntBE(scatter24(number), 0, 3);
  return encode(bytes);
}

function scatter24(number: number): number {
  return Math.imul(number, SCATTER) & RID_NUMBER_MAX;
}

function gather24(scattered: number): number {
  return Math.imul(scattered, GATHER) & RID_NUMBER_MAX;
}

/** `number`: from 1 to 2^31 - 1. */
export function containerRid(database: string, number: number): string {
  return siblingRid(database, number, 0x80000000);
}

/** `number`: from 1 to 2^31 - 1. */
export function userRid(database: string, number: number): string {
  return siblingRid(database, number, 0);
}

function siblingRid(database: string, number: number, mark: number): string {
  assert(number >= 1 && number <= SIBLINGS_MAX, 'numbers of containers and users have 31 bits');
  const bytes = Buffer.alloc(CONTAINER_BYTES);
  decode(database, DATABASE_BYTES).copy(bytes);
  bytes.writeUInt32BE(((Math.imul(number, SCATTER) & SIBLINGS_MAX) | mark) >>> 0, DATABASE_BYTES);
  return encode(bytes);
}

/** Partitions of a container told apart in the rids of items: seven bits stand above the 53 of a number. */
const PARTITIONS_MAX = 128;

/**
 * `incarnation`: the item's number in its partition, below 2^53. It sits in the rid as it is, below some bits
 * of the partition's number, since clients tell the items of all partitions apart by rid: rids differ as long
 * as a container has no more than 128 partitions with consecutive numbers.
 */
export function documentRid(container: string, incarnation: number, partition: number): string {
  return childRid('document', container, incarnation, partition % PARTITIONS_MAX);
}

/** The rid of something in a container; `number` is below 2^53, `above` (what stands above it) below 2^7. */
export function childRid(kind: ContainerChild, container: string, number: number, above = 0): string {
  assert(Number.isSafeInteger(number) && number >= 0, 'numbers in rids are exact');
  const bytes = childBytes;
  // Writers come in runs for one container, whose half then stands there already.
  if (container !== childBytesOwner) {
    decode(container, CONTAINER_BYTES).copy(bytes);
    childBytesOwner = container;
  }
  bytes.writeUInt32LE(number >>> 0, 8);
  const high = Math.floor(number / 2 ** 32) + above * 2 ** NUMBER_BITS_ABOVE_32;
  bytes.writeUInt32LE(high + CHILD_MARKS[kind].nibble * 2 ** 28, 12);
  return encode(bytes);
}

const childBytes = Buffer.alloc(CHILD_BYTES);
let childBytesOwner = '';

/** What a rid names; undefined when the text is not a rid of a known kind in its one and only spelling. */
export function parseRid(text: string): Rid | undefined {
  const bytes = Buffer.from(text.replaceAll('-', '/'), 'base64');
  if (bytes.length === 0 || encode(bytes) !== text) return undefined;
  if (bytes.length === OFFER_BYTES) return { kind: 'offer', number: gather24(bytes.readUIntBE(0, 3)) };
  if (bytes.length === DATABASE_BYTES) {
    return bytes[3] === 0 ? { kind: 'database', number: gather24(bytes.readUIntBE(0, 3)) } : undefined;
  }
  if (bytes.length !== CONTAINER_BYTES && bytes.length !== CHILD_BYTES) return undefined;
  const database = encode(bytes.subarray(0, DATABASE_BYTES));
  const second = bytes.readUInt32BE(DATABASE_BYTES);
  if (bytes.length === CONTAINER_BYTES) {
    const number = Math.imul(second, GATHER) & SIBLINGS_MAX;
    return { kind: second >= 0x80000000 ? 'container' : 'user', database, number };
  }
  if (second < 0x80000000) return undefined;
  return parseChild(bytes, database);
}

function parseChild(bytes: Buffer, database: string): Rid | undefined {
  const last = bytes[15] ?? 0;
  for (const [kind, { nibble }] of Object.entries(CHILD_MARKS) as [ContainerChild, { nibble: number }][]) {
    if (nibble !== last >> 4) continue;
    const high = bytes.readUInt32LE(12) & (2 ** NUMBER_BITS_ABOVE_32 - 1);
    const number = bytes.readUInt32LE(8) + high * 2 ** 32;
    const hasMore = (bytes.readUInt32LE(12) & 0x0fff_ffff) !== high;
    if (hasMore && kind !== 'document') return undefined;
    return { kind, database, container: encode(bytes.subarray(0, CONTAINER_BYTES)), number };
  }
  return undefined;
}

/** The resource's `_self`: a rid path without a leading, with a trailing slash. */
export function selfLink(rid: string): string {
  const parsed = parseRid(rid);
  assert(parsed !== undefined, 'self links are made of our own rids');
  switch (parsed.kind) {
    case 'offer':
      return `offers/${rid}/`;
    case 'database':
      return `dbs/${rid}/`;
    case 'user':
      return `dbs/${parsed.database}/users/${rid}/`;
    case 'container':
      return `dbs/${parsed.database}/colls/${rid}/`;
    default:
      return `dbs/${parsed.database}/colls/${parsed.container}/${CHILD_MARKS[parsed.kind].segment}/${rid}/`;
  }
}

/**
 * `_self` of something in a container whose own `_self` is known: for hot paths, where parsing rids would
 * show.
 */
export function childSelfLink(kind: ContainerChild, containerSelfLink: string, rid: string): string {
  return `${containerSelfLink}${CHILD_MARKS[kind].segment}/${rid}/`;
}

function encode(bytes: Buffer): string {
  const text = bytes.toString('base64');
  return text.includes('/') ? text.replaceAll('/', '-') : text;
}

function decode(rid: string, length: number): Buffer {
  // Node reads '-' as the URL alphabet's '+', so it must be put back first.
  const bytes = Buffer.from(rid.replaceAll('-', '/'), 'base64');
  assert(bytes.length === length, 'a parent rid has its kind’s length');
  return bytes;
}
