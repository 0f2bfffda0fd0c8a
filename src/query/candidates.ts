import { assert, prefixEnd } from '../base/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { Access, PointsAccess, ScanAccess } from './access.ts';
import {
  GatheredNumbers,
  intersectSorted,
  MergedNumbers,
  NO_NUMBERS,
  type NumberStream,
  pointNumbers,
  sortDistinct,
} from './number-stream.ts';
import { type PostingMeter, postingsOfScans } from './posting-meter.ts';
import type { Estimate, IndexScope, ItemNumber, QuerySource } from './source.ts';

/**
 * From an access to the numbers worth loading, always in rising order: rows come in the order of insertion
 * whatever index found them, so a page can go on after the last number of the page before.
 *
 * Ranges and unions do not come in that order. They are gathered and sorted, within bounds; what exceeds
 * them matches so many items that reading all items in order, with a filter, fills a page soon enough.
 */
export interface Candidates {
  readonly numbers: NumberStream;
  /** Every number read last satisfies the condition. */
  readonly isExact: boolean;
  /** Every candidate lies in the range of partition keys asked for. */
  readonly isConfined: boolean;
  /**
   * Tells how many of the numbers read last were loaded, and how many of those were kept; may change the
   * rest.
   */
  observe?(loaded: number, kept: number): void;
}

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
}

export const GATHER_MAX = 20_000;
/**
 * Reading a posting costs about a fifth of loading and filtering an item, and whether the reading comes to an
 * end in time is not known before.
 */
const POSTINGS_PER_LOAD = 2;
/** The same when there is no page that could be full before. */
const GATHER_WHOLE_MAX = 1_000_000;
/** Gathered without a second thought, before any item is read. */
const GATHER_CHEAPLY_MAX = 2_048;
/** Items read before deciding whether gathering would pay, and the share of them that must be kept if not. */
const SAMPLE_SIZE = 128;
const SAMPLE_KEPT_SHARE = 16;
const GATHER_CHUNK = 4_096;
/** Unions of more points are gathered, not merged. */
const MERGE_MAX = 16;

type Restriction = (
  | { readonly kind: 'access'; readonly access: Access }
  | { readonly kind: 'epk'; readonly epkRange: EpkRange }
) & { readonly size: Estimate };

export interface Gathered {
  readonly numbers: Float64Array;
  readonly isExact: boolean;
  readonly isConfined: boolean;
}

export async function chooseCandidates(scope: CandidateScope): Promise<Candidates> {
  const { access, epkRange } = scope;
  if (access.kind === 'nothing') return { numbers: NO_NUMBERS, isExact: true, isConfined: true };
  if (access.kind === 'everything')
    return { numbers: allNumbers(scope), isExact: access.isExact, isConfined: true };
  if (epkRange === undefined) {
    const stream = orderedStream(scope, access);
    if (stream !== undefined) return { numbers: stream, isExact: access.isExact, isConfined: true };
  }
  const gathered = await gatherCandidates(
    scope,
    scope.isWhole === true ? GATHER_WHOLE_MAX : GATHER_CHEAPLY_MAX,
  );
  return gathered === undefined ? new SampledCandidates(scope) : listed(gathered);
}

/** Candidates that were gathered before. */
export function listed(gathered: Gathered): Candidates {
  return { ...gathered, numbers: new GatheredNumbers(gathered.numbers) };
}

/** What is left when indexes do not restrict enough: a stream in order, to be filtered. */
function filteredStream(scope: CandidateScope): NumberStream {
  const { access, epkRange } = scope;
  if (epkRange === undefined && access.kind === 'and') {
    for (const term of access.terms) {
      const stream = orderedStream(scope, term);
      if (stream !== undefined) return stream;
    }
  }
  return allNumbers(scope);
}

/**
 * For conditions with many postings: reads items in order and watches how many are kept. When most are, a
 * page is full before gathering would have ended. When few are, it gathers after all, beyond what it has
 * read; and when that is too much, it reads on.
 */
class SampledCandidates implements Candidates, NumberStream {
  readonly isConfined = true;
  readonly #scope: CandidateScope;
  #stream: NumberStream;
  #isExact = false;
  #isDecided = false;
  #last: ItemNumber;
  #observed = 0;
  #kept = 0;

  constructor(scope: CandidateScope) {
    this.#scope = scope;
    this.#last = scope.after;
    this.#stream = filteredStream(scope);
  }

  get numbers(): NumberStream {
    return this;
  }

  get isExact(): boolean {
    return this.#isExact;
  }

  observe(loaded: number, kept: number): void {
    this.#observed += loaded;
    this.#kept += kept;
  }

  async next(count: number): Promise<ItemNumber[]> {
    if (!this.#isDecided && this.#observed >= SAMPLE_SIZE) await this.#decide();
    const numbers = await this.#stream.next(this.#isDecided ? count : Math.min(count, SAMPLE_SIZE));
    this.#last = numbers[numbers.length - 1] ?? this.#last;
    return numbers;
  }

  async #decide(): Promise<void> {
    this.#isDecided = true;
    if (this.#kept * SAMPLE_KEPT_SHARE >= this.#observed) return;
    const gathered = await gatherCandidates({ ...this.#scope, after: this.#last }, GATHER_MAX);
    // Candidates outside the range of keys would break the promise of `isConfined`.
    if (gathered === undefined || !gathered.isConfined) return;
    await this.#stream.close();
    this.#stream = new GatheredNumbers(gathered.numbers);
    this.#isExact = gathered.isExact;
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}

function allNumbers({ source, epkRange, after, meter, isBare }: CandidateScope): NumberStream {
  const cursor = source.scanNumbers({
    ...(isBare === true ? { isBare } : {}),
    ...(epkRange === undefined ? {} : { epkRange }),
    ...(after < 0 ? {} : { after }),
  });
  return new MeteredNumbers(cursor, meter);
}

class MeteredNumbers implements NumberStream {
  readonly #stream: NumberStream;
  readonly #meter: PostingMeter;

  constructor(stream: NumberStream, meter: PostingMeter) {
    this.#stream = stream;
    this.#meter = meter;
  }

  async next(count: number): Promise<ItemNumber[]> {
    const numbers = await this.#stream.next(count);
    await this.#meter.read(numbers.length);
    return numbers;
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}

/** A stream for an access that can be read in the order of numbers without gathering. */
function orderedStream(scope: CandidateScope, access: Access): NumberStream | undefined {
  const { source, after, meter } = scope;
  if (access.kind === 'scan' && access.isPoint) {
    return new MeteredNumbers(pointNumbers(source, access, after), meter);
  }
  if (access.kind !== 'or' || access.terms.length > MERGE_MAX) return undefined;
  const isPoints = access.terms.every((term) => term.kind === 'scan' && term.isPoint);
  if (!isPoints) return undefined;
  const streams = access.terms.map((term) => orderedStream(scope, term));
  return new MergedNumbers(streams.filter((stream) => stream !== undefined));
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
      if (numbers.length > limit) return false;
      await meter.read(read);
    }
    return true;
  } finally {
    await cursor.close();
  }
}
