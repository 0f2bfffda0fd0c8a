import { type IndexedType, type PathSegment, pathId } from '../index/index.ts';
import type { Evaluator } from './binder.ts';
import type { DocumentPath } from './document-path.ts';
import type { Predicate } from './evaluate.ts';

/**
 * What of a WHERE clause an index could answer, found once per query text. Which index there is, and what the
 * parameters are, is only known at execution: see `plan.ts`. Each condition is true for exactly the rows for
 * which its expression is true; `opaque` stands for everything that only reading the item can tell.
 */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Condition[] }
  | {
      readonly kind: 'compare';
      readonly path: IndexedPath;
      readonly operator: Comparison;
      readonly value: Evaluator;
    }
  | { readonly kind: 'in'; readonly path: IndexedPath; readonly values: readonly Evaluator[] }
  | { readonly kind: 'prefix'; readonly path: IndexedPath; readonly value: Evaluator }
  | { readonly kind: 'type'; readonly path: IndexedPath; readonly type: TypeCheck }
  | WordsCondition
  | CellsCondition
  | ValuesCondition
  /** Holds for all rows or for none. */
  | { readonly kind: 'fixed'; readonly value: Evaluator }
  /** Nothing beyond `narrowed` is known: rows must satisfy it and still be looked at. */
  | { readonly kind: 'opaque'; readonly narrowed?: Condition };

/** A text has all of the phrases, or any. */
export interface WordsCondition {
  readonly kind: 'words';
  /** Of the words, and of the text that they are in. */
  readonly path: IndexedPath;
  readonly property: DocumentPath;
  readonly phrases: readonly Evaluator[];
  readonly isAny: boolean;
}

/** A geometry meets another, or comes as near: where it may be. Never the whole truth. */
export interface CellsCondition {
  readonly kind: 'cells';
  readonly path: IndexedPath;
  readonly shape: Evaluator;
  /** Metres, or units of the plane; undefined when they have a place in common. */
  readonly reach: Evaluator | undefined;
}

/** Whatever it is, it looks at one property of the item and nothing else of it. */
export interface ValuesCondition {
  readonly kind: 'values';
  readonly path: IndexedPath;
  readonly property: DocumentPath;
  readonly holds: Predicate;
  /** What is known of the value beforehand. */
  readonly within: Condition | undefined;
}

export type Comparison = '=' | '<' | '<=' | '>' | '>=';

export type TypeCheck = 'defined' | Exclude<IndexedType, 'undefined'>;

/** A property, or the elements of an array property, as indexes know it. */
export interface IndexedPath {
  readonly segments: readonly PathSegment[];
  readonly id: Buffer;
}

/** Long conditions speak of a few paths again and again; one path's name takes a microsecond to work out. */
const lately: IndexedPath[] = [];
const LATELY_MAX = 4;

export function indexedPath(segments: readonly PathSegment[]): IndexedPath {
  const known = lately.find((each) => isSamePath(each.segments, segments));
  if (known !== undefined) return known;
  const path = { segments, id: pathId(segments) };
  if (lately.unshift(path) > LATELY_MAX) lately.pop();
  return path;
}

function isSamePath(a: readonly PathSegment[], b: readonly PathSegment[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * How many demands on an element at `elements` must hold together, of which indexes know only each for
 * itself. Infinite where it is open whether an element is demanded at all: what holds for the item, or for
 * the elements of another array, says nothing of these.
 */
export function elementDemands(condition: Condition, elements: readonly PathSegment[]): number {
  switch (condition.kind) {
    case 'and':
      return condition.terms.reduce((sum, term) => sum + elementDemands(term, elements), 0);
    case 'or': {
      const demands = condition.terms.map((term) => elementDemands(term, elements));
      const isOpen = demands.includes(0) && demands.some((demand) => demand > 0);
      return isOpen ? Number.POSITIVE_INFINITY : demands.reduce((most, demand) => Math.max(most, demand), 0);
    }
    case 'opaque':
      return condition.narrowed === undefined ? 0 : elementDemands(condition.narrowed, elements);
    case 'fixed':
      return 0;
    default:
      return isSamePath(condition.path.segments.slice(0, elements.length), elements) ? 1 : 0;
  }
}
