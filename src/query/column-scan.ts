import type { Access } from './access.ts';
import type { DocumentPath } from './document-path.ts';
import type { Execution } from './execution.ts';
import { estimateAccess, gatherCandidates } from './gathering.ts';
import { areColumnsWorthwhile, type ColumnItem, ItemColumns } from './item-columns.ts';
import type { ItemNumber } from './source.ts';

/** Items that may satisfy a condition, in the order of their numbers. */
export interface ColumnScan {
  /** All of them do. */
  readonly isExact: boolean;
  /** The next ones; undefined at the end. */
  next(): Promise<readonly ColumnItem[] | undefined>;
}

/** Numbers listed at once. */
const LIST_CHUNK = 1_024;
/** Numbers of items that are kept while their properties are looked up. */
const NUMBERS_MAX = 2_500_000;
/**
 * Postings worth reading to be spared looking at the properties of one item; all of them are in memory.
 */
const POSTINGS_PER_ITEM = 4;
/** Items given at once. */
const ROWS = 64;

/**
 * The items above `after` that indexes cannot rule out, told by their properties alone; undefined when the
 * query needs more than those, or reading the items is cheaper.
 */
export async function scanColumns(
  execution: Execution,
  access: Access,
  after: ItemNumber,
): Promise<ColumnScan | undefined> {
  const { compiled, source, epkRange } = execution;
  if (compiled.columns === undefined) return undefined;
  const bounds = [estimateAccess(source, access).atMost, source.estimate(epkRange && { epkRange }).atMost];
  // Few items at the most: this costs nothing to find out.
  if (!areColumnsWorthwhile(source, compiled.columns.ofRows, Math.min(...bounds))) return undefined;
  const found = await listItems(execution, access, after);
  if (found === undefined) return undefined;
  const paths: readonly DocumentPath[] = found.isExact ? compiled.columns.ofRows : compiled.columns.all;
  if (!areColumnsWorthwhile(source, paths, found.numbers.length)) return undefined;
  const columns = await ItemColumns.read(execution, paths, found.numbers);
  if (columns === undefined) return undefined;
  let place = 0;
  return {
    isExact: found.isExact,
    async next() {
      if (place >= found.numbers.length) return undefined;
      const from = place;
      place = Math.min(found.numbers.length, place + Math.min(ROWS, execution.chunkMax));
      await execution.evaluated(place - from);
      return columns.items(execution, from, place);
    },
  };
}

async function listItems(
  execution: Execution,
  access: Access,
  after: ItemNumber,
): Promise<{ readonly numbers: Float64Array; readonly isExact: boolean } | undefined> {
  const { source, epkRange, meter } = execution;
  if (access.kind !== 'everything' || epkRange !== undefined) {
    const scope = { source, access, epkRange, after, meter, postingsPerLoad: POSTINGS_PER_ITEM };
    const gathered = await gatherCandidates(scope, NUMBERS_MAX);
    return gathered?.isConfined === true ? gathered : undefined;
  }
  const cursor = source.scanNumbers({ isBare: true, ...(after < 0 ? {} : { after }) });
  let numbers = new Float64Array(source.estimate(undefined).atMost + LIST_CHUNK);
  let length = 0;
  try {
    for (;;) {
      const chunk = await cursor.next(LIST_CHUNK);
      if (length + chunk.length > NUMBERS_MAX) return undefined;
      if (length + chunk.length > numbers.length) numbers = doubled(numbers);
      numbers.set(chunk, length);
      length += chunk.length;
      if (chunk.length < LIST_CHUNK) return { numbers: numbers.subarray(0, length), isExact: access.isExact };
      await meter.read(chunk.length);
    }
  } finally {
    await cursor.close();
  }
}

function doubled(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
