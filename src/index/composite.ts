import type { Json } from '../base/index.ts';
import { type IndexingPolicy, splitPath } from '../resource/index.ts';
import { compositePathId } from './path-id.ts';
import { encodeIndexValue, TAG_NUMBER, TAG_STRING } from './value-encoding.ts';

/** One path of a composite index. */
export interface CompositePart {
  readonly path: readonly string[];
  readonly isDescending: boolean;
}

/**
 * An index over several paths. Every item has one entry: the places of its values (see `placesOf`), one after
 * the other, with all bits flipped where the order descends. It is read from either end, so the first path
 * always ascends here.
 */
export interface CompositeIndex {
  readonly id: Buffer;
  readonly parts: readonly CompositePart[];
  /** Not all items have their entry yet: the policy was changed. */
  readonly isComing?: boolean;
}

/** The composite indexes that a policy names, each once. */
export function compileComposites({ compositeIndexes = [] }: IndexingPolicy): readonly CompositeIndex[] {
  const byId = new Map<string, CompositeIndex>();
  for (const given of compositeIndexes) {
    const isTurned = given[0]?.order === 'descending';
    const index = compositeIndex(
      given.map(({ path, order }) => ({
        path: splitPath(String(path)),
        isDescending: (order === 'descending') !== isTurned,
      })),
    );
    byId.set(index.id.toString('latin1'), index);
  }
  return [...byId.values()];
}

export function compositeIndex(parts: readonly CompositePart[]): CompositeIndex {
  return { id: compositePathId(JSON.stringify(parts.map((part) => [part.path, part.isDescending]))), parts };
}

/**
 * How the index has the order: the same paths in the same sequence, and either all directions as they are or
 * all of them turned round. Undefined when it has not.
 */
export function orderIn(
  { parts }: CompositeIndex,
  order: readonly CompositePart[],
): 'forward' | 'reverse' | undefined {
  if (parts.length !== order.length) return undefined;
  const isTurned = order[0]?.isDescending === true;
  const isSame = parts.every(({ path, isDescending }, place) => {
    const term = order[place];
    if (term === undefined || (term.isDescending !== isDescending) !== isTurned) return false;
    return path.length === term.path.length && path.every((name, step) => name === term.path[step]);
  });
  if (!isSame) return undefined;
  return isTurned ? 'reverse' : 'forward';
}

/** Bytes that the places of several values may have together. */
export const PLACES_BYTES_MAX = 480;
const CUT = 0xff;

/** Encoded values, each cut to its share where it is long. */
export function placesOf(values: readonly (Json | undefined)[]): Buffer[] {
  const share = placeBytesMax(values.length);
  return values.map((value) => {
    const encoded = encodeIndexValue(value);
    if (encoded.length <= share) return encoded;
    const cut = Buffer.from(encoded.subarray(0, share));
    cut[share - 1] = CUT;
    return cut;
  });
}

/** Values whose encoding is not longer are never cut. */
export function placeBytesMax(count: number): number {
  return Math.min(0xff, Math.floor(PLACES_BYTES_MAX / count));
}

/** What stands in the index for the places of its first values. */
export function compositeValue(places: readonly Buffer[], { parts }: Pick<CompositeIndex, 'parts'>): Buffer {
  const value = Buffer.concat(places);
  let at = 0;
  places.forEach((place, i) => {
    const end = at + place.length;
    if (parts[i]?.isDescending === true) for (let b = at; b < end; b++) value[b] = ~(value[b] as number);
    at = end;
  });
  return value;
}

/**
 * How far an entry tells where its item stands: up to the end of the first value that is cut, since what
 * follows decides only among equal ones. Undefined when it tells all.
 */
export function toldLength(value: Uint8Array, { parts }: Pick<CompositeIndex, 'parts'>): number | undefined {
  let at = 0;
  for (const { isDescending } of parts) {
    const mask = isDescending ? 0xff : 0;
    const tag = (value[at] as number) ^ mask;
    at += 1;
    if (tag === TAG_NUMBER) at += 8;
    if (tag !== TAG_STRING) continue;
    // UTF-8 has no byte FF, and 00 is escaped: the first of either ends the payload.
    while (at < value.length && value[at] !== mask && value[at] !== (mask ^ CUT)) at += 1;
    at += 1;
    if (((value[at - 1] as number) ^ mask) === CUT) return at;
  }
  return undefined;
}
