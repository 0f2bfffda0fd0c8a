import {
  assert,
  finish,
  type Json,
  type JsonObject,
  StepCounter,
  type Steps,
  unreachable,
} from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  ARRAY_ELEMENT,
  allRange,
  analyzePhrase,
  analyzerFor,
  type CompositeIndex,
  decodeIndexValue,
  definedRange,
  EARTH,
  encodeIndexValue,
  equalRange,
  type Indexer,
  type IndexRange,
  intersectRanges,
  isEmptyRange,
  isExact,
  orderIn,
  PLANE,
  prefixRange,
  rangeAbove,
  rangeBelow,
  readShape,
  searchCells,
  typeRange,
} from '../index/index.ts';
import {
  type Access,
  EVERYTHING,
  type FilterAccess,
  intersection,
  NOTHING,
  POINTS_MIN,
  PointValues,
  type ScanAccess,
  UNKNOWN,
  union,
} from './access.ts';
import { type Frame, ITEM_SLOT } from './binder.ts';
import type { CompiledQuery } from './compiled-query.ts';
import { compositePart } from './composite-access.ts';
import {
  type CellsCondition,
  type Comparison,
  type Condition,
  type IndexedPath,
  indexedPath,
  type ValuesCondition,
  type WordsCondition,
} from './condition.ts';
import type { DocumentPath } from './document-path.ts';
import { languageOf } from './functions/search-functions.ts';
import { LongWork } from './long-work.ts';
import type { OrderKey } from './order-key.ts';
import type { ValueRange } from './source.ts';
import { queryError } from './syntax-error.ts';
import type { Value } from './values.ts';

/** What an execution needs to know of a container's indexes. */
export type IndexCoverage = Pick<Indexer, 'coverage' | 'composites'>;

/** The condition as numbers to be found, for these parameters and indexes. */
export function planAccess(compiled: CompiledQuery, indexes: IndexCoverage, frame: Frame): Access {
  return finish(accessSteps(compiled, indexes, frame));
}

export function* accessSteps(
  { condition }: CompiledQuery,
  indexes: IndexCoverage,
  frame: Frame,
): Steps<Access> {
  if (condition === undefined) return EVERYTHING;
  return yield* bindSteps(condition, { indexes, frame, steps: new StepCounter(CONDITIONS_PER_STEP) });
}

/** One condition in the same way. */
export function bindCondition(condition: Condition, indexes: IndexCoverage, frame: Frame): Access {
  return finish(bindSteps(condition, { indexes, frame, steps: new StepCounter(CONDITIONS_PER_STEP) }));
}

/** Conditions bound before others are asked whether they have waited: a fraction of a millisecond. */
const CONDITIONS_PER_STEP = 64;

/** What conditions are bound to. */
interface Binding {
  readonly indexes: IndexCoverage;
  readonly frame: Frame;
  readonly steps: StepCounter;
}

function* bindSteps(condition: Condition, binding: Binding): Steps<Access> {
  const { steps } = binding;
  steps.add();
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const terms: Access[] = [];
      for (const term of condition.terms) {
        terms.push(yield* bindSteps(term, binding));
        if (steps.isDue()) yield;
      }
      // They are gone through once more when they are put together.
      steps.add(terms.length);
      if (steps.isDue()) yield;
      return condition.kind === 'and' ? intersection(narrowed(terms)) : union(terms);
    }
    case 'opaque': {
      if (condition.narrowed === undefined) return UNKNOWN;
      return intersection([yield* bindSteps(condition.narrowed, binding), UNKNOWN]);
    }
    case 'in':
      if (condition.values.length > POINTS_MIN) return yield* manyPointSteps(condition, binding);
      return bindOne(condition, binding);
    default:
      return bindOne(condition, binding);
  }
}

function bindOne(
  condition: Exclude<Condition, { kind: 'and' | 'or' | 'opaque' }>,
  { indexes, frame }: Binding,
): Access {
  switch (condition.kind) {
    case 'fixed':
      return condition.value(frame) === true ? EVERYTHING : NOTHING;
    case 'compare':
      return scan(condition.path, comparisonRange(condition.operator, condition.value(frame)), indexes, {
        isPoint: condition.operator === '=',
      });
    case 'in': {
      const ranges = condition.values.map((value) => comparisonRange('=', value(frame)));
      return union(ranges.map((range) => scan(condition.path, range, indexes, { isPoint: true })));
    }
    case 'prefix': {
      const prefix = condition.value(frame);
      if (typeof prefix !== 'string') return NOTHING;
      return scan(condition.path, prefixRange(prefix), indexes, { isPoint: false });
    }
    case 'type':
      return scan(
        condition.path,
        condition.type === 'defined' ? definedRange() : typeRange(condition.type),
        indexes,
        {
          isPoint: condition.type === 'null',
        },
      );
    case 'words':
      return wordsAccess(condition, indexes, frame);
    case 'cells':
      return cellsAccess(condition, indexes, frame);
    case 'values':
      return valuesAccess(condition, indexes, frame);
    default:
      return unreachable(condition);
  }
}

function* manyPointSteps(
  { path, values }: Extract<Condition, { kind: 'in' }>,
  { indexes, frame, steps }: Binding,
): Steps<Access> {
  const wanted = new PointValues();
  let isWhole = true;
  for (const value of values) {
    const sought = value(frame);
    // Nothing is equal to these.
    if (sought === undefined || Number.isNaN(sought)) continue;
    const encoded = encodeIndexValue(sought);
    isWhole &&= isExact(encoded);
    wanted.add(encoded);
    steps.add();
    if (steps.isDue()) yield;
  }
  if (wanted.isEmpty) return NOTHING;
  return indexes.coverage(path.segments).indexed ? wanted.at(path.id, isWhole) : UNKNOWN;
}

/** Values are looked at one by one, each once for all items that have it. */
function valuesAccess(condition: ValuesCondition, indexes: IndexCoverage, frame: Frame): Access {
  const { path, property, holds, within } = condition;
  const known = within === undefined ? UNKNOWN : bindCondition(within, indexes, frame);
  if (known.kind === 'nothing' || !indexes.coverage(path.segments).indexed) return known;
  // Others are in the middle of a row.
  const own: Frame = { ...frame, slots: [...frame.slots], work: new LongWork() };
  const holdsFor = (value: Json | undefined): boolean | undefined => {
    own.slots[ITEM_SLOT] = itemWith(property, value);
    own.work.beginRow();
    try {
      return holds(own);
    } catch (error) {
      // A row says so, if there is one.
      if (error instanceof DatabaseError) return undefined;
      throw error;
    }
  };
  // Items without the property have no entry to be found by.
  if (holdsFor(undefined) !== false) return UNKNOWN;
  const { from, to } = known.kind === 'scan' ? known.range : definedRange();
  return {
    kind: 'filter',
    pathId: path.id,
    range: { from, to },
    holds: (value) => (isExact(value) ? holdsFor(decodeIndexValue(value)) : undefined),
    isExact: true,
  };
}

function itemWith(property: DocumentPath, value: Json | undefined): JsonObject {
  if (value === undefined) return {};
  return property.reduceRight<Json>((inner, name) => ({ [name]: inner }), value) as JsonObject;
}

/** On the Earth a path of so many metres turns the direction from the centre by one radian at the most. */
const EARTH_RADIUS_LEAST = 6_356_752;

/** Cells where geometries may be that are near; their items tell. */
function cellsAccess({ path, shape, reach }: CellsCondition, indexes: IndexCoverage, frame: Frame): Access {
  const { indexed, grid } = indexes.coverage(path.segments);
  if (!indexed || grid === undefined) return UNKNOWN;
  const isEarth = frame.environment.geospatialType === 'Geography';
  const value = shape(frame);
  // Whether its rings cross is seen by the function, which then has no value for any item.
  const parsed = value === undefined ? undefined : readShape(value, isEarth ? EARTH : PLANE);
  const limit = reach === undefined ? 0 : reach(frame);
  if (parsed?.kind !== 'shape' || typeof limit !== 'number' || limit < 0) return NOTHING;
  const found = searchCells(parsed.shape, isEarth ? limit / EARTH_RADIUS_LEAST : limit, grid);
  if (found === undefined) return UNKNOWN;
  const scanOf = (range: IndexRange, isPoint: boolean): Access => {
    return { kind: 'scan', pathId: path.id, range, isPoint, isBelowArray: true, isExact: false };
  };
  return union([
    ...found.inside.map((cell) => scanOf(prefixRange(cell), false)),
    ...found.around.map((cell) => scanOf(equalRange(cell), true)),
  ]);
}

/** Phrases by their words: where those are found, the text tells whether they stand as they should. */
function wordsAccess(
  { path, property, phrases, isAny }: WordsCondition,
  indexes: IndexCoverage,
  frame: Frame,
): Access {
  if (!indexes.coverage(path.segments).indexed) return UNKNOWN;
  const analyzer = analyzerFor(languageOf(frame.environment, property));
  const values = phrases.map((phrase) => phrase(frame));
  // As the functions have it: one that is no text leaves all without a value.
  if (!values.every((value) => typeof value === 'string')) return NOTHING;
  const found = values.map((value) => {
    const words = analyzePhrase(analyzer, value);
    if (words.length === 0) return NOTHING;
    const scans = [...new Set(words)].flatMap((word) => {
      if (word === undefined) return [];
      const range = equalRange(word);
      return {
        kind: 'scan' as const,
        pathId: path.id,
        range,
        isPoint: true,
        isBelowArray: true,
        isExact: range.exact,
      };
    });
    return intersection(words.length === 1 ? scans : [...scans, UNKNOWN]);
  });
  return isAny ? union(found) : intersection(found);
}

/** Undefined when nothing compares with `value` like that. */
function comparisonRange(operator: Comparison, value: Value): IndexRange | undefined {
  // Explicit paths have entries for undefined, but nothing is ever equal to it.
  if (value === undefined) return undefined;
  switch (operator) {
    case '=':
      return equalRange(value);
    case '<':
      return rangeBelow(value, false);
    case '<=':
      return rangeBelow(value, true);
    case '>':
      return rangeAbove(value, false);
    case '>=':
      return rangeAbove(value, true);
    default:
      return unreachable(operator);
  }
}

function scan(
  path: IndexedPath,
  range: IndexRange | undefined,
  indexes: IndexCoverage,
  { isPoint }: { isPoint: boolean },
): Access {
  if (range === undefined || isEmptyRange(range)) return NOTHING;
  if (!indexes.coverage(path.segments).indexed) return UNKNOWN;
  const isBelowArray = path.segments.includes(ARRAY_ELEMENT);
  return { kind: 'scan', pathId: path.id, range, isPoint, isBelowArray, isExact: range.exact };
}

/** Ranges of one property that must all hold, as one; elements of an array may satisfy them one by one. */
function narrowed(terms: readonly Access[]): Access[] {
  const byPath = new Map<string, ScanAccess>();
  const filters = new Map<string, FilterAccess[]>();
  const rest: Access[] = [];
  for (const term of terms) {
    if (term.kind === 'filter') {
      const key = term.pathId.toString('latin1');
      const known = filters.get(key);
      if (known === undefined) filters.set(key, [term]);
      else known.push(term);
      continue;
    }
    if (term.kind !== 'scan' || term.isBelowArray) {
      rest.push(term);
      continue;
    }
    const key = term.pathId.toString('latin1');
    const known = byPath.get(key);
    if (known === undefined) {
      byPath.set(key, term);
      continue;
    }
    const range = intersectRanges(indexRange(known), indexRange(term));
    if (isEmptyRange(range)) return [NOTHING];
    // No bound falls inside a point: what a point has in common with another range is the point.
    byPath.set(key, { ...known, range, isPoint: known.isPoint || term.isPoint, isExact: range.exact });
  }
  return [...rest, ...byPath.values(), ...[...filters.values()].map(filterOfAll)];
}

/** Filters of one property that must all hold, as one: its values are gone through once. */
function filterOfAll(filters: readonly FilterAccess[]): Access {
  const [first, second] = filters;
  assert(first !== undefined, 'a path is noted with its filter');
  if (second === undefined) return first;
  let range: IndexRange = { ...first.range, exact: true };
  for (const filter of filters) range = intersectRanges(range, { ...filter.range, exact: true });
  if (isEmptyRange(range)) return NOTHING;
  const holds = (value: Buffer): boolean | undefined => {
    let isTold = true;
    for (const filter of filters) {
      const own = filter.holds(value);
      if (own === false) return false;
      isTold &&= own === true;
    }
    return isTold ? true : undefined;
  };
  return { ...first, range: { from: range.from, to: range.to }, holds, isExact: true };
}

function indexRange({ range, isExact }: ScanAccess): IndexRange {
  return { ...range, exact: isExact };
}

/** How ORDER BY is served. */
export interface OrderPlan {
  readonly key: OrderKey;
  readonly pathId: Buffer;
  /** Entries of the ordering property that can satisfy the condition. */
  readonly range: ValueRange;
  /** Whether items without the property belong to the result. */
  readonly includesMissing: boolean;
  /** What remains of the condition when only entries in `range` are read. */
  readonly rest: Access;
  /** The index is still being built: what it will say has to be read from the items. */
  readonly isComing: boolean;
}

/** The rows are sorted, read from a composite index if there is one with their order. */
interface SortedPlan {
  readonly kind: 'sorted';
  readonly composite?: CompositeScan;
}

export interface CompositeScan {
  readonly index: CompositeIndex;
  readonly isReverse: boolean;
  /** Entries that can satisfy the condition. */
  readonly range: ValueRange;
}

const SORTED: SortedPlan = { kind: 'sorted' };

/**
 * The properties by which the query orders.
 * @throws DatabaseError `BadRequest` when a term is something else.
 */
export function orderPaths(compiled: CompiledQuery): { key: OrderKey; path: DocumentPath }[] {
  return compiled.order.map((key) => {
    if (key.path === undefined || key.path.length === 0) {
      const message = 'An ORDER BY item must be a path to a property of the document.';
      throw queryError('SC2206', message, key.location);
    }
    return { key, path: key.path };
  });
}

/**
 * How the order is served: from one index, or for several properties, which a composite index must allow, by
 * sorting. @throws DatabaseError `BadRequest` when no index can serve the order; see `orderPaths`.
 */
export function planOrder(
  compiled: CompiledQuery,
  access: Access,
  indexes: IndexCoverage,
): OrderPlan | SortedPlan {
  const terms = orderPaths(compiled);
  const [first, second] = terms;
  assert(first !== undefined, 'only ordered queries have an order to plan');
  if (second === undefined && first.key.isComputed) return planComputedOrder(first.path, indexes);
  if (second === undefined) return planIndexOrder(first, access, indexes);
  const order = terms.map(({ path, key }) => ({ path, isDescending: key.isDescending }));
  for (const index of indexes.composites) {
    const direction = orderIn(index, order);
    if (direction === undefined) continue;
    // Items do not have what is computed, and their entries say so.
    if (index.isComing === true || terms.some(({ key }) => key.isComputed)) return SORTED;
    const isReverse = direction === 'reverse';
    return {
      kind: 'sorted',
      composite: { index, isReverse, range: compositePart(index, access)?.range ?? allRange() },
    };
  }
  const message =
    'The order by query does not have a corresponding composite index that it can be served from.';
  throw new DatabaseError('BadRequest', message);
}

/** An order by a computed property has to be provided for by its own path: wildcards do not mean it. */
function planComputedOrder(path: DocumentPath, indexes: IndexCoverage): SortedPlan {
  const { indexed, explicit, isComing } = indexes.coverage(path);
  if (explicit && (indexed || isComing === true)) return SORTED;
  throw excludedOrder();
}

function excludedOrder(): DatabaseError {
  const message = 'The index path corresponding to the specified order-by item is excluded.';
  return new DatabaseError('BadRequest', message);
}

function planIndexOrder(
  { key, path }: { readonly key: OrderKey; readonly path: DocumentPath },
  access: Access,
  indexes: IndexCoverage,
): OrderPlan {
  const { id, segments } = indexedPath(path);
  const coverage = indexes.coverage(segments);
  const isComing = coverage.isComing === true;
  if (!coverage.indexed && !isComing) {
    throw excludedOrder();
  }
  const conditions = access.kind === 'and' ? access.terms : [access];
  const own = conditions.find((term): term is ScanAccess => term.kind === 'scan' && term.pathId.equals(id));
  if (own === undefined) {
    return { key, pathId: id, range: allRange(), includesMissing: coverage.explicit, rest: access, isComing };
  }
  const others = conditions.filter((term) => term !== own);
  const rest = intersection(access.isExact ? others : [...others, UNKNOWN]);
  return { key, pathId: id, range: own.range, includesMissing: coverage.explicit, rest, isComing };
}
