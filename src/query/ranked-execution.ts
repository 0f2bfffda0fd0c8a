/**
 * Pages in the order of a score. The first page scores all rows that can be among those wanted, or has a
 * vector index name them; the pages after it go on in the same list while that is remembered, and make it
 * again when it is not. Scores are always worked out from the items.
 */
import { sortInTurns, WeightedCache } from '../base/index.ts';
import { readVector } from '../index/index.ts';
import { type Access, intersection } from './access.ts';
import { chooseCandidates } from './candidates.ts';
import type { Continuation } from './continuation.ts';
import type { QueryPage } from './execute-options.ts';
import type { Execution } from './execution.ts';
import { GATHER_MAX, gatherCandidates } from './gathering.ts';
import { bindCondition } from './plan.ts';
import { ENTRY_BYTES } from './query-memory.ts';
import type { Ranking, TextSearch, VectorSearch } from './ranking.ts';
import type { ItemNumber } from './source.ts';
import { scoresFromIndex } from './text-scores.ts';

interface Known {
  readonly isExact: boolean;
  readonly isConfined: boolean;
}

/** Nothing is known of an item before it is looked at. */
const UNKNOWN: Known = { isExact: false, isConfined: false };

/** Fewer members than so many times the rows wanted are scored one by one: no index would save much. */
const FEW_PER_ROW = 4;
const FEW_MIN = 64;
/** Items found by their words that are scored before it is no longer worth while to find them first. */
const WORDS_MAX = 500_000;
const LIST_CHUNK = 1_024;
/** How much farther a search looks when filters left too few rows. */
const WIDENING = 4;

/** Rankings that pages to come may go on with, by a random name; in numbers. */
const rankings = new WeightedCache<string, { readonly text: string; readonly numbers: Float64Array }>(
  500_000,
);
const NAME_BYTES = 8;

/** A page of a query that orders by a score; equal ones by number. */
export async function executeRanked(
  execution: Execution,
  access: Access,
  ranking: Ranking,
  start: Continuation,
): Promise<QueryPage> {
  const { page } = execution;
  const consumed = start.order?.rank ?? 0;
  const name = start.order?.value ?? newName(execution);
  const numbers =
    remembered(execution, name) ?? (await rank(execution, access, ranking, consumed + page.skip + page.take));
  const end = await offerAll(execution, numbers, consumed);
  // Elsewhere a page that filled up has a token even when nothing is left. Here we know, and some clients
  // would
  // ask for ever when the last page of a range is empty.
  if (!page.isFull || end >= numbers.length) return execution.finish(undefined);
  rankings.set(nameText(name), { text: execution.compiled.text, numbers }, numbers.length + 50);
  const order = { value: name, rank: end };
  return execution.finish(execution.continuationAt({ after: numbers[end - 1] ?? -1, order }));
}

function newName({ frame }: Execution): Buffer {
  const name = Buffer.alloc(NAME_BYTES);
  for (let i = 0; i < NAME_BYTES; i += 4) {
    name.writeUInt32BE(Math.floor(frame.environment.random() * 2 ** 32), i);
  }
  return name;
}

function nameText(name: Buffer): string {
  return name.toString('latin1');
}

function remembered({ compiled }: Execution, name: Buffer): Float64Array | undefined {
  const known = rankings.get(nameText(name));
  return known?.text === compiled.text ? known.numbers : undefined;
}

/** Gives the rows of `numbers` from a place on; returns the place behind the last one consumed. */
async function offerAll(execution: Execution, numbers: Float64Array, from: number): Promise<number> {
  let place = from;
  while (place < numbers.length && !execution.page.isClosed) {
    const chunk = Array.from(numbers.subarray(place, place + execution.nextChunk(true)));
    for (const item of await execution.load(chunk)) {
      // The item may have changed since it was ranked, on an earlier page.
      let outcome = execution.offer(item, UNKNOWN);
      while (outcome === 'busy') {
        await execution.pause();
        outcome = execution.goOn();
      }
      if (outcome === 'refused') return place;
      if (execution.isPauseDue) await execution.pause();
      place++;
    }
  }
  return place;
}

/** The first `count` rows by score. */
async function rank(
  execution: Execution,
  access: Access,
  ranking: Ranking,
  count: number,
): Promise<Float64Array> {
  if (count <= 0 || access.kind === 'nothing') return new Float64Array(0);
  const scored = new ScoredItems(execution, ranking, count);
  const { vector, texts } = ranking;
  if (vector !== undefined && (await rankByIndex(execution, access, vector, scored))) return scored.numbers();
  const seen = texts && (await rankByWords(execution, access, texts, scored));
  await rankAll(execution, access, scored, seen);
  return scored.numbers();
}

/**
 * The items that an index finds by their words and that have a score above 0; undefined when there is no such
 * index. All others have the score 0: of those the first ones are enough.
 */
async function rankByWords(
  execution: Execution,
  access: Access,
  texts: TextSearch,
  scored: ScoredItems,
): Promise<ReadonlySet<ItemNumber> | undefined> {
  const { source, epkRange, meter, frame } = execution;
  const having = bindCondition(texts.words, source.indexer, frame);
  if (having.kind === 'everything') return undefined;
  const seen = new Set<ItemNumber>();
  if (having.kind === 'nothing') return seen;
  const scope = { source, access: intersection([access, having]), epkRange, after: -1, meter };
  const gathered = await gatherCandidates(scope, WORDS_MAX);
  if (gathered === undefined) return undefined;
  // What is found by words need not have the phrases; without other conditions each is a row all the same.
  const isExact = gathered.isExact || (access.kind === 'everything' && access.isExact);
  const scores = await scoresFromIndex(execution, texts, { ...gathered, isExact });
  if (scores !== undefined) {
    await scored.addScores(gathered.numbers, scores, seen);
    return seen;
  }
  for (let place = 0; place < gathered.numbers.length; place += LIST_CHUNK) {
    const numbers = Array.from(gathered.numbers.subarray(place, place + LIST_CHUNK));
    await scored.add(numbers, gathered, seen);
  }
  return seen;
}

/** `seen`: scored before; then all others have one score, and come in the order of their numbers. */
async function rankAll(
  execution: Execution,
  access: Access,
  scored: ScoredItems,
  seen?: ReadonlySet<ItemNumber>,
): Promise<void> {
  if (seen !== undefined && scored.isFull) return;
  const { source, epkRange, meter } = execution;
  const scope = { source, access, epkRange, after: -1, meter, isWhole: seen === undefined };
  const candidates = await chooseCandidates(scope);
  try {
    for (;;) {
      const want = execution.nextChunk(false);
      const numbers = await candidates.numbers.next(want);
      const fresh = seen === undefined ? numbers : numbers.filter((number) => !seen.has(number));
      const hits = await scored.add(fresh, candidates);
      candidates.observe?.(fresh.length, hits);
      if (numbers.length < want || (seen !== undefined && scored.isFull)) break;
    }
  } finally {
    await candidates.numbers.close();
  }
}

/** Lets a vector index name the rows; false when there is none that can. */
async function rankByIndex(
  execution: Execution,
  access: Access,
  search: VectorSearch,
  scored: ScoredItems,
): Promise<boolean> {
  const { source, epkRange, meter, frame } = execution;
  const vector = readVector(search.vector(frame));
  const options = search.options(frame);
  if (vector === undefined || options === undefined || source.nearest === undefined) return false;
  if (scored.countMax === Number.POSITIVE_INFINITY) return false;
  const isRestricted = access.kind !== 'everything' || epkRange !== undefined;
  const gathered = isRestricted
    ? await gatherCandidates({ source, access, epkRange, after: -1, meter }, GATHER_MAX)
    : undefined;
  if (gathered !== undefined && gathered.numbers.length <= Math.max(FEW_MIN, FEW_PER_ROW * scored.countMax)) {
    await scored.add(Array.from(gathered.numbers), gathered);
    return true;
  }
  const members = gathered && new Set(gathered.numbers);
  const request = {
    path: search.path,
    vector,
    beam: Math.ceil(scored.countMax * options.searchListSizeMultiplier),
    ...(members === undefined ? {} : { members }),
  };
  const seen = new Set<ItemNumber>();
  // A filter that no index knows, or items that expired, may leave too few of those found.
  let count = scored.countMax;
  let isExact = members !== undefined || search.bruteForce(frame) === true;
  for (;;) {
    const found = await source.nearest({ ...request, count, isExact });
    if (found === undefined) return false;
    const fresh = found.numbers.filter((number) => !seen.has(number));
    for (const number of fresh) seen.add(number);
    await scored.add(fresh, gathered ?? UNKNOWN);
    if (scored.isFull || found.isComplete) return true;
    count *= WIDENING;
    isExact = true;
  }
}

/** The best of the items looked at. */
class ScoredItems {
  readonly countMax: number;
  readonly #execution: Execution;
  readonly #score: Ranking['score'];
  readonly #compare: (a: Scored, b: Scored) => number;
  #best: Scored[] = [];
  #takenFor = 0;

  constructor(execution: Execution, ranking: Ranking, countMax: number) {
    this.#execution = execution;
    this.countMax = countMax;
    this.#score = ranking.score;
    const sign = ranking.isDescending(execution.frame) ? -1 : 1;
    this.#compare = (a, b) => sign * (a.score - b.score) || a.number - b.number;
  }

  get isFull(): boolean {
    return this.#best.length >= this.countMax;
  }

  /**
   * Scores the items that are rows; returns how many were. One without a score is none. With `positive`, only
   * those with a score above 0 are taken, and noted there.
   */
  async add(numbers: readonly ItemNumber[], known: Known, positive?: Set<ItemNumber>): Promise<number> {
    const execution = this.#execution;
    let hits = 0;
    for (let place = 0; place < numbers.length; place += execution.chunkMax) {
      for (const item of await execution.load(numbers.slice(place, place + execution.chunkMax))) {
        if (item === undefined) continue;
        const { isExact, isConfined } = known;
        const evaluated = execution.evaluate(() =>
          execution.admit(item, { isExact, isConfined, isParsed: true })
            ? { score: this.#score(execution.frame) }
            : undefined,
        );
        const found = evaluated instanceof Promise ? await evaluated : evaluated;
        if (execution.isPauseDue) await execution.pause();
        if (found === undefined) continue;
        hits++;
        const { score } = found;
        if (typeof score !== 'number' || (positive !== undefined && score <= 0)) continue;
        positive?.add(item.number);
        this.#keep({ number: item.number, score });
      }
      // Twice as many as wanted are gathered and the worse half dropped: cheaper than a heap, and sorted.
      if (this.#best.length >= 2 * this.countMax) await this.#shrink();
    }
    return hits;
  }

  /** The same of scores that are known; those above 0 are taken. */
  async addScores(numbers: Float64Array, scores: Float64Array, positive: Set<ItemNumber>): Promise<void> {
    for (let place = 0; place < numbers.length; place++) {
      const score = scores[place] as number;
      if (score > 0) {
        const number = numbers[place] as ItemNumber;
        positive.add(number);
        this.#keep({ number, score });
      }
      if (place % LIST_CHUNK > 0) continue;
      if (this.#best.length >= 2 * this.countMax) await this.#shrink();
      await this.#execution.meter.worked(LIST_CHUNK);
    }
  }

  #keep(scored: Scored): void {
    this.#best.push(scored);
    if (this.#best.length <= this.#takenFor) return;
    this.#takenFor++;
    this.#execution.memory.take(ENTRY_BYTES);
  }

  async #shrink(): Promise<void> {
    this.#best = await sortInTurns(this.#best, this.#compare, this.#execution.meter.turn);
    if (this.#best.length > this.countMax) this.#best.length = this.countMax;
  }

  async numbers(): Promise<Float64Array> {
    await this.#shrink();
    return Float64Array.from(this.#best, ({ number }) => number);
  }
}

interface Scored {
  readonly number: ItemNumber;
  readonly score: number;
}
