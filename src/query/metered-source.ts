import { indexedPath } from './condition.ts';
import type {
  IndexScope,
  ItemNumber,
  NearestRequest,
  NumberCursor,
  Posting,
  PostingCursor,
  QuerySource,
  SourceItem,
  ValueCursor,
} from './source.ts';

/** One way in which a query read its source: an index, the list of all items, or the items themselves. */
export interface ReadStep {
  readonly kind: 'index scan' | 'index count' | 'item list' | 'key range' | 'vector search' | 'item load';
  /** Of an index: the id of its path, as text. */
  readonly pathId?: string;
  /** How often it was begun. */
  calls: number;
  /** Index entries, numbers or items that came of it. */
  entries: number;
  /** Of items: the length of their texts. */
  bytes: number;
  /** Time that the query waited for it, in milliseconds. */
  ms: number;
}

/** A source that takes note of what is read from it and how long that takes. */
export class MeteredSource implements QuerySource {
  readonly indexer: QuerySource['indexer'];
  readonly state: string;
  readonly nearest?: NonNullable<QuerySource['nearest']>;
  readonly #source: QuerySource;
  readonly #nowMs: () => number;
  readonly #steps = new Map<string, ReadStep>();

  /** `nowMs` never steps back. */
  constructor(source: QuerySource, nowMs: () => number) {
    this.indexer = source.indexer;
    this.state = source.state;
    this.#source = source;
    this.#nowMs = nowMs;
    if (source.nearest !== undefined) this.nearest = (request) => this.#nearest(request);
  }

  /** In the order in which they were begun. */
  get steps(): readonly ReadStep[] {
    return [...this.#steps.values()];
  }

  #step(kind: ReadStep['kind'], pathId?: Uint8Array): ReadStep {
    const path = pathId && Buffer.from(pathId).toString('latin1');
    const name = `${kind}/${path ?? ''}`;
    let step = this.#steps.get(name);
    if (step === undefined) {
      step = { kind, ...(path === undefined ? {} : { pathId: path }), calls: 0, entries: 0, bytes: 0, ms: 0 };
      this.#steps.set(name, step);
    }
    step.calls++;
    return step;
  }

  async #timed<T>(step: ReadStep, work: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    try {
      return await work();
    } finally {
      step.ms += this.#nowMs() - startMs;
    }
  }

  #cursor<T>(step: ReadStep, cursor: { next(count: number): Promise<T[]>; close(): Promise<void> }) {
    return {
      next: async (count: number) => {
        const found = await this.#timed(step, () => cursor.next(count));
        step.entries += found.length;
        return found;
      },
      close: () => cursor.close(),
    };
  }

  scanIndex(scan: IndexScope & { reverse?: boolean; after?: Posting }): PostingCursor {
    return this.#cursor(this.#step('index scan', scan.pathId), this.#source.scanIndex(scan));
  }

  scanIndexNumbers(scan: IndexScope & { after?: Posting }): NumberCursor {
    return this.#cursor(this.#step('index scan', scan.pathId), this.#source.scanIndexNumbers(scan));
  }

  scanValues(scan: IndexScope): ValueCursor {
    const step = this.#step('index scan', scan.pathId);
    const cursor = this.#source.scanValues(scan);
    return {
      next: async (count) => {
        const found = await this.#timed(step, () => cursor.next(count));
        for (const { numbers } of found) step.entries += numbers.length;
        return found;
      },
      close: () => cursor.close(),
    };
  }

  scanNumbers(scan: Parameters<QuerySource['scanNumbers']>[0]): NumberCursor {
    const step = this.#step(scan.epkRange === undefined ? 'item list' : 'key range');
    return this.#cursor(step, this.#source.scanNumbers(scan));
  }

  async count(scope?: IndexScope): Promise<number> {
    const step = this.#step('index count', scope?.pathId);
    const count = await this.#timed(step, () => this.#source.count(scope));
    step.entries += count;
    return count;
  }

  estimate(scope: Parameters<QuerySource['estimate']>[0]): ReturnType<QuerySource['estimate']> {
    return this.#source.estimate(scope);
  }

  async #nearest(request: NearestRequest): ReturnType<NonNullable<QuerySource['nearest']>> {
    const step = this.#step('vector search', indexedPath(request.path).id);
    const found = await this.#timed(step, async () => this.#source.nearest?.(request));
    step.entries += found?.numbers.length ?? 0;
    return found;
  }

  async load(numbers: readonly ItemNumber[]): Promise<(SourceItem | undefined)[]> {
    const step = this.#step('item load');
    const items = await this.#timed(step, () => this.#source.load(numbers));
    step.entries += items.length;
    for (const item of items) step.bytes += item?.text.length ?? 0;
    return items;
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
