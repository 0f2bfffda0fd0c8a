import type { JsonObject } from '../base/index.ts';
import type { EpkRange } from '../resource/index.ts';
import type { Frame } from './binder.ts';
import type { CompiledQuery } from './compiled-query.ts';
import type { QueryEnvironment } from './environment.ts';
import type { IndexCoverage } from './plan.ts';
import type { QuerySource, QuerySpec, SourceItem } from './source.ts';

export interface ExecuteOptions {
  readonly parameters: QuerySpec['parameters'];
  readonly environment: QueryEnvironment;
  /** Read from, never closed. */
  readonly source: QuerySource;
  readonly indexer: IndexCoverage;
  /** Only items with a partition key in it. */
  readonly epkRange?: EpkRange;
  /** Rows of a page, 1 or more. */
  readonly itemCountMax: number;
  /** Of the page before. */
  readonly continuation?: string;
  /** Bytes that the rows of a page may have together; a single row may have more. */
  readonly bytesMax: number;
  /** Asked between chunks of work: true ends the page early, with a continuation. Not for aggregates. */
  readonly isOverdue?: () => boolean;
  /** Called now and then during long work; lets other work of the process run. */
  readonly pause?: () => Promise<void>;
}

export interface QueryPage {
  /** JSON texts. */
  readonly rows: (Buffer | string)[];
  /** Undefined when there is nothing more; a page that is full has one even so. */
  readonly continuation: string | undefined;
  /** Items loaded, and the bytes of them. */
  readonly retrievedCount: number;
  readonly retrievedBytes: number;
  /** Loaded items that satisfied the condition. */
  readonly indexHits: number;
  /** Request units. */
  readonly charge: number;
}

/** The published minimum of a query, and prices in request units that keep its order of magnitude. */
const CHARGE_BASE = 2.3;
const CHARGE_PER_ITEM = 0.02;
const CHARGE_PER_KB = 0.02;
const CHARGE_PER_POSTING = 0.0005;

/** Items loaded at once when all of them will be rows, and when they still have to be looked at. */
const CHUNK_EXACT_MAX = 512;
export const CHUNK_FILTERED_MAX = 128;
const CHUNK_FILTERED_FIRST = 32;
const ITEMS_PER_PAUSE = 512;

/** Rows of one page, within its limits and the window of TOP, OFFSET and LIMIT. */
export class PageRows {
  readonly rows: (Buffer | string)[] = [];
  skip: number;
  take: number;
  readonly #countMax: number;
  readonly #bytesMax: number;
  #bytes = 0;
  #isOutOfBytes = false;

  constructor(window: { skip: number; take: number }, limits: { itemCountMax: number; bytesMax: number }) {
    this.skip = window.skip;
    this.take = window.take;
    this.#countMax = limits.itemCountMax;
    this.#bytesMax = limits.bytesMax;
  }

  /**
   * Takes the row, or leaves it out when the window does; false when there is no room: then it is not
   * consumed.
   */
  offer(row: Buffer | string): boolean {
    if (this.skip > 0) {
      this.skip--;
      return true;
    }
    if (this.rows.length > 0 && this.#bytes + row.length > this.#bytesMax) {
      this.#isOutOfBytes = true;
      return false;
    }
    this.rows.push(row);
    this.#bytes += row.length;
    this.take--;
    return true;
  }

  /** Whether the client may ask for more: a page that filled up does not know whether it was the last. */
  get isFull(): boolean {
    return this.#isOutOfBytes || this.rows.length >= this.#countMax;
  }

  /** Nothing more can be added. */
  get isClosed(): boolean {
    return this.isFull || this.take <= 0;
  }

  /** Rows that would fill the page, those to be left out included. */
  get missing(): number {
    return Math.min(this.#countMax - this.rows.length, this.take) + this.skip;
  }
}

/** What the parts of one execution share. */
export class Execution {
  readonly compiled: CompiledQuery;
  readonly frame: Frame;
  readonly source: QuerySource;
  readonly epkRange: EpkRange | undefined;
  readonly page: PageRows;
  readonly meter = { postings: 0 };
  /** Items that turned out to be rows. */
  hits = 0;
  readonly #options: ExecuteOptions;
  #retrievedCount = 0;
  #retrievedBytes = 0;
  #sincePause = 0;
  #chunk = CHUNK_FILTERED_FIRST;

  constructor(compiled: CompiledQuery, frame: Frame, page: PageRows, options: ExecuteOptions) {
    this.compiled = compiled;
    this.frame = frame;
    this.source = options.source;
    this.epkRange = options.epkRange;
    this.page = page;
    this.#options = options;
  }

  get isOverdue(): boolean {
    return this.#options.isOverdue?.() === true;
  }

  /** How many items to load next. */
  nextChunk(isExact: boolean): number {
    if (isExact) return Math.max(1, Math.min(CHUNK_EXACT_MAX, this.page.missing));
    const chunk = this.#chunk;
    this.#chunk = Math.min(CHUNK_FILTERED_MAX, chunk * 2);
    return chunk;
  }

  async load(numbers: readonly number[]): Promise<(SourceItem | undefined)[]> {
    const items = await this.source.load(numbers);
    this.#retrievedCount += items.length;
    for (const item of items) this.#retrievedBytes += item?.text.length ?? 0;
    await this.worked(numbers.length);
    return items;
  }

  /** Notes that so many items were dealt with, and lets others run when it is time. */
  async worked(count: number): Promise<void> {
    this.#sincePause += count;
    if (this.#sincePause < ITEMS_PER_PAUSE || this.#options.pause === undefined) return;
    this.#sincePause = 0;
    await this.#options.pause();
  }

  /**
   * Makes the item the row that expressions see, unless it is out of bounds or the condition does not hold;
   * returns whether it is a row. With everything known about it beforehand it is not even parsed.
   */
  admit(item: SourceItem, known: { isExact: boolean; isConfined: boolean; isParsed: boolean }): boolean {
    if (!known.isConfined && !this.isInRange(item)) return false;
    const { predicate } = this.compiled;
    const needsFilter = !known.isExact && predicate !== undefined;
    if (needsFilter || known.isParsed) this.frame.slots[0] = parseItem(item);
    return !needsFilter || predicate(this.frame);
  }

  /**
   * Puts the item's row on the page if it has one: `kept`, or `dropped` when it is none; `refused` when the
   * page has no room, and then the item is not consumed.
   */
  offer(
    item: SourceItem | undefined,
    known: { isExact: boolean; isConfined: boolean },
  ): 'kept' | 'dropped' | 'refused' {
    const { projection } = this.compiled;
    if (this.page.isClosed) return 'refused';
    if (item === undefined || !this.admit(item, { ...known, isParsed: !projection.isWholeItem }))
      return 'dropped';
    const row = projection.project(this.frame, item.text);
    if (row !== undefined && !this.page.offer(row)) return 'refused';
    this.hits++;
    return 'kept';
  }

  isInRange({ epk }: SourceItem): boolean {
    return this.epkRange === undefined || (epk >= this.epkRange.min && epk < this.epkRange.max);
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

function parseItem(item: SourceItem): JsonObject {
  return JSON.parse(item.text.toString('utf8')) as JsonObject;
}
