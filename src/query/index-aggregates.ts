import {
  allRange,
  decodeIndexValue,
  definedRange,
  type IndexRange,
  intersectRanges,
  isEmptyRange,
  isExact,
  TEXT_LENGTH,
  typeRange,
} from '../index/index.ts';
import type { Access } from './access.ts';
import type { Accumulator } from './aggregates.ts';
import type { AggregateCall } from './binder.ts';
import { type IndexedPath, indexedPath } from './condition.ts';
import type { PostingMeter } from './posting-meter.ts';
import type { IndexScope, QuerySource } from './source.ts';
import type { Expression } from './syntax.ts';

/** Makes an accumulator what all rows would make it. */
export type Answer = (accumulator: Accumulator) => void;

export interface AggregateScope {
  readonly source: QuerySource;
  /** Exact, and no further restriction is on the items. */
  readonly access: Access;
  readonly meter: PostingMeter;
}

/** What opening the blocks at the edges of a range is charged as, in postings. */
const EDGE_COST = 200;
const CHUNK = 1_024;

/**
 * An aggregate over a property from its index alone: COUNT of those that have it, MIN and MAX; undefined when
 * only the items can tell.
 */
export async function aggregateFromIndex(
  { source, access, meter }: AggregateScope,
  call: AggregateCall,
): Promise<Answer | undefined> {
  const { name } = call.aggregate;
  if (name === 'SUM' && access.kind === 'everything') {
    const lengths = textLengths(call.expression);
    if (lengths !== undefined) return sumOf(source, lengths, meter);
  }
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

/** The lengths of which texts an expression asks for: `_FullTextWordCount(path)`. */
function textLengths(expression: Expression): IndexedPath | undefined {
  if (expression.kind !== 'call' || expression.name.toUpperCase() !== '_FULLTEXTWORDCOUNT') return undefined;
  const [text] = expression.operands;
  const members: string[] = [];
  let node = text;
  for (; node?.kind === 'member'; node = node.object) members.push(node.name);
  return node?.kind === 'name' ? indexedPath([...members.reverse(), TEXT_LENGTH]) : undefined;
}

/** Whole numbers, so it does not matter in which order they are added. */
async function sumOf(
  source: QuerySource,
  { id, segments }: IndexedPath,
  meter: PostingMeter,
): Promise<Answer | undefined> {
  if (!source.indexer.coverage(segments).indexed) return undefined;
  const cursor = source.scanValues({ pathId: id, range: definedRange() });
  let sum = 0;
  try {
    for (let parts = await cursor.next(CHUNK); parts.length > 0; parts = await cursor.next(CHUNK)) {
      let read = 0;
      for (const { value, numbers } of parts) {
        sum += Number(decodeIndexValue(value)) * numbers.length;
        read += numbers.length;
      }
      await meter.read(read);
    }
    return (accumulator) => accumulator.add(sum);
  } finally {
    await cursor.close();
  }
}
