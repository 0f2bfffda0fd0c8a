import {
  allRange,
  decodeIndexValue,
  definedRange,
  type IndexRange,
  intersectRanges,
  isEmptyRange,
  isExact,
  typeRange,
} from '../index/index.ts';
import type { Access } from './access.ts';
import type { Accumulator } from './aggregates.ts';
import type { AggregateCall } from './binder.ts';
import { indexedPath } from './condition.ts';
import type { PostingMeter } from './posting-meter.ts';
import type { IndexScope, QuerySource } from './source.ts';

/** Makes an accumulator what all rows would make it. */
export type Answer = (accumulator: Accumulator) => void;

export interface AggregateScope {
  readonly source: QuerySource;
  /** Exact, and no further restriction is on the items. */
  readonly access: Access;
  readonly meter: Pick<PostingMeter, 'postings'>;
}

/** What opening the blocks at the edges of a range is charged as, in postings. */
const EDGE_COST = 200;

/**
 * An aggregate over a property from its index alone: COUNT of those that have it, MIN and MAX; undefined when
 * only the items can tell.
 */
export async function aggregateFromIndex(
  { source, access, meter }: AggregateScope,
  call: AggregateCall,
): Promise<Answer | undefined> {
  const { name } = call.aggregate;
  if (call.path === undefined || call.path.length === 0) return undefined;
  const { id, segments } = indexedPath(call.path);
  if (!source.indexer.coverage(segments).indexed) return undefined;
  const range = rangeOf(access, id);
  if (range === undefined) return undefined;
  if (isEmptyRange(range)) return () => undefined;
  const scope = { pathId: id, range };
  meter.postings += EDGE_COST;
  if (name === 'COUNT') {
    const count = await source.count(scope);
    return (accumulator) => accumulator.addRows?.(count);
  }
  if (name !== 'MIN' && name !== 'MAX') return undefined;
  return findExtreme(source, scope, range, name === 'MAX');
}

/** Values of the path in the items that the access finds; undefined when another path decides. */
function rangeOf(access: Access, id: Buffer): IndexRange | undefined {
  if (access.kind === 'everything') return definedRange();
  if (access.kind !== 'scan' || access.isBelowArray || !access.pathId.equals(id)) return undefined;
  return intersectRanges({ ...access.range, exact: true }, definedRange());
}

/** Arrays and objects have no place among other values, and one of them leaves no extreme at all. */
const UNORDERED: IndexRange = { ...allRange(), from: typeRange('array').from };

async function findExtreme(
  source: QuerySource,
  scope: IndexScope,
  range: IndexRange,
  isMaximum: boolean,
): Promise<Answer | undefined> {
  const unordered = intersectRanges(range, UNORDERED);
  if (!isEmptyRange(unordered) && (await source.count({ ...scope, range: unordered })) > 0) {
    return (accumulator) => accumulator.add([]);
  }
  const cursor = source.scanIndex({ ...scope, reverse: isMaximum });
  try {
    const [first] = await cursor.next(1);
    if (first === undefined) return () => undefined;
    // Of strings that were cut, the index does not know the first.
    if (!isExact(first.value)) return undefined;
    const value = decodeIndexValue(first.value);
    return (accumulator) => accumulator.add(value);
  } finally {
    await cursor.close();
  }
}
