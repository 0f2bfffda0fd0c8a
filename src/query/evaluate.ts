import { assert, finish, type Json, type Steps, unreachable } from '../base/index.ts';
import { isAggregateName } from './aggregates.ts';
import type { Binder, Evaluator, Frame } from './binder.ts';
import { pathOf } from './document-path.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { callOf, onceInExecution } from './function-call.ts';
import { finite, joined, lastPrepared } from './functions/built-in-function.ts';
import { findFunction } from './functions/function-table.ts';
import { compileLike, likeEffort, likeSteps, matchesLike } from './like-pattern.ts';
import { isLiteral } from './literal.ts';
import { effortOf, equalSteps } from './long-values.ts';
import { LATER, LongWork } from './long-work.ts';
import {
  type BinaryOperator,
  type CallNode,
  type ConstantNode,
  type Expression,
  type InNode,
  type LikeNode,
  type LogicalNode,
  partsOf,
  type UnaryNode,
} from './syntax.ts';
import { queryError } from './syntax-error.ts';
import { NO_FUNCTIONS } from './user-functions.ts';
import {
  compareRelational,
  deepEqual,
  elementOf,
  emptyObject,
  isInheritedName,
  isPrimitive,
  memberOf,
  type Value,
} from './values.ts';

/** Whether a row is kept: the expression is exactly true. */
export type Predicate = (frame: Frame) => boolean;

/**
 * Turns a tree into a closure, once per query text; rows then cost calls and no look-ups. What needs no row
 * and no parameter is evaluated here. @throws DatabaseError `BadRequest` for names and functions that do not
 * exist, wrong argument counts, and constructs that cannot be executed.
 */
export function compileExpression(expression: Expression, binder: Binder): Evaluator {
  const prepared = binder.preparedOf(expression);
  if (prepared !== undefined) return prepared;
  binder.steps.add();
  if (expression.kind === 'constant') {
    const { value } = expression;
    return () => value;
  }
  const evaluator = compileNode(expression, binder);
  if (!isLiteral(expression)) return evaluator;
  const work = new LongWork();
  const frame = { slots: [], parameters: [], environment: NO_ENVIRONMENT, functions: NO_FUNCTIONS, work };
  const value = work.attempt(() => evaluator(frame));
  // What takes long is worked out once for each execution, while others have their turn.
  return value === LATER ? onceInExecution(evaluator, binder) : () => value;
}

/** The same, of a long text piece by piece. */
export function* expressionSteps(expression: Expression, binder: Binder): Steps<Evaluator> {
  if (binder.isPiecemeal && sizeUpTo(AT_ONCE_MAX, expression) > AT_ONCE_MAX) {
    yield* prepareSteps(expression, binder);
  }
  return compileExpression(expression, binder);
}

/** Expressions with up to so many parts are compiled at one go. */
const AT_ONCE_MAX = 32;
/** So many constants are looked at as fast as one part is compiled. */
const CONSTANTS_LIKE_PART = 32;

/** How many parts an expression has, itself counted; more than `most` are not counted on. */
function sizeUpTo(most: number, expression: Expression): number {
  if (expression.kind === 'subquery') return most + 1;
  let size = 1;
  for (const part of partsOf(expression)) {
    if (size > most) break;
    size += sizeUpTo(most - size, part);
  }
  return size;
}

/**
 * Compiles an expression after its parts, which it then finds compiled: nothing is long at one go. Calls of
 * aggregates look at their operands in their own way, and group keys do not look at their parts at all.
 */
function* prepareSteps(expression: Expression, binder: Binder): Steps<void> {
  if (expression.kind === 'subquery') binder.prepare(expression, yield* binder.subquerySteps(expression));
  else if (!isCompiledAsOne(expression, binder)) {
    const parts = partsOf(expression);
    for (let place = 0; place < parts.length; place++) {
      const part = parts[place] as Expression;
      if (part.kind === 'constant') binder.steps.add(place % CONSTANTS_LIKE_PART === 0 ? 1 : 0);
      else if (sizeUpTo(AT_ONCE_MAX, part) > AT_ONCE_MAX) yield* prepareSteps(part, binder);
      else binder.prepare(part, compileExpression(part, binder));
      if (binder.steps.isDue()) yield;
    }
    // A long list is gone through a few more times when it is compiled.
    binder.steps.add(Math.floor(parts.length / CONSTANTS_LIKE_PART));
    if (binder.steps.isDue()) yield;
    binder.prepare(expression, compileExpression(expression, binder));
  }
}

function isCompiledAsOne(expression: Expression, binder: Binder): boolean {
  if (expression.kind === 'call' && !expression.isUserDefined && isAggregateName(expression.name))
    return true;
  return binder.groupKeySlot(expression) !== undefined;
}

/**
 * As `compileExpression`, for conditions; false and undefined need not be told apart, so terms may be
 * skipped.
 */
export function compilePredicate(expression: Expression, binder: Binder): Predicate {
  return finish(predicateSteps(expression, binder));
}

export function* predicateSteps(expression: Expression, binder: Binder): Steps<Predicate> {
  if (expression.kind !== 'logical') {
    const evaluator = yield* expressionSteps(expression, binder);
    return (frame) => evaluator(frame) === true;
  }
  const terms: Predicate[] = [];
  for (const term of expression.terms) {
    terms.push(yield* predicateSteps(term, binder));
    if (binder.steps.isDue()) yield;
  }
  if (expression.operator === 'AND') {
    return (frame) => {
      for (const term of terms) if (!term(frame)) return false;
      return true;
    };
  }
  return (frame) => {
    for (const term of terms) if (term(frame)) return true;
    return false;
  };
}

function compileNode(expression: Exclude<Expression, ConstantNode>, binder: Binder): Evaluator {
  const key = binder.groupKeySlot(expression);
  // A key that is a literal may be part of a larger one, which is evaluated before there are groups.
  if (key !== undefined && !isLiteral(expression)) return (frame) => frame.slots[key];
  switch (expression.kind) {
    case 'parameter': {
      const slot = binder.parameterSlot(expression.name);
      return (frame) => frame.parameters[slot];
    }
    case 'name': {
      const slot = binder.slotOf(expression.name, expression.location);
      return (frame) => frame.slots[slot];
    }
    case 'member':
      return compileMember(compileExpression(expression.object, binder), expression.name);
    case 'element':
      return compileElement(
        compileExpression(expression.object, binder),
        compileExpression(expression.index, binder),
      );
    case 'unary':
      return compileUnary(expression, binder);
    case 'binary':
      return compileBinary(
        expression.operator,
        compileExpression(expression.left, binder),
        compileExpression(expression.right, binder),
        binder,
      );
    case 'logical':
      return compileLogical(expression, binder);
    case 'conditional': {
      const condition = compileExpression(expression.condition, binder);
      const whenTrue = compileExpression(expression.whenTrue, binder);
      const otherwise = compileExpression(expression.otherwise, binder);
      return (frame) => (condition(frame) === true ? whenTrue(frame) : otherwise(frame));
    }
    case 'in':
      return negate(compileIn(expression, binder), expression.negated);
    case 'between': {
      const operand = compileExpression(expression.operand, binder);
      const low = compileBinary('>=', operand, compileExpression(expression.low, binder), binder);
      const high = compileBinary('<=', operand, compileExpression(expression.high, binder), binder);
      return negate((frame) => both(low(frame), high(frame)), expression.negated);
    }
    case 'like':
      return negate(compileLikeNode(expression, binder), expression.negated);
    case 'call':
      return compileCall(expression, binder);
    case 'array':
      return compileArray(expression.elements, binder);
    case 'object':
      return compileObject(expression.members, binder);
    case 'subquery':
      return finish(binder.subquerySteps(expression));
    default:
      return unreachable(expression);
  }
}

function compileMember(object: Evaluator, name: string): Evaluator {
  if (isInheritedName(name)) return (frame) => memberOf(object(frame), name);
  return (frame) => {
    const value = object(frame);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value[name];
  };
}

function compileElement(object: Evaluator, index: Evaluator): Evaluator {
  return (frame) => {
    const value = object(frame);
    const key = index(frame);
    if (typeof key === 'string') return memberOf(value, key);
    return typeof key === 'number' ? elementOf(value, key) : undefined;
  };
}

function not(value: Value): Value {
  return typeof value === 'boolean' ? !value : undefined;
}

function negate(evaluator: Evaluator, isNegated: boolean): Evaluator {
  return isNegated ? (frame) => not(evaluator(frame)) : evaluator;
}

function both(a: Value, b: Value): Value {
  if (a === false || b === false) return false;
  return a === true && b === true ? true : undefined;
}

function compileUnary(node: UnaryNode, binder: Binder): Evaluator {
  const operand = compileExpression(node.operand, binder);
  const ofNumber = (evaluate: (x: number) => number): Evaluator => {
    return (frame) => {
      const x = operand(frame);
      return typeof x === 'number' ? evaluate(x) : undefined;
    };
  };
  switch (node.operator) {
    case 'NOT':
      return negate(operand, true);
    case '-':
      return ofNumber((x) => -x);
    case '+':
      return ofNumber((x) => x);
    case '~':
      return ofNumber((x) => ~x);
    default:
      return unreachable(node.operator);
  }
}

const ARITHMETIC: Readonly<Partial<Record<BinaryOperator, (x: number, y: number) => number>>> = {
  '*': (x, y) => x * y,
  '/': (x, y) => x / y,
  '%': (x, y) => x % y,
  '+': (x, y) => x + y,
  '-': (x, y) => x - y,
  '&': (x, y) => x & y,
  '^': (x, y) => x ^ y,
  '|': (x, y) => x | y,
};

const RELATIONAL: Readonly<Partial<Record<BinaryOperator, (difference: number) => boolean>>> = {
  '<': (difference) => difference < 0,
  '>': (difference) => difference > 0,
  '<=': (difference) => difference <= 0,
  '>=': (difference) => difference >= 0,
};

function compileBinary(
  operator: BinaryOperator,
  left: Evaluator,
  right: Evaluator,
  binder: Binder,
): Evaluator {
  const arithmetic = ARITHMETIC[operator];
  if (arithmetic !== undefined) {
    return (frame) => {
      const x = left(frame);
      const y = right(frame);
      return typeof x === 'number' && typeof y === 'number' ? finite(arithmetic(x, y)) : undefined;
    };
  }
  const relational = RELATIONAL[operator];
  if (relational !== undefined) {
    return (frame) => {
      const difference = compareRelational(left(frame), right(frame));
      return difference === undefined ? undefined : relational(difference);
    };
  }
  switch (operator) {
    case '=':
      return compileEquals(left, right, binder);
    case '!=':
      return negate(compileEquals(left, right, binder), true);
    case '??':
      return (frame) => {
        const value = left(frame);
        return value === undefined ? right(frame) : value;
      };
    default:
      assert(operator === '||', 'the tables above hold all other operators');
      return (frame) => {
        const x = left(frame);
        const y = right(frame);
        return typeof x === 'string' && typeof y === 'string' ? joined([x, y]) : undefined;
      };
  }
}

function compileEquals(left: Evaluator, right: Evaluator, binder: Binder): Evaluator {
  const site = binder.newSite();
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    return a === undefined || b === undefined ? undefined : isEqual(a, b, site, frame);
  };
}

function isEqual(a: Json, b: Json, site: number, frame: Frame): Value {
  if (a === b || isPrimitive(a) || isPrimitive(b)) return a === b;
  return frame.work.valueOf(
    site,
    Math.min(effortOf(a), effortOf(b)),
    () => deepEqual(a, b),
    () => equalSteps(a, b),
  );
}

function compileLogical(node: LogicalNode, binder: Binder): Evaluator {
  const terms = node.terms.map((term) => compileExpression(term, binder));
  // One term with this value decides: false for AND, true for OR.
  const decisive = node.operator === 'OR';
  return (frame) => {
    let isKnown = true;
    for (const term of terms) {
      const value = term(frame);
      if (value === decisive) return decisive;
      if (value !== !decisive) isKnown = false;
    }
    return isKnown ? !decisive : undefined;
  };
}

function compileIn(node: InNode, binder: Binder): Evaluator {
  const operand = compileExpression(node.operand, binder);
  const values = node.items.length > 4 ? constantsOf(node.items) : undefined;
  if (values !== undefined) {
    const constants = new Set(values);
    return (frame) => {
      const value = operand(frame);
      return value === undefined ? undefined : isPrimitive(value) && constants.has(value);
    };
  }
  const items = node.items.map((item) => compileExpression(item, binder));
  const site = binder.newSite();
  return (frame) => {
    const value = operand(frame);
    if (value === undefined) return undefined;
    for (const item of items) {
      const candidate = item(frame);
      if (candidate !== undefined && isEqual(value, candidate, site, frame) === true) return true;
    }
    return false;
  };
}

function compileLikeNode(node: LikeNode, binder: Binder): Evaluator {
  const operand = compileExpression(node.operand, binder);
  const pattern = compileExpression(node.pattern, binder);
  const prepare = lastPrepared((text: string) => compileLike(text, node.escape));
  const site = binder.newSite();
  return (frame) => {
    const text = operand(frame);
    const patternText = pattern(frame);
    if (typeof text !== 'string' || typeof patternText !== 'string') return undefined;
    const prepared = prepare(patternText);
    if (prepared === undefined) return undefined;
    return frame.work.valueOf(
      site,
      likeEffort(prepared, text),
      () => matchesLike(prepared, text),
      () => likeSteps(prepared, text),
    );
  };
}

/** They stand for what a client works out of all ranges: no row has their value. */
const RANKING_FUNCTIONS = new Set(['FULLTEXTSCORE', 'RRF']);

function compileCall(node: CallNode, binder: Binder): Evaluator {
  const [first] = node.operands;
  const aggregate = binder.aggregateSlot(node, () => {
    assert(first !== undefined, 'the binder checks the argument count first');
    return compileExpression(first, binder);
  });
  if (aggregate !== undefined) return (frame) => frame.slots[aggregate];
  if (node.isUserDefined) {
    const { name } = node;
    const operands = node.operands.map((operand) => compileExpression(operand, binder));
    return (frame) =>
      frame.functions.valueOf(
        name,
        operands.map((operand) => operand(frame)),
      );
  }
  const found = findFunction(node.name);
  if (found === undefined) {
    if (RANKING_FUNCTIONS.has(node.name.toUpperCase())) {
      throw queryError('SC2240', `${node.name} can only be used in ORDER BY RANK.`, node.location);
    }
    throw queryError('SC2005', `'${node.name}' is not a recognized built-in function name.`, node.location);
  }
  if (!found.accepts(node.operands.length)) {
    const message = `The ${found.name} function takes other numbers of arguments: ${found.signature}.`;
    throw queryError('SC2050', message, node.location);
  }
  const paths = node.operands.map((operand) => pathOf(operand, { has: (name) => binder.isItem(name) }));
  const operands = node.operands.map((operand) => compileExpression(operand, binder));
  const evaluator = callOf(found, operands, { paths }, binder.newSite());
  // What is constant in the text was evaluated when it was compiled.
  return isLiteral(node, 'execution') && !isLiteral(node) ? onceInExecution(evaluator, binder) : evaluator;
}

function compileArray(list: readonly Expression[], binder: Binder): Evaluator {
  const constants = constantsOf(list);
  // Shared by all rows: nothing changes a value.
  if (constants !== undefined) {
    const array = constants.filter((value) => value !== undefined);
    return () => array;
  }
  const elements = list.map((element) => compileExpression(element, binder));
  return (frame) => {
    const array: Json[] = [];
    for (const element of elements) {
      const value = element(frame);
      if (value !== undefined) array.push(value);
    }
    return array;
  };
}

/** The values, when all are in the text. */
function constantsOf(list: readonly Expression[]): ConstantNode['value'][] | undefined {
  const values: ConstantNode['value'][] = [];
  for (const item of list) {
    const isNegative = item.kind === 'unary' && item.operator === '-';
    const literal = isNegative ? item.operand : item;
    if (literal.kind !== 'constant') return undefined;
    if (!isNegative) values.push(literal.value);
    else if (typeof literal.value === 'number') values.push(-literal.value);
    else return undefined;
  }
  return values;
}

function compileObject(
  members: readonly { readonly name: string; readonly value: Expression }[],
  binder: Binder,
): Evaluator {
  const compiled = members.map(({ name, value }) => ({ name, evaluate: compileExpression(value, binder) }));
  return (frame) => {
    const object = emptyObject();
    for (const { name, evaluate } of compiled) {
      const value = evaluate(frame);
      if (value !== undefined) object[name] = value;
    }
    return object;
  };
}
