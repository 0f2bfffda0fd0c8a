import {
  ARRAY_ELEMENT,
  GEOMETRY_CELLS,
  type IndexedType,
  type PathSegment,
  pathId,
  TEXT_WORDS,
} from '../index/index.ts';
import type { Binder, Evaluator } from './binder.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import { compileExpression, isLiteral } from './evaluate.ts';
import { likePrefix } from './like-pattern.ts';
import type { CallNode, Expression, LikeNode } from './syntax.ts';

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

export type Comparison = '=' | '<' | '<=' | '>' | '>=';

export type TypeCheck = 'defined' | Exclude<IndexedType, 'undefined'>;

/** A property, or the elements of an array property, as indexes know it. */
export interface IndexedPath {
  readonly segments: readonly PathSegment[];
  readonly id: Buffer;
}

const MIRRORED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const satisfies Record<
  Comparison,
  Comparison
>;

const TYPE_CHECKS: Readonly<Record<string, TypeCheck>> = {
  IS_DEFINED: 'defined',
  IS_NULL: 'null',
  IS_BOOL: 'boolean',
  IS_NUMBER: 'number',
  IS_STRING: 'string',
  IS_ARRAY: 'array',
  IS_OBJECT: 'object',
};

const OPAQUE: Condition = { kind: 'opaque' };

export function indexedPath(segments: readonly PathSegment[]): IndexedPath {
  return { segments, id: pathId(segments) };
}

/** Indexes know properties, not items as wholes. */
function propertyPath(expression: Expression, aliases: ReadonlySet<string>): IndexedPath | undefined {
  const path = pathOf(expression, aliases);
  return path === undefined || path.length === 0 ? undefined : indexedPath(path);
}

function isComparison(operator: string): operator is Comparison {
  return Object.hasOwn(MIRRORED, operator);
}

/** `aliases` are the names of the item itself. */
export function findCondition(
  expression: Expression,
  aliases: ReadonlySet<string>,
  binder: Binder,
): Condition {
  const find = (term: Expression) => findCondition(term, aliases, binder);
  if (isLiteral(expression, 'execution'))
    return { kind: 'fixed', value: compileExpression(expression, binder) };
  switch (expression.kind) {
    case 'logical':
      return { kind: expression.operator === 'AND' ? 'and' : 'or', terms: expression.terms.map(find) };
    case 'member': {
      const path = propertyPath(expression, aliases);
      return path === undefined ? OPAQUE : { kind: 'compare', path, operator: '=', value: () => true };
    }
    case 'unary': {
      const path = expression.operator === 'NOT' ? propertyPath(expression.operand, aliases) : undefined;
      return path === undefined ? OPAQUE : { kind: 'compare', path, operator: '=', value: () => false };
    }
    case 'binary':
      return findComparison(expression.operator, expression.left, expression.right, aliases, binder);
    case 'in': {
      const path = propertyPath(expression.operand, aliases);
      if (
        path === undefined ||
        expression.negated ||
        !expression.items.every((item) => isLiteral(item, 'execution'))
      )
        return OPAQUE;
      return { kind: 'in', path, values: expression.items.map((item) => compileExpression(item, binder)) };
    }
    case 'between':
      if (expression.negated) return OPAQUE;
      return {
        kind: 'and',
        terms: [
          findComparison('>=', expression.operand, expression.low, aliases, binder),
          findComparison('<=', expression.operand, expression.high, aliases, binder),
        ],
      };
    case 'like':
      return findLike(expression, aliases);
    case 'call':
      return findCall(expression, aliases, binder);
    default:
      return OPAQUE;
  }
}

function findComparison(
  operator: string,
  left: Expression,
  right: Expression,
  aliases: ReadonlySet<string>,
  binder: Binder,
): Condition {
  if (!isComparison(operator)) return OPAQUE;
  const near = findNear(operator, left, right, aliases, binder);
  if (near !== undefined) return near;
  const leftPath = propertyPath(left, aliases);
  if (leftPath !== undefined && isLiteral(right, 'execution')) {
    return { kind: 'compare', path: leftPath, operator, value: compileExpression(right, binder) };
  }
  const rightPath = propertyPath(right, aliases);
  if (rightPath !== undefined && isLiteral(left, 'execution')) {
    return {
      kind: 'compare',
      path: rightPath,
      operator: MIRRORED[operator],
      value: compileExpression(left, binder),
    };
  }
  return OPAQUE;
}

function findLike(node: LikeNode, aliases: ReadonlySet<string>): Condition {
  const path = propertyPath(node.operand, aliases);
  const pattern = node.pattern.kind === 'constant' ? node.pattern.value : undefined;
  if (path === undefined || node.negated || typeof pattern !== 'string') return OPAQUE;
  const { prefix, isWhole } = likePrefix(pattern, node.escape);
  const condition: Condition = { kind: 'prefix', path, value: () => prefix };
  return isWhole ? condition : { kind: 'opaque', narrowed: condition };
}

function findCall(call: CallNode, aliases: ReadonlySet<string>, binder: Binder): Condition {
  const meeting = findMeeting(call, aliases, binder);
  if (meeting !== undefined) return meeting;
  const [first, second] = call.operands;
  const path = first === undefined || call.isUserDefined ? undefined : propertyPath(first, aliases);
  if (path === undefined) return OPAQUE;
  const name = call.name.toUpperCase();
  const type = Object.hasOwn(TYPE_CHECKS, name) ? TYPE_CHECKS[name] : undefined;
  if (type !== undefined) return { kind: 'type', path, type };
  if (name.startsWith('FULLTEXTCONTAINS')) return findWords(call, aliases, binder);
  if (second === undefined || call.operands.length !== 2 || !isLiteral(second, 'execution')) return OPAQUE;
  const value = compileExpression(second, binder);
  if (name === 'STARTSWITH') return { kind: 'prefix', path, value };
  if (name !== 'ARRAY_CONTAINS') return OPAQUE;
  return { kind: 'compare', path: indexedPath([...path.segments, ARRAY_ELEMENT]), operator: '=', value };
}

function findWords(call: CallNode, aliases: ReadonlySet<string>, binder: Binder): Condition {
  const [text, ...phrases] = call.operands;
  const property = text && pathOf(text, aliases);
  if (property === undefined || !phrases.every((phrase) => isLiteral(phrase, 'execution'))) return OPAQUE;
  return {
    kind: 'words',
    path: indexedPath([...property, TEXT_WORDS]),
    property,
    phrases: phrases.map((phrase) => compileExpression(phrase, binder)),
    isAny: call.name.toUpperCase() === 'FULLTEXTCONTAINSANY',
  };
}

/** `ST_DISTANCE(path, shape) < reach`, in any order. */
function findNear(
  operator: Comparison,
  left: Expression,
  right: Expression,
  aliases: ReadonlySet<string>,
  binder: Binder,
): Condition | undefined {
  const isTurned = operator === '>' || operator === '>=';
  const [distance, limit] = isTurned ? [right, left] : [left, right];
  if (operator === '=' || distance.kind !== 'call' || distance.name.toUpperCase() !== 'ST_DISTANCE')
    return undefined;
  if (!isLiteral(limit, 'execution')) return undefined;
  return cellsOf(distance, compileExpression(limit, binder), aliases, binder);
}

/** Geometries within each other, or that cross, have a place in common. */
function findMeeting(call: CallNode, aliases: ReadonlySet<string>, binder: Binder): Condition | undefined {
  const name = call.name.toUpperCase();
  if (name !== 'ST_WITHIN' && name !== 'ST_INTERSECTS') return undefined;
  return cellsOf(call, undefined, aliases, binder);
}

function cellsOf(
  { operands, isUserDefined }: CallNode,
  reach: Evaluator | undefined,
  aliases: ReadonlySet<string>,
  binder: Binder,
): Condition | undefined {
  const [first, second] = operands;
  if (isUserDefined || first === undefined || second === undefined || operands.length !== 2) return undefined;
  const [property, shape] = pathOf(first, aliases) === undefined ? [second, first] : [first, second];
  const path = pathOf(property, aliases);
  if (path === undefined || !isLiteral(shape, 'execution')) return undefined;
  return {
    kind: 'cells',
    path: indexedPath([...path, GEOMETRY_CELLS]),
    shape: compileExpression(shape, binder),
    reach,
  };
}
