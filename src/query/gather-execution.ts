/**
 * Queries whose rows exist only when all items were read: aggregates, GROUP BY, and queries over rows that
 * group or are DISTINCT. Every page reads all items again and gives the groups that come after the last one
 * given; what is kept meanwhile is bounded.
 */
import { type Access, intersection } from './access.ts';
import { ITEM_SLOT } from './binder.ts';
import type { Block } from './block.ts';
import { type Candidates, chooseCandidates } from './candidates.ts';
import { scanColumns } from './column-scan.ts';
import type { Condition } from './condition.ts';
import type { PartialItem } from './continuation.ts';
import type { QueryPage } from './execute-options.ts';
import type { Execution } from './execution.ts';
import { type CandidateScope, gatherCandidates } from './gathering.ts';
import { DistinctRows, type GatheredRows, Groups } from './grouping.ts';
import { type Answer, aggregateFromIndex } from './index-aggregates.ts';
import { LATER } from './long-work.ts';
import { bindCondition } from './plan.ts';
import { rowText } from './projection.ts';
import { ENTRY_BYTES } from './query-memory.ts';
import { RowCursor } from './row-levels.ts';
import type { ItemNumber } from './source.ts';

/** Numbers or postings counted at once. */
const COUNT_CHUNK = 1_024;
/** What counting without reading is charged as, in postings: it opens the blocks at the edges. */
const COUNTED_BLOCKS_COST = 200;
/** Counting may gather far more than reading would: nothing is loaded, and a number takes eight bytes. */
const COUNT_GATHER_MAX = 1_000_000;

/** One query of a chain in which each reads the rows of the one before: takes rows, passes rows on. */
class Collector {
  readonly #execution: Execution;
  readonly #block: Block;
  readonly #next: { readonly collector: Collector; readonly slot: number } | undefined;
  readonly #groups: Groups | undefined;
  readonly #distinct: DistinctRows | undefined;
  readonly #cursor: RowCursor;
  /** Rows of the outermost query, unless it groups. */
  readonly #texts: string[] = [];
  /**
   * Where it stands when an evaluation was put off: among the rows of the one taken, at a row, passing
   * one.
   */
  #isTaking = false;
  #hasRow = false;
  #isPassing = false;

  constructor(execution: Execution, block: Block, next?: { collector: Collector; slot: number }) {
    this.#execution = execution;
    this.#block = block;
    this.#next = next;
    this.#groups = block.grouping && new Groups(block.grouping, execution.memory);
    // Groups of the outermost query are compared when they are given.
    const isHere = block.isDistinct && (next !== undefined || block.grouping === undefined);
    this.#distinct = isHere ? new DistinctRows(execution.memory, block.site) : undefined;
    this.#cursor = new RowCursor(block.levels, true);
  }

  get groups(): Groups | undefined {
    return this.#groups;
  }

  /**
   * Takes the row that the frame holds, its condition and sources not yet looked at. When that takes long the
   * evaluation is put off, and the next call goes on; so with `add`.
   */
  take(): void {
    const { frame } = this.#execution;
    const { work } = frame;
    if (!this.#isTaking) {
      if (this.#block.predicate !== undefined && !this.#block.predicate(frame)) return;
      this.#cursor.begin(frame);
      this.#isTaking = true;
    }
    for (;;) {
      if (!this.#hasRow) {
        const found = this.#cursor.next(frame, this.#execution.stepsMax);
        if (found === 'end') break;
        this.#hasRow = found === 'row';
      }
      if (this.#hasRow) {
        this.add(0);
        this.#hasRow = false;
        work.countRow();
        work.commit();
      }
      work.rest();
    }
    this.#isTaking = false;
  }

  /** Takes the row that the frame holds. */
  add(origin: ItemNumber): void {
    if (this.#groups !== undefined) this.#groups.add(this.#execution.frame, origin);
    else this.#pass();
  }

  #pass(): void {
    const { frame, memory } = this.#execution;
    if (!this.#isPassing) {
      const row = this.#block.projection.value(frame);
      const identity = row === undefined ? undefined : this.#distinct?.unseen(row, frame);
      if (row === undefined || (this.#distinct !== undefined && identity === undefined)) return;
      const text = this.#next === undefined ? rowText(row, this.#block.site, frame) : '';
      if (identity !== undefined) this.#distinct?.note(identity);
      if (this.#next === undefined) {
        memory.take(ENTRY_BYTES + 2 * text.length);
        this.#texts.push(text);
        return;
      }
      frame.slots[this.#next.slot] = row;
      this.#isPassing = true;
      frame.work.beginRow();
      frame.work.commit();
    }
    this.#next?.collector.take();
    this.#isPassing = false;
  }

  /** All rows were added: passes on those that were not yet. */
  async finish(): Promise<void> {
    if (this.#next === undefined) return;
    const { frame } = this.#execution;
    for (const group of this.#groups?.all() ?? []) {
      this.#groups?.show(group, frame);
      await this.#execution.evaluate(() => this.#pass());
      this.#execution.noteRows();
      if (this.#execution.isPauseDue) await this.#execution.pause();
    }
    await this.#next.collector.finish();
  }

  /** Rows of the outermost query. */
  get rows(): GatheredRows {
    return { groups: this.#groups, texts: this.#texts };
  }
}

/** Collectors from the query that reads items to the outermost. */
function chainOf(execution: Execution): { first: Collector; last: Collector } {
  const build = (block: Block, next?: { collector: Collector; slot: number }): Collector => {
    const collector = new Collector(execution, block, next);
    last ??= collector;
    return block.inner === undefined
      ? collector
      : build(block.inner.block, { collector, slot: block.inner.slot });
  };
  let last: Collector | undefined;
  const first = build(execution.compiled.block);
  return { first, last: last ?? first };
}

/**
 * A page of the rows that all items together make. `isOneRow` when nothing is read: a query without FROM.
 */
export async function executeGathering(
  execution: Execution,
  access: Access | undefined,
  start: { readonly after: ItemNumber },
): Promise<QueryPage> {
  if (execution.gathered !== undefined) return giveRows(execution, execution.gathered, start);
  const { first, last } = chainOf(execution);
  if (access === undefined) await new ItemRows(execution, first).addAll(0);
  else if (!(await aggregateFromIndexes(execution, access, first))) {
    if (!(await readColumns(execution, access, first))) await readAll(execution, access, first);
  }
  await first.finish();
  return giveRows(execution, last.rows, start);
}

async function readAll(execution: Execution, access: Access, first: Collector): Promise<void> {
  const { source, epkRange, meter } = execution;
  const scope = { source, access, epkRange, after: -1, meter, isWhole: true };
  const candidates = await chooseCandidates(scope);
  const rows = new ItemRows(execution, first);
  try {
    for (;;) {
      const want = execution.nextChunk(false);
      const numbers = await candidates.numbers.next(want);
      await addChunk(execution, candidates, numbers, rows);
      if (numbers.length < want) return;
    }
  } finally {
    await candidates.numbers.close();
  }
}

/** The same from the indexes of the properties that are needed, where that is cheaper; false when not. */
async function readColumns(execution: Execution, access: Access, first: Collector): Promise<boolean> {
  const found = await scanColumns(execution, access, -1);
  if (found === undefined) return false;
  const rows = new ItemRows(execution, first);
  for (let chunk = await found.next(); chunk !== undefined; chunk = await found.next()) {
    for (const { number, item } of chunk) {
      if (!rows.begin(number, () => execution.holds(item, found))) await rows.goOn();
      if (!rows.isAdmitted) continue;
      execution.hits++;
      execution.noteRows();
      if (execution.isPauseDue) await execution.pause();
    }
  }
  return true;
}

async function addChunk(
  execution: Execution,
  candidates: Candidates,
  numbers: readonly ItemNumber[],
  rows: ItemRows,
): Promise<void> {
  const { isExact, isConfined } = candidates;
  execution.frame.functions.forget();
  const items = await execution.load(numbers);
  let kept = 0;
  for (const item of items) {
    if (item === undefined) continue;
    const known = { isExact, isConfined, isParsed: true };
    if (!rows.begin(item.number, () => execution.admit(item, known))) await rows.goOn();
    if (rows.isAdmitted) kept++;
    if (execution.isPauseDue) await execution.pause();
  }
  execution.hits += kept;
  candidates.observe?.(items.length, kept);
}

/** Hands the rows of one item after the other to the first collector. */
class ItemRows {
  /** Whether the present item has satisfied the condition. */
  isAdmitted = false;
  readonly #execution: Execution;
  readonly #first: Collector;
  readonly #cursor: RowCursor | undefined;
  #number: ItemNumber = 0;
  #admit: () => boolean = () => true;
  /** Where it stands when an evaluation was put off: the item's sources have values, a row was found. */
  #isBegun = false;
  #hasRow = false;
  #postponed = false;

  constructor(execution: Execution, first: Collector) {
    const { levels } = execution.compiled.reader;
    this.#execution = execution;
    this.#first = first;
    this.#cursor = levels.length > 0 ? new RowCursor(levels, true) : undefined;
  }

  /**
   * Adds the rows of an item if `admit`, which puts it into the frame, says so; false when it takes long:
   * then `goOn`.
   */
  begin(number: ItemNumber, admit: () => boolean): boolean {
    this.#number = number;
    this.#admit = admit;
    this.isAdmitted = false;
    this.#isBegun = false;
    this.#hasRow = false;
    return this.#advance();
  }

  async goOn(): Promise<void> {
    do {
      if (!this.#postponed) await this.#execution.pause();
      else if ((await this.#execution.settle(this.#step)) === 'end') return;
    } while (!this.#advance());
  }

  async addAll(number: ItemNumber): Promise<void> {
    if (!this.begin(number, () => true)) await this.goOn();
  }

  #advance(): boolean {
    do {
      const found = this.#execution.frame.work.attempt(this.#step);
      this.#postponed = found === LATER;
      if (found === 'end') return true;
      if (found !== 'row') return false;
    } while (!this.#execution.isPauseDue);
    return false;
  }

  /** One row more. */
  readonly #step = (): 'row' | 'end' | 'busy' => {
    const { frame, stepsMax } = this.#execution;
    const cursor = this.#cursor;
    if (!this.isAdmitted && !this.#admit()) return 'end';
    this.isAdmitted = true;
    if (cursor === undefined) {
      this.#first.add(this.#number);
      return 'end';
    }
    if (!this.#isBegun) this.#isBegun = cursor.begin(frame);
    if (!this.#hasRow) {
      const found = cursor.next(frame, stepsMax);
      if (found !== 'row') return found;
      this.#hasRow = true;
      frame.work.beginRow();
    }
    this.#first.add(this.#number);
    this.#hasRow = false;
    this.#execution.noteRows();
    return 'row';
  };
}

/**
 * Gives the rows that come after the page before. A group belongs to the item that it first came of, so
 * groups that appear or vanish meanwhile do not move the others.
 */
async function giveRows(
  execution: Execution,
  rows: GatheredRows,
  start: { readonly after: ItemNumber },
): Promise<QueryPage> {
  const { compiled, frame, page, resumeIn } = execution;
  const { grouping, isDistinct, projection } = compiled.block;
  const distinct =
    isDistinct && grouping !== undefined
      ? new DistinctRows(execution.memory, compiled.block.site)
      : undefined;
  const position = { after: start.after };
  let partial: PartialItem = { number: -1, rows: 0 };
  let isEnd = true;
  for (const row of rows.groups?.all() ?? rows.texts) {
    const group = typeof row === 'string' ? undefined : row;
    // Rows of rows belong to no single item.
    const origin = group?.origin ?? 0;
    if (origin !== partial.number) {
      if (partial.number > position.after) position.after = partial.number;
      partial = { number: origin, rows: 0 };
    }
    const isSeen = origin <= start.after || (resumeIn?.number === origin && partial.rows < resumeIn.rows);
    const isLookedAt = group !== undefined && (!isSeen || distinct !== undefined);
    if (isLookedAt) rows.groups?.show(group, frame);
    if (compiled.callsFunctions && isLookedAt) await execution.prepareRow();
    const evaluate = () => {
      frame.work.beginRow();
      const value = distinct && projection.value(frame);
      const identity = value === undefined ? undefined : distinct?.unseen(value, frame);
      if (isSeen || (distinct !== undefined && identity === undefined)) return { identity };
      return { identity, text: typeof row === 'string' ? row : projection.project(frame, undefined) };
    };
    const evaluated = execution.evaluate(evaluate);
    const { identity, text } = evaluated instanceof Promise ? await evaluated : evaluated;
    if (identity !== undefined) distinct?.note(identity);
    if (text !== undefined && (page.isClosed || !page.offer(text))) {
      isEnd = false;
      break;
    }
    partial = { number: origin, rows: partial.rows + 1 };
    execution.noteRows();
    if (execution.isPauseDue) await execution.pause();
  }
  // Unlike elsewhere it is known whether rows are left. An empty last page of groups is not just a round
  // trip: official clients that merge groups of ranges believe for ever after one that there is more.
  if (isEnd || grouping?.keys.length === 0 || !page.isFull) return execution.finish(undefined);
  return execution.finish(execution.continuationAt(position, partial, { gathered: rows }));
}

async function countRows(execution: Execution, scope: CandidateScope): Promise<Answer | undefined> {
  const count = await countExactly(execution, scope);
  return count === undefined ? undefined : (accumulator) => accumulator.addRows?.(count);
}

/** Aggregates without reading items, where indexes know enough. */
async function aggregateFromIndexes(
  execution: Execution,
  access: Access,
  first: Collector,
): Promise<boolean> {
  const { compiled, source, epkRange, meter } = execution;
  const { inner, grouping, levels } = compiled.block;
  if (inner !== undefined || levels.length > 0 || grouping === undefined || grouping.keys.length > 0)
    return false;
  if (!access.isExact) return false;
  const answers: Answer[] = [];
  for (const call of grouping.aggregates) {
    const counted = compiled.counted.get(call);
    const scope = { source, access, epkRange, after: -1, meter };
    const answer =
      call.countsRows || counted !== undefined
        ? await countRows(execution, counted === undefined ? scope : countedScope(execution, scope, counted))
        : epkRange === undefined
          ? await aggregateFromIndex({ source, access, meter }, call)
          : undefined;
    if (answer === undefined) return false;
    answers.push(answer);
  }
  for (const { accumulators } of first.groups?.all() ?? []) {
    accumulators.forEach((accumulator, place) => {
      answers[place]?.(accumulator);
    });
  }
  execution.frame.slots[ITEM_SLOT] = undefined;
  return true;
}

/** Of what a scope finds, the items for which a condition holds. */
function countedScope({ frame }: Execution, scope: CandidateScope, counted: Condition): CandidateScope {
  const { indexer } = scope.source;
  return { ...scope, access: intersection([scope.access, bindCondition(counted, indexer, frame)]) };
}

/** How many items an exact access finds; undefined when that cannot be told without loading items. */
async function countExactly(execution: Execution, scope: CandidateScope): Promise<number | undefined> {
  const { access, epkRange, source, meter } = scope;
  if (access.kind === 'nothing') return 0;
  if (!access.isExact) return undefined;
  if (epkRange === undefined) {
    // Where an item can have several entries, only those with one value are as many as items.
    const isEachOnce = access.kind === 'scan' && (access.isPoint || !access.isBelowArray);
    if (isEachOnce || access.kind === 'everything') {
      meter.postings += COUNTED_BLOCKS_COST;
      return source.count(access.kind === 'everything' ? undefined : access);
    }
  } else if (access.kind === 'everything') {
    const cursor = source.scanNumbers({ epkRange, isBare: true });
    const count = await countAll(execution, cursor);
    meter.postings += count;
    return count;
  }
  const gathered = await gatherCandidates({ ...scope, postingsPerLoad: COUNT_GATHER_MAX }, COUNT_GATHER_MAX);
  if (gathered === undefined || !gathered.isExact || !gathered.isConfined) return undefined;
  return gathered.numbers.length;
}

async function countAll(
  execution: Execution,
  cursor: { next(count: number): Promise<unknown[]>; close(): Promise<void> },
): Promise<number> {
  try {
    for (let count = 0; ; ) {
      const chunk = await cursor.next(COUNT_CHUNK);
      count += chunk.length;
      if (chunk.length < COUNT_CHUNK) return count;
      await execution.worked(chunk.length);
    }
  } finally {
    await cursor.close();
  }
}
