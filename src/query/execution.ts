import { createHash } from 'node:crypto';
import { assert, finishInTurns, type JsonObject, type Steps } from '../base/index.ts';
import type { EpkRange } from '../resource/index.ts';
import { type Frame, ITEM_SLOT } from './binder.ts';
import type { CarryOver } from './carry-over.ts';
import type { CompiledQuery } from './compiled-query.ts';
import { type Continuation, encodeContinuation, type PartialItem } from './continuation.ts';
import type { ExecuteOptions, QueryPage } from './execute-options.ts';
import { DistinctRows, type GatheredRows } from './grouping.ts';
import { EFFORT_AT_ONCE, LATER } from './long-work.ts';
import { NeededCalls } from './needed-calls.ts';
import type { SortedRest } from './order-key.ts';
import { PageRows } from './page-rows.ts';
import { parsedItem } from './parsed-item.ts';
import { PostingMeter } from './posting-meter.ts';
import { QueryMemory } from './query-memory.ts';
import { RowCursor } from './row-levels.ts';
import type { ItemNumber, QuerySource, SourceItem } from './source.ts';
import { roughSize } from './values.ts';

/** The published minimum of a query, and prices in request units that keep its order of magnitude. */
const CHARGE_BASE = 2.3;
const CHARGE_PER_ITEM = 0.02;
const CHARGE_PER_KB = 0.02;
const CHARGE_PER_POSTING = 0.0005;

/** Items loaded at once when all of them will be rows, and when they still have to be looked at. */
const CHUNK_EXACT_MAX = 512;
const CHUNK_FILTERED_MAX = 128;
const CHUNK_FILTERED_FIRST = 32;
/**
 * A page that has all its rows looks through so many chunks for one more; then it takes it that there is.
 */
const CHUNKS_AHEAD_MAX = 4;
/** About so many bytes are loaded at once. */
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** Work after which a pause is asked for, in items of a common size: a fraction of a millisecond. */
const ITEMS_PER_PAUSE = 32;
/** Items looked at together, when each costs as much as one of a common size. */
const ITEMS_PER_CHUNK = 512;
const BYTES_LIKE_AN_ITEM = 4_096;
const EXPRESSIONS_LIKE_AN_ITEM = 400;
/** What loading an item costs, before it is looked at, in items. */
const LOADED_WEIGHT = 0.25;
/** What an item costs that expressions look at without its having been read and parsed, in items. */
const UNREAD_WEIGHT = 0.25;
/** The same in rows made of an item's arrays, and in elements looked at for them. */
const ROWS_PER_PAUSE = 128;
const STEPS_PER_PAUSE = 1_024;

export type Outcome = 'kept' | 'dropped' | 'refused' | 'busy';
/** The same of a part of an item: its rows can come, or one of them is taken. */
type Step = Outcome | 'begun' | 'taken';

/** What the parts of one execution share. */
export class Execution {
  readonly compiled: CompiledQuery;
  readonly frame: Frame;
  readonly source: QuerySource;
  readonly epkRange: EpkRange | undefined;
  readonly page: PageRows;
  readonly memory: QueryMemory;
  readonly meter: PostingMeter;
  /** Items that turned out to be rows. */
  hits = 0;
  /** Rows come of items that earlier pages have dealt with: they count as seen and are not given. */
  isReplaying = false;
  /** Where the page before ended among the rows of an item. */
  readonly resumeIn: PartialItem | undefined;
  /** Rows that the page before had gathered. */
  readonly gathered: GatheredRows | undefined;
  /** Items that the page before had sorted and not given. */
  readonly sorted: SortedRest | undefined;
  /** Pages before have to be gone through again, to know what they gave. */
  readonly hasToReplay: boolean;
  readonly #options: ExecuteOptions;
  readonly #cursor: RowCursor | undefined;
  readonly #distinct: DistinctRows | undefined;
  readonly #carried: CarryOver | undefined;
  #item: { readonly number: ItemNumber; readonly text: Buffer | undefined } | undefined;
  #rowsOfItem = 0;
  /** The cursor stands at a row that was not given yet. */
  #hasRow = false;
  /** What an evaluation put off, and what came of it. */
  #postponed: (() => Step) | undefined;
  #settledOutcome: Step | undefined;
  #partial: PartialItem | undefined;
  #retrievedCount = 0;
  #retrievedBytes = 0;
  #sincePause = 0;
  #chunk = CHUNK_FILTERED_FIRST;
  #chunksAhead = 0;
  /** What an item costs besides its own size, in items: all of a long text or parameter may be looked at. */
  readonly #itemWeight: number;

  constructor(compiled: CompiledQuery, frame: Frame, start: Continuation, options: ExecuteOptions) {
    this.compiled = compiled;
    this.frame = frame;
    this.source = options.source;
    this.epkRange = options.epkRange;
    this.page = new PageRows(start, options);
    this.resumeIn = start.partial;
    this.#partial = start.partial;
    this.#options = options;
    let operandBytes = compiled.text.length;
    for (const { value } of options.parameters) operandBytes += roughSize(value);
    this.#itemWeight =
      1 +
      Math.floor(operandBytes / BYTES_LIKE_AN_ITEM) +
      Math.floor(compiled.expressionCount / EXPRESSIONS_LIKE_AN_ITEM);
    const { reader, block, isGathering } = compiled;
    this.#cursor = reader.levels.length > 0 ? new RowCursor(reader.levels, true) : undefined;
    const carried = this.#carriesOver ? this.#takeCarryOver() : undefined;
    this.#carried = carried;
    this.memory = carried?.memory ?? new QueryMemory();
    this.meter = new PostingMeter({
      turn: () => this.pause(),
      ...(options.isLate === undefined ? {} : { isLate: options.isLate }),
      memory: this.memory,
      weight: this.#itemWeight,
    });
    this.gathered = carried?.gathered;
    this.sorted = carried?.sorted;
    const isDistinct = block.isDistinct && !isGathering;
    this.#distinct = isDistinct
      ? (carried?.distinct ?? new DistinctRows(this.memory, block.site))
      : undefined;
    this.hasToReplay = isDistinct && carried === undefined;
  }

  /**
   * To be asked after each chunk. Never while earlier pages are gone through again: a page has to come
   * further than the one before.
   */
  get isOverdue(): boolean {
    if (this.isReplaying) return false;
    if (this.page.hasAllRows && ++this.#chunksAhead > CHUNKS_AHEAD_MAX) return true;
    return this.#options.isOverdue?.() === true;
  }

  /** Whether pages have to know the rows of the pages before. */
  get isDistinct(): boolean {
    return this.#distinct !== undefined;
  }

  /** How many rows were different, those of earlier pages included. */
  get distinctCount(): number {
    return this.#distinct?.size ?? 0;
  }

  /** How many items to load next: fewer when those before were large. */
  nextChunk(isExact: boolean): number {
    const meanBytes = this.#retrievedBytes / Math.max(1, this.#retrievedCount);
    const affordable = Math.max(1, Math.floor(CHUNK_BYTES_MAX / Math.max(1, meanBytes)));
    const isCounted = isExact && this.#cursor === undefined && !this.isDistinct;
    if (isCounted) {
      const chunkMax = this.compiled.projection.isWholeItem
        ? CHUNK_EXACT_MAX
        : Math.ceil(CHUNK_EXACT_MAX / this.#itemWeight);
      return Math.max(1, Math.min(chunkMax, this.page.missing, affordable));
    }
    const chunk = this.#chunk;
    this.#chunk = Math.min(CHUNK_FILTERED_MAX, chunk * 2);
    return Math.min(chunk, affordable, this.chunkMax);
  }

  /** Items that may be looked at between two pauses, when each has to be. */
  get chunkMax(): number {
    return Math.min(CHUNK_FILTERED_MAX, Math.ceil(ITEMS_PER_CHUNK / this.#itemWeight));
  }

  async load(numbers: readonly number[]): Promise<(SourceItem | undefined)[]> {
    const items = await this.source.load(numbers);
    this.#retrievedCount += items.length;
    let bytes = 0;
    for (const item of items) bytes += item?.text.length ?? 0;
    this.#retrievedBytes += bytes;
    await this.worked(numbers.length * LOADED_WEIGHT);
    if (this.compiled.callsFunctions) await this.#prepare(items);
    return items;
  }

  /** Has the functions called that the rows of these items need. */
  async #prepare(items: readonly (SourceItem | undefined)[]): Promise<void> {
    const calls = this.#calls;
    do {
      for (const item of items) {
        if (item === undefined || !this.isInRange(item)) continue;
        this.frame.slots[ITEM_SLOT] = await this.evaluate(() => parsedItem(item, this.frame.work));
        await this.inTurns(calls.rowSteps(this.stepsMax));
      }
      await this.worked(items.length);
    } while (await this.frame.functions.makeCalls());
  }

  /** As for items, for the one row of a query that reads none. */
  async prepareNothing(): Promise<void> {
    if (!this.compiled.callsFunctions) return;
    do await this.inTurns(this.#calls.rowSteps(this.stepsMax));
    while (await this.frame.functions.makeCalls());
  }

  /** As for items, for the group that expressions see. */
  async prepareRow(): Promise<void> {
    do await this.inTurns(this.#calls.groupSteps());
    while (await this.frame.functions.makeCalls());
  }

  get #calls(): NeededCalls {
    return new NeededCalls(this.compiled, this.frame);
  }

  /**
   * Evaluates; what takes long is done while others have their turn. What it changes must be no other when it
   * is changed again.
   */
  evaluate<T>(evaluate: () => T): T | Promise<T> {
    const { work } = this.frame;
    const result = work.attempt(evaluate);
    return result === LATER ? this.inTurns(work.settle(evaluate)) : (result as T);
  }

  /** Goes on with what an attempt of an evaluation has put off. */
  settle<T>(evaluate: () => T): Promise<T> {
    return this.inTurns(this.frame.work.settle(evaluate));
  }

  /** Does work of many steps while others have their turn. */
  inTurns<T>(steps: Steps<T>): Promise<T> {
    return finishInTurns(steps, () => this.#options.pause?.() ?? Promise.resolve());
  }

  /** Notes that so many items were dealt with, and lets others run when it is time. */
  async worked(count: number): Promise<void> {
    this.#sincePause += count;
    if (this.#sincePause < ITEMS_PER_PAUSE) return;
    this.#sincePause = 0;
    await this.#options.pause?.();
  }

  /** Notes that expressions looked at so many items that were not read, which is most of the work. */
  evaluated(count: number): Promise<void> {
    return this.worked(count * (this.#itemWeight - 1 + UNREAD_WEIGHT));
  }

  /** As much was done as others may have to wait for; what was put off is done now. */
  async pause(): Promise<void> {
    const step = this.#postponed;
    if (step === undefined) return this.worked(ITEMS_PER_PAUSE);
    this.#postponed = undefined;
    this.#settledOutcome = await this.inTurns(this.frame.work.settle(step));
  }

  /** Does a step of the present item; `busy` when it takes long: then it goes on after a pause. */
  #do<S extends Step>(step: () => S): S | 'busy' {
    const outcome = this.frame.work.attempt(step);
    if (outcome !== LATER) return outcome as S;
    this.#postponed = step;
    return 'busy';
  }

  /** Whether items and rows that were looked at are reason for a `pause`. */
  get isPauseDue(): boolean {
    const { work } = this.frame;
    if (work.effort > 0) {
      this.#sincePause += (work.effort / EFFORT_AT_ONCE) * ITEMS_PER_PAUSE;
      work.effort = 0;
    }
    return this.#sincePause >= ITEMS_PER_PAUSE;
  }

  /** Notes rows that were made, beside the items they were made of. */
  noteRows(count = 1): void {
    this.#sincePause += (count * this.#itemWeight * ITEMS_PER_PAUSE) / ROWS_PER_PAUSE;
  }

  /** Elements to look at before a pause is asked for. */
  get stepsMax(): number {
    return Math.ceil(STEPS_PER_PAUSE / this.#itemWeight);
  }

  /**
   * Makes the item the one that expressions see, unless it is out of bounds or the condition does not hold;
   * returns whether rows may come of it. With everything known about it beforehand it is not even parsed.
   */
  admit(item: SourceItem, known: { isExact: boolean; isConfined: boolean; isParsed: boolean }): boolean {
    if (!known.isConfined && !this.isInRange(item)) return false;
    const { predicate } = this.compiled;
    this.#sincePause += this.#itemWeight + item.text.length / BYTES_LIKE_AN_ITEM;
    const needsFilter = !known.isExact && predicate !== undefined;
    if (needsFilter || known.isParsed) this.frame.slots[ITEM_SLOT] = parsedItem(item, this.frame.work);
    this.frame.work.beginRow();
    return !needsFilter || predicate(this.frame);
  }

  /**
   * Puts the item's rows on the page if it has any: `kept`, or `dropped` when there are none; `refused` when
   * the page has no room for all of them, and then the item is not consumed; `busy` when it takes long: then
   * `goOn` after a pause.
   */
  offer(item: SourceItem | undefined, known: { isExact: boolean; isConfined: boolean }): Outcome {
    const { projection } = this.compiled;
    if (this.page.isClosed) return 'refused';
    if (item === undefined) return 'dropped';
    const { isExact, isConfined } = known;
    const isParsed = !projection.isWholeItem || this.#cursor !== undefined || this.isDistinct;
    const step = this.#do(() => {
      if (!this.admit(item, { isExact, isConfined, isParsed })) return 'dropped';
      if (this.#cursor !== undefined) return this.#begin(item.number, item.text);
      if (this.#give(item.text) === 'refused') return 'refused';
      this.hits++;
      return 'kept';
    });
    return step === 'begun' ? this.#giveRows() : step;
  }

  /** Makes what is known of an item the one that expressions see; whether the condition holds for it. */
  holds(item: JsonObject, { isExact }: { isExact: boolean }): boolean {
    const { predicate } = this.compiled;
    this.frame.slots[ITEM_SLOT] = item;
    this.frame.work.beginRow();
    return isExact || predicate === undefined || predicate(this.frame);
  }

  /** As `offer`, of what is known of an item that has one row. */
  offerColumns(item: JsonObject, known: { isExact: boolean }): Outcome {
    return this.#do(() => {
      if (!this.holds(item, known)) return 'dropped';
      if (this.page.isClosed || this.#give(undefined) === 'refused') return 'refused';
      this.hits++;
      return 'kept';
    });
  }

  /** The rows of a query that reads no items, whose condition holds. */
  offerNothing(): Outcome {
    const step = this.#do(() => {
      this.frame.work.beginRow();
      if (this.#cursor !== undefined) return this.#begin(0, undefined);
      return this.#give(undefined) === 'refused' ? 'refused' : 'kept';
    });
    return step === 'begun' ? this.#giveRows() : step;
  }

  /** The rows come when it is gone on with. */
  #begin(number: ItemNumber, text: Buffer | undefined): 'begun' {
    this.#cursor?.begin(this.frame);
    this.#item = { number, text };
    this.#rowsOfItem = 0;
    this.#hasRow = false;
    return 'begun';
  }

  /** Goes on with the item that was offered last, after a pause. */
  goOn(): Outcome {
    const settled = this.#settledOutcome;
    this.#settledOutcome = undefined;
    if (settled !== undefined && settled !== 'begun' && settled !== 'taken') return settled;
    return this.#giveRows();
  }

  /** Gives some of the rows of the present item. */
  #giveRows(): Outcome {
    const rowsMax = Math.ceil(ROWS_PER_PAUSE / this.#itemWeight);
    for (let row = 0; row < rowsMax; row++) {
      const outcome = this.#do(this.#giveNext);
      if (outcome !== 'taken' || this.isPauseDue) return outcome === 'taken' ? 'busy' : outcome;
    }
    return 'busy';
  }

  /** Gives the next row of the present item; able to go on with it when a part of it was put off. */
  readonly #giveNext = (): Outcome | 'taken' => {
    const item = this.#item;
    const cursor = this.#cursor;
    assert(item !== undefined && cursor !== undefined, 'only an item with several rows is gone on with');
    const { resumeIn, frame } = this;
    if (!this.#hasRow) {
      const found = cursor.next(frame, this.stepsMax);
      if (found === 'busy') return 'busy';
      if (found === 'end') {
        this.#partial = undefined;
        if (this.#rowsOfItem > 0) this.hits++;
        return this.#rowsOfItem > 0 ? 'kept' : 'dropped';
      }
      this.#hasRow = true;
    }
    frame.work.beginRow();
    const seen = resumeIn?.number === item.number ? resumeIn.rows : 0;
    const isSeen = this.#rowsOfItem < seen;
    if (!isSeen && this.page.isClosed) return this.#refuse(item.number);
    if (this.#give(item.text, isSeen) === 'refused') return this.#refuse(item.number);
    this.#rowsOfItem++;
    this.#hasRow = false;
    return 'taken';
  };

  #refuse(number: ItemNumber): 'refused' {
    const rows = this.#rowsOfItem;
    this.#partial = rows === 0 ? undefined : { number, rows };
    return 'refused';
  }

  /** Puts the row that the frame holds on the page, if it is one; nothing is changed before all is known. */
  #give(itemText: Buffer | undefined, isSeen = false): 'taken' | 'refused' {
    const { projection } = this.compiled;
    const distinct = this.#distinct;
    let identity: string | undefined;
    if (distinct !== undefined) {
      const value = projection.value(this.frame);
      identity = value === undefined ? undefined : distinct.unseen(value, this.frame);
      if (identity === undefined) return 'taken';
    }
    const isGiven = !this.isReplaying && !isSeen;
    const row = isGiven ? projection.project(this.frame, itemText) : undefined;
    // The next page is handed the rows that were noted, and has to find one new that has no room here.
    if (row !== undefined && !this.page.offer(row)) return 'refused';
    if (identity !== undefined) distinct?.note(identity);
    return 'taken';
  }

  isInRange({ epk }: SourceItem): boolean {
    return this.epkRange === undefined || (epk >= this.epkRange.min && epk < this.epkRange.max);
  }

  /** The token for the next page, when everything up to `position` was consumed. */
  continuationAt(
    position: { readonly after: ItemNumber; readonly order?: Continuation['order'] | undefined },
    partial: PartialItem | undefined = this.#partial,
    rest: Omit<CarryOver, 'memory' | 'distinct'> = {},
  ): string {
    const { skip, take } = this.page;
    const { after, order } = position;
    const token = encodeContinuation(this.compiled.placeText, {
      ...{ after, skip, take },
      ...(order === undefined ? {} : { order }),
      ...(partial === undefined ? {} : { partial }),
    });
    if (this.#carriesOver || rest.candidates !== undefined) {
      const { carryOvers, environment } = this.#options;
      const left = { memory: this.memory, distinct: this.#distinct, ...rest };
      carryOvers?.keep(this.#carryKey(token), left, environment.nowMs);
    }
    return token;
  }

  /** Whether a page has to read again what came before it, unless that was kept. */
  get #carriesOver(): boolean {
    const { block, isGathering, order } = this.compiled;
    return block.isDistinct || isGathering || order.length > 1;
  }

  /** Candidates that the page before had gathered; for those who would otherwise gather them again. */
  takeCandidates(): CarryOver['candidates'] {
    return (this.#carriesOver ? this.#carried : this.#takeCarryOver())?.candidates;
  }

  #takeCarryOver(): CarryOver | undefined {
    const { carryOvers, continuation, environment } = this.#options;
    if (carryOvers === undefined || carryOvers.isEmpty || continuation === undefined) return undefined;
    return carryOvers.take(this.#carryKey(continuation), environment.nowMs);
  }

  /** Names the query, what it is given and what it reads: two that agree in all of it do the same. */
  #carryKey(token: string): string {
    const { parameters, epkRange, source } = this.#options;
    const hash = createHash('sha256').update(this.compiled.text).update(JSON.stringify(parameters));
    return `${source.state} ${epkRange?.min}-${epkRange?.max} ${hash.digest('base64')} ${token}`;
  }

  finish(continuation: string | undefined): QueryPage {
    const kilobytes = this.#retrievedBytes / 1024;
    return {
      rows: this.page.rows,
      continuation,
      retrievedCount: this.#retrievedCount,
      retrievedBytes: this.#retrievedBytes,
      indexHits: this.hits,
      charge:
        CHARGE_BASE +
        CHARGE_PER_ITEM * this.#retrievedCount +
        CHARGE_PER_KB * kilobytes +
        CHARGE_PER_POSTING * this.meter.postings,
    };
  }
}
