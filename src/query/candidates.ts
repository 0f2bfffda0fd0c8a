import type { Access } from './access.ts';
import {
  type CandidateScope,
  GATHER_MAX,
  type Gathered,
  gatherCandidates,
  valuesPerLoad,
} from './gathering.ts';
import {
  GatheredNumbers,
  MergedNumbers,
  NO_NUMBERS,
  type NumberStream,
  pointNumbers,
  rankOf,
} from './number-stream.ts';
import type { PostingMeter } from './posting-meter.ts';
import type { ItemNumber } from './source.ts';

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
   * All of them, from some number on, where an index was asked for them, or that they are too many: pages to
   * come need not ask again.
   */
  readonly gathered?: Gathered | 'many';
  /**
   * Tells how many of the numbers read last were loaded, and how many of those were kept; may change the
   * rest.
   */
  observe?(loaded: number, kept: number): void;
}

/** Gathered when there is no page that could be full before. */
const GATHER_WHOLE_MAX = 1_000_000;
/** Gathered without a second thought, before any item is read. */
const GATHER_CHEAPLY_MAX = 2_048;
/**
 * Items read before deciding whether gathering would pay, and the share of them that must be kept if not.
 */
const SAMPLE_SIZE = 128;
const SAMPLE_KEPT_SHARE = 16;
/**
 * Looking at all values of an index may cost so many times what the items did that were read in vain so far;
 * else it is thought of again when so many times as many were read.
 */
const VALUES_BUDGET = 4;
/** Unions of more points are gathered, not merged. */
const MERGE_MAX = 16;

export async function chooseCandidates(
  scope: CandidateScope,
  known?: Candidates['gathered'],
): Promise<Candidates> {
  const { access, epkRange } = scope;
  if (known === 'many') return new SampledCandidates(scope);
  if (known !== undefined) return listed(known, scope.after);
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

/** Candidates that were gathered before; only those above `after`. */
export function listed(gathered: Gathered, after: ItemNumber = -1): Candidates {
  const place = after < 0 ? 0 : rankOf(gathered.numbers, after + 1, 0);
  return { ...gathered, gathered, numbers: new GatheredNumbers(gathered.numbers.subarray(place)) };
}

/** Whether choosing candidates may take long: what they are has to be gathered. */
export function mayGather({ access, epkRange }: Pick<CandidateScope, 'access' | 'epkRange'>): boolean {
  if (access.kind === 'everything' || access.kind === 'nothing') return false;
  return epkRange !== undefined || access.kind !== 'scan' || !access.isPoint;
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
  #gathered: Gathered | 'many' = 'many';
  #sampleSize = SAMPLE_SIZE;
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

  get gathered(): Gathered | 'many' {
    return this.#gathered;
  }

  observe(loaded: number, kept: number): void {
    this.#observed += loaded;
    this.#kept += kept;
  }

  async next(count: number): Promise<ItemNumber[]> {
    if (!this.#isDecided && this.#observed >= this.#sampleSize) await this.#decide();
    const numbers = await this.#stream.next(this.#isDecided ? count : Math.min(count, SAMPLE_SIZE));
    this.#last = numbers[numbers.length - 1] ?? this.#last;
    return numbers;
  }

  async #decide(): Promise<void> {
    const isWorthwhile = this.#kept * SAMPLE_KEPT_SHARE < this.#observed;
    const valuesMax = this.#observed * VALUES_BUDGET * valuesPerLoad(this.#scope.meter);
    const scope = { ...this.#scope, after: this.#last, valuesMax };
    const gathered = isWorthwhile ? await gatherCandidates(scope, GATHER_MAX) : undefined;
    this.#isDecided = gathered !== undefined || !isWorthwhile || !looksAtValues(this.#scope.access);
    this.#sampleSize = this.#observed * VALUES_BUDGET;
    // Candidates outside the range of keys would break the promise of `isConfined`.
    if (gathered === undefined || !gathered.isConfined) return;
    await this.#stream.close();
    this.#stream = new GatheredNumbers(gathered.numbers);
    this.#isExact = gathered.isExact;
    this.#gathered = gathered;
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}

function looksAtValues(access: Access): boolean {
  if (access.kind === 'and' || access.kind === 'or') return access.terms.some(looksAtValues);
  return access.kind === 'filter';
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
