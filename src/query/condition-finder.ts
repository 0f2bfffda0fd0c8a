import { finish, type Steps } from '../base/index.ts';
import { ARRAY_ELEMENT, GEOMETRY_CELLS, type PathSegment, TEXT_WORDS } from '../index/index.ts';
import type { Binder, Evaluator } from './binder.ts';
import { pathsIn } from './column-paths.ts';
import {
  type Comparison,
  type Condition,
  type IndexedPath,
  indexedPath,
  type TypeCheck,
  type ValuesCondition,
} from './condition.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import { existsSteps, type PathNames } from './element-condition.ts';
import { compileExpression, compilePredicate } from './evaluate.ts';
import { likePrefix } from './like-pattern.ts';
import { isLiteral } from './literal.ts';
import type { CallNode, Expression, LikeNode } from './syntax.ts';

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

/** Indexes know properties and elements, not items as wholes. */
function propertyPath(expression: Expression, names: PathNames): IndexedPath | undefined {
  const members: string[] = [];
  let node = expression;
  for (; node.kind === 'member'; node = node.object) members.push(node.name);
  const base = node.kind === 'name' ? names.get(node.name) : undefined;
  if (base === undefined || base.length + members.length === 0) return undefined;
  return indexedPath([...base, ...members.reverse()]);
}

/** The path of a property of the item itself. */
function itemPath(expression: Expression, names: PathNames): DocumentPath | undefined {
  return pathOf(expression, { has: (name) => names.get(name)?.length === 0 });
}

function isComparison(operator: string): operator is Comparison {
  return Object.hasOwn(MIRRORED, operator);
}

/** `names`: of the item itself, and of elements of its arrays. */
export function findCondition(expression: Expression, names: PathNames, binder: Binder): Condition {
  return finish(conditionSteps(expression, names, binder));
}

export function* conditionSteps(expression: Expression, names: PathNames, binder: Binder): Steps<Condition> {
  if (expression.kind === 'subquery') {
    const find = (where: Expression, inner: PathNames) => conditionSteps(where, inner, binder);
    return (yield* existsSteps(expression, names, find)) ?? OPAQUE;
  }
  if (expression.kind !== 'logical' || isLiteral(expression, 'execution'))
    return findOne(expression, names, binder);
  const terms: Condition[] = [];
  for (const term of expression.terms) {
    binder.steps.add();
    terms.push(yield* conditionSteps(term, names, binder));
    if (binder.steps.isDue()) yield;
  }
  return { kind: expression.operator === 'AND' ? 'and' : 'or', terms };
}

/** Of anything but a chain of conditions. */
function findOne(expression: Expression, names: PathNames, binder: Binder): Condition {
  const found = findLookUp(expression, names, binder);
  if (found.kind !== 'opaque' || (found.narrowed !== undefined && expression.kind !== 'like')) return found;
  return findValues(expression, names, binder, found.narrowed) ?? found;
}

/** A condition on one property that can be told from its value alone; undefined for all others. */
function findValues(
  expression: Expression,
  names: PathNames,
  binder: Binder,
  within: Condition | undefined,
): ValuesCondition | undefined {
  const items = new Set([...names].flatMap(([name, path]) => (path.length === 0 ? [name] : [])));
  const [property] = pathsIn([expression], items, 1) ?? [];
  if (property === undefined) return undefined;
  const holds = compilePredicate(expression, binder);
  return { kind: 'values', path: indexedPath(property), property, holds, within };
}

/** What an index can be asked for. */
function findLookUp(expression: Expression, names: PathNames, binder: Binder): Condition {
  if (isLiteral(expression, 'execution'))
    return { kind: 'fixed', value: compileExpression(expression, binder) };
  switch (expression.kind) {
    case 'member': {
      const path = propertyPath(expression, names);
      return path === undefined ? OPAQUE : { kind: 'compare', path, operator: '=', value: () => true };
    }
    case 'unary': {
      const path = expression.operator === 'NOT' ? propertyPath(expression.operand, names) : undefined;
      return path === undefined ? OPAQUE : { kind: 'compare', path, operator: '=', value: () => false };
    }
    case 'binary':
      return findComparison(expression.operator, expression.left, expression.right, names, binder);
    case 'in': {
      const path = propertyPath(expression.operand, names);
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
          findComparison('>=', expression.operand, expression.low, names, binder),
          findComparison('<=', expression.operand, expression.high, names, binder),
        ],
      };
    case 'like':
      return findLike(expression, names);
    case 'call':
      return findCall(expression, names, binder);
    default:
      return OPAQUE;
  }
}

function findComparison(
  operator: string,
  left: Expression,
  right: Expression,
  names: PathNames,
  binder: Binder,
): Condition {
  if (!isComparison(operator)) return OPAQUE;
  const near = findNear(operator, left, right, names, binder);
  if (near !== undefined) return near;
  const leftPath = propertyPath(left, names);
  if (leftPath !== undefined && isLiteral(right, 'execution')) {
    return { kind: 'compare', path: leftPath, operator, value: compileExpression(right, binder) };
  }
  const rightPath = propertyPath(right, names);
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

function findLike(node: LikeNode, names: PathNames): Condition {
  const path = propertyPath(node.operand, names);
  const pattern = node.pattern.kind === 'constant' ? node.pattern.value : undefined;
  if (path === undefined || node.negated || typeof pattern !== 'string') return OPAQUE;
  const { prefix, isWhole } = likePrefix(pattern, node.escape);
  const condition: Condition = { kind: 'prefix', path, value: () => prefix };
  return isWhole ? condition : { kind: 'opaque', narrowed: condition };
}

function findCall(call: CallNode, names: PathNames, binder: Binder): Condition {
  const meeting = findMeeting(call, names, binder);
  if (meeting !== undefined) return meeting;
  const [first, second] = call.operands;
  const path = first === undefined || call.isUserDefined ? undefined : propertyPath(first, names);
  if (path === undefined) return OPAQUE;
  const name = call.name.toUpperCase();
  const type = Object.hasOwn(TYPE_CHECKS, name) ? TYPE_CHECKS[name] : undefined;
  if (type !== undefined) return { kind: 'type', path, type };
  if (name.startsWith('FULLTEXTCONTAINS')) return findWords(call, names, binder);
  if (name.startsWith('ARRAY_CONTAINS')) return findContains(call, path, binder);
  if (second === undefined || call.operands.length !== 2 || !isLiteral(second, 'execution')) return OPAQUE;
  const value = compileExpression(second, binder);
  if (name === 'STARTSWITH') return { kind: 'prefix', path, value };
  return OPAQUE;
}

/** `ARRAY_CONTAINS(array, value[, isPartial])`, and whether an array has any or all of several values. */
function findContains(call: CallNode, array: IndexedPath, binder: Binder): Condition {
  const [, first, isPartial, ...others] = call.operands;
  const name = call.name.toUpperCase();
  const elements: readonly PathSegment[] = [...array.segments, ARRAY_ELEMENT];
  const equals = (value: Expression): Condition => {
    if (!isLiteral(value, 'execution')) return OPAQUE;
    return {
      kind: 'compare',
      path: indexedPath(elements),
      operator: '=',
      value: compileExpression(value, binder),
    };
  };
  if (first === undefined) return OPAQUE;
  if (name === 'ARRAY_CONTAINS') {
    if (isPartial === undefined) return equals(first);
    return others.length > 0 ? OPAQUE : findPartly(first, elements, binder);
  }
  if (name !== 'ARRAY_CONTAINS_ANY' && name !== 'ARRAY_CONTAINS_ALL') return OPAQUE;
  const terms = call.operands.slice(1).map(equals);
  // Of values that are undefined the functions have their own view.
  return { kind: 'opaque', narrowed: { kind: name === 'ARRAY_CONTAINS_ANY' ? 'or' : 'and', terms } };
}

/** An element has at least the members of an object; each may be one of another element. */
function findPartly(sought: Expression, elements: readonly PathSegment[], binder: Binder): Condition {
  if (sought.kind !== 'object') return OPAQUE;
  const terms = sought.members.flatMap(({ name, value }): Condition[] => {
    if (!isLiteral(value, 'execution') || value.kind === 'object' || value.kind === 'array') return [];
    const path = indexedPath([...elements, name]);
    const found = compileExpression(value, binder);
    // A member without a value is no member.
    const isMissing: Condition = { kind: 'fixed', value: (frame) => found(frame) === undefined };
    return [{ kind: 'or', terms: [isMissing, { kind: 'compare', path, operator: '=', value: found }] }];
  });
  return terms.length === 0 ? OPAQUE : { kind: 'opaque', narrowed: { kind: 'and', terms } };
}

function findWords(call: CallNode, names: PathNames, binder: Binder): Condition {
  const [text, ...phrases] = call.operands;
  const property = text && itemPath(text, names);
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
  names: PathNames,
  binder: Binder,
): Condition | undefined {
  const isTurned = operator === '>' || operator === '>=';
  const [distance, limit] = isTurned ? [right, left] : [left, right];
  if (operator === '=' || distance.kind !== 'call' || distance.name.toUpperCase() !== 'ST_DISTANCE')
    return undefined;
  if (!isLiteral(limit, 'execution')) return undefined;
  return cellsOf(distance, compileExpression(limit, binder), names, binder);
}

/** Geometries within each other, or that cross, have a place in common. */
function findMeeting(call: CallNode, names: PathNames, binder: Binder): Condition | undefined {
  const name = call.name.toUpperCase();
  if (name !== 'ST_WITHIN' && name !== 'ST_INTERSECTS') return undefined;
  return cellsOf(call, undefined, names, binder);
}

function cellsOf(
  { operands, isUserDefined }: CallNode,
  reach: Evaluator | undefined,
  names: PathNames,
  binder: Binder,
): Condition | undefined {
  const [first, second] = operands;
  if (isUserDefined || first === undefined || second === undefined || operands.length !== 2) return undefined;
  const [property, shape] = itemPath(first, names) === undefined ? [second, first] : [first, second];
  const path = itemPath(property, names);
  if (path === undefined || !isLiteral(shape, 'execution')) return undefined;
  return {
    kind: 'cells',
    path: indexedPath([...path, GEOMETRY_CELLS]),
    shape: compileExpression(shape, binder),
    reach,
  };
}
