import { assert, murmur3x64Hash128, murmur3x86Hash32 } from '../base/index.ts';
import { completeKey, completeKeyOrPrefix } from './partition-key.ts';
import type {
  EffectivePartitionKey,
  EpkRange,
  KeyComponent,
  PartitionKey,
  PartitionKeyDefinition,
  Throughput,
} from './types.ts';

/**
 * Where a partition key stands in its container's key space. The published functions, bit for bit: clients
 * compute them too and send requests to the range they find.
 *
 * Version 1 keys come out in the service's form. The JavaScript client leaves out a last group `00` of a
 * number; its shorter text sorts between the same neighbours, so ranges made of it hold the same items.
 */

/** V1 hashes and stores this many UTF-16 units of a string, and at most this many bytes of them. */
const V1_STRING_MAX = 100;

/** One hash's share of a V2 key, in hex digits; the low 126 of its 128 bits are used. */
const V2_HEX_LENGTH = 32;

const enumerable = { undefined: 0x00, null: 0x01, false: 0x02, true: 0x03 } as const;
const TYPE_NUMBER = 0x05;
const TYPE_STRING = 0x08;

/** One scratch space for all keys: a component is at most 2048 bytes, plus its frame. */
const scratch = Buffer.alloc(2048 + 16);

/**
 * The effective partition key of a full key.
 * @throws DatabaseError `PartitionKeyMismatch` on wrong arity, `BadRequest` on a component that is too long.
 */
export function effectivePartitionKey(
  definition: PartitionKeyDefinition,
  key: PartitionKey,
): EffectivePartitionKey {
  const complete = completeKey(definition, key);
  if (definition.version === 1) return hashV1(complete[0]);
  if (complete.length === 1) return hashV2(complete[0]);
  return complete.map(hashV2).join('');
}

/**
 * The range that holds exactly the items of a full key, or of all keys with a prefix (hierarchical keys
 * only).
 *
 * A point is [epk, epk + '00'). No other key sorts in between, because none of a container's keys is the
 * start of another (V2 keys have one length; V1 numbers and strings mark their end), and the bound stays
 * plain hex.
 * @throws DatabaseError as `effectivePartitionKey`.
 */
export function partitionKeyRange(definition: PartitionKeyDefinition, keyOrPrefix: PartitionKey): EpkRange {
  const key = completeKeyOrPrefix(definition, keyOrPrefix);
  if (key.length === definition.paths.length) {
    const min = effectivePartitionKey(definition, key);
    return { min, max: `${min}00` };
  }
  const min = key.map(hashV2).join('');
  // Hashes start with at most 3F, so nothing that goes on from here reaches FF.
  return { min, max: `${min}FF` };
}

function hashV2(component: KeyComponent): string {
  const [h1, h1Low, h2, h2Low] = murmur3x64Hash128(scratch.subarray(0, writeHashInput(component, 0xff)));
  // The top two bits are cleared to keep every key below 'FF', the end of the space.
  scratch.writeUInt32BE((h2 & 0x3fffffff) >>> 0, 0);
  scratch.writeUInt32BE(h2Low, 4);
  scratch.writeUInt32BE(h1, 8);
  scratch.writeUInt32BE(h1Low, 12);
  return scratch.toString('hex', 0, 16).toUpperCase();
}

function hashV1(component: KeyComponent): string {
  const value = typeof component === 'string' ? component.slice(0, V1_STRING_MAX) : component;
  const hash = murmur3x86Hash32(scratch.subarray(0, writeHashInput(value, 0x00)));
  let end = writeOrderedNumber(hash, 0);
  if (typeof value === 'string') end = writeOrderedString(value, end);
  else if (typeof value === 'number') end = writeOrderedNumber(value, end);
  else scratch[end++] = typeByte(value);
  return scratch.toString('hex', 0, end).toUpperCase();
}

function typeByte(value: null | boolean | undefined): number {
  if (value === undefined) return enumerable.undefined;
  if (value === null) return enumerable.null;
  return value ? enumerable.true : enumerable.false;
}

/** Fills `scratch` with what is hashed for one component and returns its length. */
function writeHashInput(component: KeyComponent, stringEnd: number): number {
  if (typeof component === 'string') {
    scratch[0] = TYPE_STRING;
    const end = 1 + scratch.write(component, 1, 'utf8');
    scratch[end] = stringEnd;
    return end + 1;
  }
  if (typeof component === 'number') {
    scratch[0] = TYPE_NUMBER;
    return scratch.writeDoubleLE(component, 1);
  }
  scratch[0] = typeByte(component);
  return 1;
}

const pattern = new DataView(new ArrayBuffer(8));

/** Memory-comparable form of a double, in groups of seven bits after the first byte. */
function writeOrderedNumber(value: number, start: number): number {
  pattern.setFloat64(0, value);
  const bits = pattern.getBigUint64(0);
  const ordered = bits >> 63n === 0n ? bits ^ (1n << 63n) : BigInt.asUintN(64, -bits);
  let end = start;
  scratch[end++] = TYPE_NUMBER;
  scratch[end++] = Number(ordered >> 56n);
  let rest = BigInt.asUintN(64, ordered << 8n);
  do {
    const group = Number(rest >> 57n) << 1;
    rest = BigInt.asUintN(64, rest << 7n);
    // The low bit of a group tells that more non-zero bits follow.
    scratch[end++] = rest === 0n ? group : group | 1;
  } while (rest !== 0n);
  return end;
}

function writeOrderedString(value: string, start: number): number {
  const bytes = Buffer.from(value);
  const isShort = bytes.length <= V1_STRING_MAX;
  let end = start;
  scratch[end++] = TYPE_STRING;
  for (const byte of isShort ? bytes : bytes.subarray(0, V1_STRING_MAX + 1)) {
    scratch[end++] = byte === 0xff ? byte : byte + 1;
  }
  if (isShort) scratch[end++] = 0;
  return end;
}

const MANUAL_SINGLE_RANGE_MAX = 10_000;
const MANUAL_PER_RANGE = 6_000;
const AUTOSCALE_PER_RANGE = 10_000;

/**
 * The ranges that a new container starts with: equal shares of the key space, complete and without gaps.
 * Undefined throughput means that the container shares its database's: one range.
 */
export function initialRanges(
  definition: PartitionKeyDefinition,
  throughput: Throughput | undefined,
): EpkRange[] {
  const count = initialCount(throughput);
  const bounds = [
    '',
    ...Array.from({ length: count - 1 }, (_, index) => bound(definition, index + 1, count)),
    'FF',
  ];
  return Array.from({ length: count }, (_, index) => ({
    min: bounds[index] ?? '',
    max: bounds[index + 1] ?? 'FF',
  }));
}

function initialCount(throughput: Throughput | undefined): number {
  if (throughput === undefined) return 1;
  if (throughput.kind === 'autoscale')
    return Math.max(1, Math.ceil(throughput.maxThroughput / AUTOSCALE_PER_RANGE));
  const { throughput: rate } = throughput;
  return rate <= MANUAL_SINGLE_RANGE_MAX ? 1 : Math.ceil(rate / MANUAL_PER_RANGE);
}

function bound(definition: PartitionKeyDefinition, index: number, count: number): string {
  assert(index > 0 && index < count, 'inner bounds only');
  if (definition.version === 1) {
    const end = writeOrderedNumber(Math.floor((0xffffffff * index) / count), 0);
    return scratch.toString('hex', 0, end).toUpperCase();
  }
  const keyMax = (1n << 126n) - 1n;
  return ((keyMax * BigInt(index)) / BigInt(count)).toString(16).toUpperCase().padStart(V2_HEX_LENGTH, '0');
}
