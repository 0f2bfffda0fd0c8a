/** What an execution is given, and the page that it makes. */
import type { EpkRange } from '../resource/index.ts';
import type { CarryOvers } from './carry-over.ts';
import type { QueryEnvironment } from './environment.ts';
import type { PageLimits } from './page-rows.ts';
import type { IndexCoverage } from './plan.ts';
import type { QuerySource, QuerySpec } from './source.ts';
import type { FunctionCaller } from './user-functions.ts';

export interface ExecuteOptions extends PageLimits {
  readonly parameters: QuerySpec['parameters'];
  readonly environment: QueryEnvironment;
  /** Read from, never closed. */
  readonly source: QuerySource;
  readonly indexer: IndexCoverage;
  /** Only items with a partition key in it. */
  readonly epkRange?: EpkRange;
  /** Of the page before. */
  readonly continuation?: string;
  /** Asked between chunks of work: true ends the page early, with a continuation. Not for aggregates. */
  readonly isOverdue?: () => boolean;
  /** Asked while an index is read for something that the page could do without: true gives that up. */
  readonly isLate?: () => boolean;
  /**
   * Called after each small piece of long work; lets other work of the process run if that has waited for
   * long enough. Rejects when nobody waits for the page any more.
   */
  readonly pause?: () => Promise<void>;
  /** Runs user-defined functions; without it they are refused. */
  readonly callFunctions?: FunctionCaller;
  /** Where a page may leave what spares the next one work. */
  readonly carryOvers?: CarryOvers;
}

export interface QueryPage {
  /** JSON texts. */
  readonly rows: (Buffer | string)[];
  /** Undefined when there is nothing more; a page that is full has one even so, unless it looked ahead. */
  readonly continuation: string | undefined;
  /** Items loaded, and the bytes of them. */
  readonly retrievedCount: number;
  readonly retrievedBytes: number;
  /** Loaded items that satisfied the condition. */
  readonly indexHits: number;
  /** Request units. */
  readonly charge: number;
}
