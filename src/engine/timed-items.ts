import type { Runtime } from '../runtime/index.ts';
import type { Conflicts } from './conflict-feed.ts';
import { type Deadlines, tooLate } from './deadlines.ts';
import type {
  AnswerHead,
  BatchAnswer,
  BatchRequest,
  FeedAnswer,
  FeedScope,
  ItemAnswer,
  Items,
  ItemTarget,
  ItemWrite,
  QueryRequest,
} from './engine.ts';
import type { Meter, OperationMeter } from './meter.ts';

export interface TimedItemsOptions {
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
  readonly deadlines: Deadlines;
  readonly meter: Meter;
}

/**
 * Items with a clock beside them: every operation ends in time, if only with `RequestTimeout`, which says
 * that nobody knows whether a write took effect; and every end is counted.
 */
export class TimedItems implements Items {
  readonly #inner: Items;
  readonly #options: TimedItemsOptions;
  readonly #reads: OperationMeter;

  constructor(inner: Items, options: TimedItemsOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#reads = options.meter.of('read');
  }

  /** As synchronous as what it reads from: what is at hand needs no deadline. */
  read(target: ItemTarget): ItemAnswer | Promise<ItemAnswer> {
    const { runtime } = this.#options;
    const startMs = runtime.monotonicMs();
    let answer: ItemAnswer | Promise<ItemAnswer>;
    try {
      answer = this.#inner.read(target);
    } catch (error) {
      this.#reads.failed(runtime.monotonicMs() - startMs, error);
      throw error;
    }
    if (answer instanceof Promise) return this.#inTime(this.#reads, startMs, answer);
    this.#reads.succeeded(runtime.monotonicMs() - startMs, answer.charge);
    return answer;
  }

  list(scope: FeedScope): Promise<FeedAnswer> {
    return this.run('list', () => this.#inner.list(scope));
  }

  query(request: QueryRequest): Promise<FeedAnswer> {
    return this.run('query', () => this.#inner.query(request));
  }

  create(write: ItemWrite): Promise<ItemAnswer> {
    return this.run('create', () => this.#inner.create(write));
  }

  upsert(write: ItemWrite): Promise<ItemAnswer> {
    return this.run('upsert', () => this.#inner.upsert(write));
  }

  replace(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    return this.run('replace', () => this.#inner.replace(target, body));
  }

  patch(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    return this.run('patch', () => this.#inner.patch(target, body));
  }

  delete(target: ItemTarget): Promise<ItemAnswer> {
    return this.run('delete', () => this.#inner.delete(target));
  }

  deletePartitionKey(scope: FeedScope): Promise<AnswerHead> {
    return this.run('deletePartitionKey', () => this.#inner.deletePartitionKey(scope));
  }

  batch(request: BatchRequest): Promise<BatchAnswer> {
    return this.run('batch', () => this.#inner.batch(request));
  }

  /** Something else on items that is to end in time, counted under a name of its own. */
  run<A extends { readonly charge: number }>(operation: string, begin: () => Promise<A>): Promise<A> {
    const meter = this.#options.meter.of(operation);
    return this.#inTime(meter, this.#options.runtime.monotonicMs(), begin());
  }

  #inTime<A extends { readonly charge: number }>(
    meter: OperationMeter,
    startMs: number,
    answering: Promise<A>,
  ): Promise<A> {
    const { runtime, deadlines } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        meter.failed(runtime.monotonicMs() - startMs, error);
        reject(error);
      };
      const deadline = deadlines.begin(startMs, () => fail(tooLate(deadlines.lengthMs)));
      answering.then(
        (answer) => {
          if (!deadline.end()) return;
          meter.succeeded(runtime.monotonicMs() - startMs, answer.charge);
          resolve(answer);
        },
        (error: unknown) => {
          if (deadline.end()) fail(error);
        },
      );
    });
  }
}

/** The conflicts feed under the same deadlines. What it charges is that of metadata, which nobody counts. */
export function timedConflicts(timed: TimedItems, inner: Conflicts): Conflicts {
  const run = async <A>(operation: string, begin: () => Promise<A>): Promise<A> => {
    const ended = await timed.run(operation, async () => ({ answer: await begin(), charge: 0 }));
    return ended.answer;
  };
  return {
    list: (path) => run('listConflicts', () => inner.list(path)),
    read: (path, id) => run('readConflict', () => inner.read(path, id)),
    delete: (path, id) => run('deleteConflict', () => inner.delete(path, id)),
  };
}
