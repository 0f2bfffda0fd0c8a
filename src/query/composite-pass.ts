import { prefixEnd } from '../base/index.ts';
import { compositeValue, toldLength } from '../index/index.ts';
import type { Execution } from './execution.ts';
import type { SortedRest } from './order-key.ts';
import type { CompositeScan } from './plan.ts';
import { comparator, isConsumed, type Place, type SortedItem } from './sorted-place.ts';
import type { PostingCursor, QuerySource } from './source.ts';

/** Items loaded before asking whether enough of them are rows, and the share that must be. */
const SAMPLE_SIZE = 512;
const SAMPLE_KEPT_SHARE = 16;
/** Items kept because an index does not tell which of them comes first. */
const UNTOLD_MAX = 4_096;
/** Entries read at once, at least. */
const COUNT_MIN = 8;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

interface CompositePass {
  readonly scan: CompositeScan;
  /** Every entry in the range belongs to an item that satisfies the condition. */
  readonly isExact: boolean;
  /** The items wanted come behind it. */
  readonly last: Place | undefined;
  readonly want: number;
}

/**
 * The next items in the order, about as many as are wanted, from a composite index; undefined when so few of
 * its entries are rows, or so many stand at one place, that sorting is better. Entries of long strings stand
 * beside each other in no order: of those all are read, and sorted.
 */
export async function readCompositePass(
  execution: Execution,
  { scan, isExact, last, want }: CompositePass,
): Promise<SortedRest | undefined> {
  const { source, meter, compiled, frame, epkRange } = execution;
  const known = { isExact, isConfined: epkRange === undefined, isParsed: true };
  const cursor = openCursor(source, scan, last);
  const kept: SortedItem[] = [];
  let bytes = 0;
  let loaded = 0;
  /** What the entries at the end have in common that do not tell all, and where in `kept` they begin. */
  let group: { readonly prefix: Buffer; readonly from: number } | undefined;
  try {
    for (;;) {
      const chunk = execution.nextChunk(known.isExact && known.isConfined);
      const count = Math.min(chunk, Math.max(COUNT_MIN, want - kept.length));
      const postings = await cursor.next(count);
      await meter.read(postings.length);
      const items = await execution.load(postings.map(({ number }) => number));
      for (let i = 0; i < postings.length; i++) {
        const { value, number } = postings[i] as (typeof postings)[number];
        const told = toldLength(value, scan.index);
        const prefix = told === undefined ? undefined : value.subarray(0, told);
        if (prefix === undefined) group = undefined;
        else if (group?.prefix.equals(prefix) !== true) group = { prefix, from: kept.length };
        const item = items[i];
        if (item === undefined) continue;
        const evaluated = execution.evaluate(() =>
          execution.admit(item, known) ? compiled.order.map((key) => key.evaluate(frame)) : undefined,
        );
        const keys = evaluated instanceof Promise ? await evaluated : evaluated;
        if (execution.isPauseDue) await execution.pause();
        if (keys === undefined) continue;
        if (last !== undefined && isConsumed(execution, { number, keys }, last)) continue;
        bytes += item.text.length;
        kept.push({ number, keys, item: bytes <= KEPT_BYTES_MAX ? item : undefined });
      }
      loaded += postings.length;
      const isAll = postings.length < count;
      const whole = isAll || group === undefined ? kept.length : group.from;
      if (isAll || whole >= want || (kept.length >= want && whole > 0)) {
        kept.length = whole;
        return { items: kept.sort(comparator(execution)), isAll };
      }
      if (kept.length > UNTOLD_MAX) return undefined;
      if (loaded >= SAMPLE_SIZE && kept.length * SAMPLE_KEPT_SHARE < loaded) return undefined;
    }
  } finally {
    await cursor.close();
  }
}

function openCursor(source: QuerySource, scan: CompositeScan, last: Place | undefined): PostingCursor {
  const { index, isReverse: reverse, range } = scan;
  const request = { pathId: index.id, range, reverse };
  if (last === undefined) return source.scanIndex(request);
  const value = compositeValue(last.places, index);
  // A place outside belongs to a query with other parameters.
  if (value.compare(range.from) < 0 || value.compare(range.to) >= 0) return source.scanIndex(request);
  const told = toldLength(value, index);
  if (told === undefined) return source.scanIndex({ ...request, after: { value, number: last.number } });
  // All that may stand at the place is needed once more.
  const prefix = value.subarray(0, told);
  const narrowed = reverse
    ? { from: range.from, to: prefixEnd(prefix) ?? range.to }
    : { from: prefix, to: range.to };
  return source.scanIndex({ ...request, range: narrowed });
}
