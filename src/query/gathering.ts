/** From an access to all the numbers that it finds, sorted, as long as they are not too many. */
import { assert, prefixEnd } from '../base/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { Access, FilterAccess, PointsAccess, ScanAccess } from './access.ts';
import { intersectSorted, sortDistinct } from './number-stream.ts';
import { type PostingMeter, postingsOfScans } from './posting-meter.ts';
import type { Estimate, IndexScope, ItemNumber, QuerySource } from './source.ts';

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
const GATHER_CHUNK = 4_096;

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
 * The candidates as a sorted list; undefined when no term has at most `limit` postings. The smallest are read
 * first, as far as indexes know; the others are then worth reading only as far as that costs less than
 * loading the smallest's items.
 */
export async function gatherCandidates(scope: CandidateScope, limit: number): Promise<Gathered | undefined> {
  const { access, epkRange, source } = scope;
  await scope.meter.began();
  const restrictions: Restriction[] = (access.kind === 'and' ? access.terms : [access])
    .filter((term) => term.kind !== 'everything')
    .map((term) => ({ kind: 'access', access: term, size: estimateAccess(source, term) }));
  if (epkRange !== undefined) {
    restrictions.push({ kind: 'epk', epkRange, size: source.estimate({ epkRange }) });
  }
  restrictions.sort((a, b) => a.size.atMost - b.size.atMost);
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
  return results.size === 0 ? undefined : combine(scope, restrictions, results);
}

/** Larger unions are not estimated term by term. */
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
      return { atLeast: 0, atMost: source.estimate(hullOf(access)).atMost };
    case 'and': {
      const sizes = access.terms.map((term) => estimateAccess(source, term));
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

function combine(
  { access }: CandidateScope,
  restrictions: readonly Restriction[],
  results: ReadonlyMap<Restriction, Gathered>,
): Gathered {
  let numbers: Float64Array | undefined;
  for (const result of results.values()) {
    numbers = numbers === undefined ? result.numbers : intersectSorted(numbers, result.numbers);
  }
  const hasAll = (kind: Restriction['kind']) =>
    restrictions.every((each) => each.kind !== kind || results.has(each));
  return {
    numbers: numbers ?? new Float64Array(0),
    isExact: access.isExact && hasAll('access') && [...results.values()].every((result) => result.isExact),
    isConfined: hasAll('epk'),
  };
}

/** Numbers of a range of partition keys; undefined when there are more than `limit`. */
async function gatherKeys(
  { source, after, meter }: CandidateScope,
  epkRange: EpkRange,
  limit: number,
): Promise<Gathered | undefined> {
  const cursor = source.scanNumbers({ epkRange, ...(after < 0 ? {} : { after }) });
  try {
    const numbers: ItemNumber[] = [];
    for (;;) {
      const want = Math.min(GATHER_CHUNK, limit + 1 - numbers.length);
      const found = await cursor.next(want);
      for (const number of found) numbers.push(number);
      if (numbers.length > limit) return undefined;
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
        isExact &&= found.isExact;
      }
      return { numbers: await sortDistinct(numbers, scope.meter.turn), isExact, isConfined: true };
    }
  }
}

/** Appends to `numbers`; false when there are more than `limit` postings. */
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
      if (read > limit) return false;
      for (const number of found) if (number > after) numbers.push(number);
      if (found.length < want) return true;
    }
  } finally {
    await cursor.close();
  }
}

/** From the first of the values to the last. */
function hullOf({ pathId, values }: PointsAccess): IndexScope {
  let [first] = values;
  assert(first !== undefined, 'points have values');
  let last = first;
  for (const value of values) {
    if (value.compare(first) < 0) first = value;
    if (value.compare(last) > 0) last = value;
  }
  return { pathId, range: { from: first, to: prefixEnd(last) ?? last } };
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
  const hull = hullOf(access);
  if (source.estimate(hull).atMost > postingsOfScans(access.values.length)) {
    const { pathId, isExact } = access;
    for (const from of access.values) {
      const range = { from, to: Buffer.from(prefixEnd(from) ?? from) };
      const point: ScanAccess = { kind: 'scan', pathId, range, isPoint: true, isBelowArray: false, isExact };
      const before = numbers.length;
      if (!(await gatherScan(scope, point, numbers, limit - before))) return false;
    }
    return true;
  }
  const wanted = new Set(access.values.map((value) => value.toString('latin1')));
  const cursor = source.scanValues(hull);
  try {
    for (
      let parts = await cursor.next(GATHER_CHUNK);
      parts.length > 0;
      parts = await cursor.next(GATHER_CHUNK)
    ) {
      let read = 0;
      for (const { value, numbers: found } of parts) {
        read += found.length;
        if (!wanted.has(value.toString('latin1'))) continue;
        for (const number of found) if (number > after) numbers.push(number);
      }
      await meter.read(read);
      if (numbers.length > limit) return false;
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
  if (source.estimate(access).atMost > (scope.valuesMax ?? limit * VALUES_PER_LOAD)) return undefined;
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
        if (holds === false) continue;
        if (holds === undefined) isExact = false;
        for (const number of found) if (number > after) numbers.push(number);
      }
      await meter.read(read);
      if (numbers.length > limit) return undefined;
    }
  } finally {
    await cursor.close();
  }
  return { numbers: await sortDistinct(numbers, meter.turn), isExact, isConfined: true };
}
