/** From an access to all the numbers that it finds, sorted, as long as they are not too many. */
import { prefixEnd } from '../base/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { Access, FilterAccess, PointsAccess, ScanAccess } from './access.ts';
import { intersectSorted, sortDistinct } from './number-stream.ts';
import { type PostingMeter, postingsOfScans } from './posting-meter.ts';
import type { Estimate, ItemNumber, QuerySource } from './source.ts';

/** What candidates are chosen for. */
export interface CandidateScope {
  readonly source: QuerySource;
  readonly access: Access;
  /** Only items with a partition key in it are wanted. */
  readonly epkRange: EpkRange | undefined;
  /** Only numbers above it are wanted; -1 for all. */
  readonly after: ItemNumber;
  readonly meter: PostingMeter;
  /** Many numbers will be passed over before any item is read. */
  readonly isBare?: boolean;
  /** Without an answer in time, items are read in order. */
  readonly isOptional?: boolean;
  /** All items that satisfy the condition will be read, not just the first ones. */
  readonly isWhole?: boolean;
  /** Postings worth reading to be spared the loading of one item. */
  readonly postingsPerLoad?: number;
  /** Entries whose values may be looked at one by one; see `VALUES_PER_LOAD`. */
  readonly valuesMax?: number;
}

export const GATHER_MAX = 20_000;
/**
 * Reading a posting costs about a fifth of loading and filtering an item, and whether the reading comes to an
 * end in time is not known before.
 */
const POSTINGS_PER_LOAD = 2;
/** Entries read side by side, of which a condition looks at the values, cost as much as one item. */
export const VALUES_PER_LOAD = 16;
const GATHER_CHUNK = 1_024;
/** Terms of a chain of AND that are thought of; the others are left to the items. */
const RESTRICTIONS_MAX = 64;
const NUMBER_BYTES = 8;

/** How many values cost as much as one item, when the condition takes its time for either. */
export function valuesPerLoad({ weight }: Pick<PostingMeter, 'weight'>): number {
  return weight / (1 / VALUES_PER_LOAD + weight - 1);
}

type Restriction = (
  | { readonly kind: 'access'; readonly access: Access }
  | { readonly kind: 'epk'; readonly epkRange: EpkRange }
) & { readonly size: Estimate };

export interface Gathered {
  readonly numbers: Float64Array;
  readonly isExact: boolean;
  readonly isConfined: boolean;
}

/**
 * The candidates as a sorted list; undefined when no term has at most `limit` postings, or time is short. The
 * smallest are read first, as far as indexes know; the others are then worth reading only as far as that
 * costs less than loading the smallest's items. Rejects with DatabaseError `BadRequest` when they do not fit
 * into the memory of the query.
 */
export async function gatherCandidates(scope: CandidateScope, limit: number): Promise<Gathered | undefined> {
  const { memory } = scope.meter;
  const before = memory?.used ?? 0;
  let kept = 0;
  try {
    const gathered = await gatherRestrictions(scope, limit);
    kept = (gathered?.numbers.length ?? 0) * NUMBER_BYTES;
    return gathered;
  } finally {
    // What was gathered on the way is garbage now.
    memory?.release(Math.max(0, memory.used - before - kept));
  }
}

async function gatherRestrictions(scope: CandidateScope, limit: number): Promise<Gathered | undefined> {
  const restrictions = await restrictionsOf(scope);
  const results = new Map<Restriction, Gathered>();
  const worth = scope.postingsPerLoad ?? POSTINGS_PER_LOAD;
  let least = Number.POSITIVE_INFINITY;
  for (const restriction of restrictions) {
    // Once one is known, another saves at most the loading of that one's items.
    const affordable = Math.min(limit, least * worth);
    if (affordable < 1 || restriction.size.atLeast > affordable) continue;
    const found =
      restriction.kind === 'epk'
        ? await gatherKeys(scope, restriction.epkRange, affordable)
        : await gatherAccess(scope, restriction.access, affordable);
    if (found === undefined) continue;
    results.set(restriction, found);
    least = Math.min(least, found.numbers.length);
  }
  return results.size === 0 ? undefined : await combine(scope, restrictions, results);
}

/** The smallest first. */
async function restrictionsOf({ access, epkRange, source, meter }: CandidateScope): Promise<Restriction[]> {
  await meter.began();
  let terms = (access.kind === 'and' ? access.terms : [access]).filter((term) => term.kind !== 'everything');
  if (terms.length > RESTRICTIONS_MAX) {
    terms = terms.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind)).slice(0, RESTRICTIONS_MAX);
  }
  const restrictions: Restriction[] = [];
  for (const term of terms) {
    restrictions.push({ kind: 'access', access: term, size: estimateAccess(source, term) });
    await meter.worked(ESTIMATE_POSTINGS);
  }
  if (epkRange !== undefined) {
    restrictions.push({ kind: 'epk', epkRange, size: source.estimate({ epkRange }) });
  }
  return restrictions.sort((a, b) => a.size.atMost - b.size.atMost);
}

/** What is likely to find few items first. */
const KINDS: readonly Access['kind'][] = ['nothing', 'scan', 'points', 'and', 'or', 'filter'];
/** What an estimate costs, in postings. */
const ESTIMATE_POSTINGS = 64;

/** Larger unions are not estimated term by term, and of larger intersections only some. */
const ESTIMATED_TERMS_MAX = 64;

/** Between which bounds the items of an access lie, or its postings. */
export function estimateAccess(source: QuerySource, access: Access): Estimate {
  switch (access.kind) {
    case 'nothing':
      return { atLeast: 0, atMost: 0 };
    case 'everything':
      return source.estimate(undefined);
    case 'scan':
      return source.estimate(access);
    case 'filter':
      return { atLeast: 0, atMost: source.estimate(access).atMost };
    case 'points':
      // To ask for each of them would take longer than to read a few.
      return { atLeast: 0, atMost: source.estimate(access).atMost };
    case 'and': {
      const sizes = access.terms.slice(0, ESTIMATED_TERMS_MAX).map((term) => estimateAccess(source, term));
      return { atLeast: 0, atMost: Math.min(...sizes.map((size) => size.atMost)) };
    }
    case 'or': {
      // It takes a while to ask for thousands.
      if (access.terms.length > ESTIMATED_TERMS_MAX) {
        return { atLeast: 0, atMost: source.estimate(undefined).atMost };
      }
      const sizes = access.terms.map((term) => estimateAccess(source, term));
      const sum = (bound: keyof Estimate) => sizes.reduce((total, size) => total + size[bound], 0);
      return { atLeast: sum('atLeast'), atMost: sum('atMost') };
    }
  }
}

async function combine(
  { access, epkRange, meter }: CandidateScope,
  restrictions: readonly Restriction[],
  results: ReadonlyMap<Restriction, Gathered>,
): Promise<Gathered> {
  let numbers: Float64Array | undefined;
  for (const result of results.values()) {
    numbers =
      numbers === undefined ? result.numbers : await intersectSorted(numbers, result.numbers, meter.turn);
  }
  const isConfined = restrictions.every((each) => each.kind !== 'epk' || results.has(each));
  // Terms that were not thought of are none of the restrictions.
  const conditions = access.kind === 'and' ? access.terms.length : access.kind === 'everything' ? 0 : 1;
  const hasAll = results.size >= conditions + (epkRange !== undefined && isConfined ? 1 : 0);
  return {
    numbers: numbers ?? new Float64Array(0),
    isExact: access.isExact && hasAll && [...results.values()].every((result) => result.isExact),
    isConfined,
  };
}

/** Numbers of a range of partition keys; undefined when there are more than `limit`. */
async function gatherKeys(
  scope: CandidateScope,
  epkRange: EpkRange,
  limit: number,
): Promise<Gathered | undefined> {
  const { source, after, meter } = scope;
  const cursor = source.scanNumbers({ epkRange, ...(after < 0 ? {} : { after }) });
  try {
    const numbers: ItemNumber[] = [];
    for (;;) {
      const want = Math.min(GATHER_CHUNK, limit + 1 - numbers.length);
      const found = await cursor.next(want);
      for (const number of found) numbers.push(number);
      meter.memory?.take(found.length * NUMBER_BYTES);
      if (numbers.length > limit || isTooLate(scope)) return undefined;
      await meter.read(found.length);
      if (found.length < want) break;
    }
    return { numbers: new Float64Array(numbers), isExact: true, isConfined: true };
  } finally {
    await cursor.close();
  }
}

/** Numbers above `after` of any access; undefined when more than `limit` postings would have to be read. */
async function gatherAccess(
  scope: CandidateScope,
  access: Access,
  limit: number,
): Promise<Gathered | undefined> {
  switch (access.kind) {
    case 'nothing':
      return { numbers: new Float64Array(0), isExact: true, isConfined: true };
    case 'everything':
      return undefined;
    case 'scan': {
      const numbers: ItemNumber[] = [];
      if (!(await gatherScan(scope, access, numbers, limit))) return undefined;
      return {
        numbers: await sortDistinct(numbers, scope.meter.turn),
        isExact: access.isExact,
        isConfined: true,
      };
    }
    case 'points': {
      const numbers: ItemNumber[] = [];
      if (!(await gatherPoints(scope, access, numbers, limit))) return undefined;
      const sorted = await sortDistinct(numbers, scope.meter.turn);
      return { numbers: sorted, isExact: access.isExact, isConfined: true };
    }
    case 'filter':
      return gatherFiltered(scope, access, limit);
    case 'and':
      return gatherCandidates({ ...scope, access, epkRange: undefined }, limit);
    case 'or': {
      const numbers: ItemNumber[] = [];
      let { isExact } = access;
      for (const term of access.terms) {
        const found = await gatherAccess(scope, term, limit - numbers.length);
        if (found === undefined) return undefined;
        for (const number of found.numbers) numbers.push(number);
        await scope.meter.worked(found.numbers.length);
        isExact &&= found.isExact;
      }
      return { numbers: await sortDistinct(numbers, scope.meter.turn), isExact, isConfined: true };
    }
  }
}

function isTooLate({ isOptional, meter }: CandidateScope): boolean {
  return isOptional === true && meter.isLate;
}

/** Appends to `numbers`; false when there are more than `limit` postings, or time is short. */
async function gatherScan(
  scope: CandidateScope,
  { pathId, range, isPoint }: ScanAccess,
  numbers: ItemNumber[],
  limit: number,
): Promise<boolean> {
  const { source, after, meter } = scope;
  await meter.began();
  const seek = after >= 0 && isPoint ? { after: { value: range.from, number: after } } : {};
  const cursor = source.scanIndexNumbers({ pathId, range, ...seek });
  try {
    for (let read = 0; ; ) {
      const want = Math.min(GATHER_CHUNK, limit - read + 1);
      const found = await cursor.next(want);
      read += found.length;
      await meter.read(found.length);
      if (read > limit || isTooLate(scope)) return false;
      for (const number of found) if (number > after) numbers.push(number);
      meter.memory?.take(found.length * NUMBER_BYTES);
      if (found.length < want) return true;
    }
  } finally {
    await cursor.close();
  }
}

/**
 * As `gatherScan`, of many values: each is looked up, or all between the first and the last are read,
 * whichever costs less.
 */
async function gatherPoints(
  scope: CandidateScope,
  access: PointsAccess,
  numbers: ItemNumber[],
  limit: number,
): Promise<boolean> {
  const { source, after, meter } = scope;
  if (source.estimate(access).atMost > postingsOfScans(access.values.size)) {
    const { pathId, isExact } = access;
    for (const from of access.values.values()) {
      const range = { from, to: Buffer.from(prefixEnd(from) ?? from) };
      const point: ScanAccess = { kind: 'scan', pathId, range, isPoint: true, isBelowArray: false, isExact };
      const before = numbers.length;
      if (!(await gatherScan(scope, point, numbers, limit - before))) return false;
    }
    return true;
  }
  const cursor = source.scanValues(access);
  try {
    for (
      let parts = await cursor.next(GATHER_CHUNK);
      parts.length > 0;
      parts = await cursor.next(GATHER_CHUNK)
    ) {
      let read = 0;
      for (const { value, numbers: found } of parts) {
        read += found.length;
        if (!access.values.has(value.toString('latin1'))) continue;
        for (const number of found) if (number > after) numbers.push(number);
        meter.memory?.take(found.length * NUMBER_BYTES);
      }
      await meter.read(read);
      if (numbers.length > limit || isTooLate(scope)) return false;
    }
    return true;
  } finally {
    await cursor.close();
  }
}

/** Items whose value at a path satisfies a condition; those whose value an index does not tell may do. */
async function gatherFiltered(
  scope: CandidateScope,
  access: FilterAccess,
  limit: number,
): Promise<Gathered | undefined> {
  const { source, after, meter } = scope;
  if (source.estimate(access).atMost > (scope.valuesMax ?? limit * valuesPerLoad(meter))) return undefined;
  await meter.began();
  const numbers: ItemNumber[] = [];
  let { isExact } = access;
  const cursor = source.scanValues(access);
  try {
    for (
      let parts = await cursor.next(GATHER_CHUNK);
      parts.length > 0;
      parts = await cursor.next(GATHER_CHUNK)
    ) {
      let read = 0;
      for (const { value, numbers: found } of parts) {
        read += found.length;
        const holds = access.holds(value);
        const waiting = meter.looked(1);
        if (waiting !== undefined) await waiting;
        if (holds === false) continue;
        if (holds === undefined) isExact = false;
        for (const number of found) if (number > after) numbers.push(number);
        meter.memory?.take(found.length * NUMBER_BYTES);
      }
      await meter.read(read);
      if (numbers.length > limit || isTooLate(scope)) return undefined;
    }
  } finally {
    await cursor.close();
  }
  return { numbers: await sortDistinct(numbers, meter.turn), isExact, isConfined: true };
}
