import { type Json, unreachable } from '../base/index.ts';
import type { Location } from './syntax-error.ts';

/**
 * The syntax tree: immutable nodes told apart by `kind`. Only nodes that a later stage may have to complain
 * about carry their place in the text.
 */
export type Expression =
  | ConstantNode
  | ParameterNode
  | NameNode
  | MemberNode
  | ElementNode
  | UnaryNode
  | BinaryNode
  | LogicalNode
  | ConditionalNode
  | InNode
  | BetweenNode
  | LikeNode
  | CallNode
  | ArrayNode
  | ObjectNode
  | SubqueryNode;

/** A literal; `undefined` is one of them. */
export interface ConstantNode {
  readonly kind: 'constant';
  readonly value: Exclude<Json, Json[] | { [name: string]: Json }> | undefined;
}

/** `name` includes the `@`. */
export interface ParameterNode {
  readonly kind: 'parameter';
  readonly name: string;
  readonly location: Location;
}

/** An identifier: an alias of FROM. */
export interface NameNode {
  readonly kind: 'name';
  readonly name: string;
  readonly location: Location;
}

/** `object.name` or `object["name"]`. */
export interface MemberNode {
  readonly kind: 'member';
  readonly object: Expression;
  readonly name: string;
}

/** `object[index]` with anything but a string literal inside: that is a member. */
export interface ElementNode {
  readonly kind: 'element';
  readonly object: Expression;
  readonly index: Expression;
}

export type UnaryOperator = '-' | '+' | '~' | 'NOT';

export interface UnaryNode {
  readonly kind: 'unary';
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}

export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '+'
  | '-'
  | '<'
  | '>'
  | '<='
  | '>='
  | '='
  | '!='
  | '&'
  | '^'
  | '|'
  | '||'
  | '??';

export interface BinaryNode {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** Two or more terms: chains are kept flat, since generated queries have thousands of terms. */
export interface LogicalNode {
  readonly kind: 'logical';
  readonly operator: 'AND' | 'OR';
  readonly terms: readonly Expression[];
}

export interface ConditionalNode {
  readonly kind: 'conditional';
  readonly condition: Expression;
  readonly whenTrue: Expression;
  readonly otherwise: Expression;
}

export interface InNode {
  readonly kind: 'in';
  readonly operand: Expression;
  readonly items: readonly Expression[];
  readonly negated: boolean;
}

export interface BetweenNode {
  readonly kind: 'between';
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
  readonly negated: boolean;
}

export interface LikeNode {
  readonly kind: 'like';
  readonly operand: Expression;
  readonly pattern: Expression;
  /** One character; undefined without ESCAPE. */
  readonly escape: string | undefined;
  readonly negated: boolean;
}

export interface CallNode {
  readonly kind: 'call';
  /** As written. */
  readonly name: string;
  /** Whether it stood behind `udf.`. */
  readonly isUserDefined: boolean;
  readonly operands: readonly Expression[];
  readonly location: Location;
}

export interface ArrayNode {
  readonly kind: 'array';
  readonly elements: readonly Expression[];
}

export interface ObjectNode {
  readonly kind: 'object';
  readonly members: readonly { readonly name: string; readonly value: Expression }[];
}

export interface SubqueryNode {
  readonly kind: 'subquery';
  readonly form: 'scalar' | 'EXISTS' | 'ARRAY' | 'ALL' | 'FIRST' | 'LAST';
  readonly query: Query;
  readonly location: Location;
}

export type Selection =
  | { readonly kind: 'star'; readonly location: Location }
  | { readonly kind: 'value'; readonly expression: Expression }
  | { readonly kind: 'list'; readonly items: readonly SelectItem[] };

export interface SelectItem {
  readonly expression: Expression;
  readonly alias: string | undefined;
  readonly location: Location;
}

/** `collection AS alias`, or `alias IN collection` when `iterates`. */
export interface Source {
  readonly collection: Collection;
  readonly alias: string | undefined;
  readonly iterates: boolean;
}

export type Collection =
  | {
      readonly kind: 'path';
      readonly root: string;
      readonly path: readonly (string | number)[];
      readonly location: Location;
    }
  | { readonly kind: 'subquery'; readonly query: Query; readonly location: Location };

export interface OrderItem {
  readonly expression: Expression;
  readonly location: Location;
  readonly isDescending: boolean;
  /** Whether ASC or DESC was written. */
  readonly isExplicit: boolean;
  /** The computed property that `expression` took the place of. */
  readonly computed?: string;
}

/** A count of TOP, OFFSET or LIMIT: a number literal or a parameter. */
export type CountNode = (ConstantNode & { readonly location: Location }) | ParameterNode;

export interface Query {
  readonly kind: 'query';
  readonly isDistinct: boolean;
  readonly top: CountNode | undefined;
  readonly selection: Selection;
  /** Several sources are joined. */
  readonly from: readonly Source[] | undefined;
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[] | undefined;
  readonly orderBy: readonly OrderItem[] | undefined;
  /** `ORDER BY RANK`. */
  readonly isRanked: boolean;
  readonly offset: CountNode | undefined;
  readonly limit: CountNode | undefined;
}

/** The direct parts of an expression, from left to right; queries inside it are not parts. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'constant':
    case 'parameter':
    case 'name':
    case 'subquery':
      return [];
    case 'member':
      return [expression.object];
    case 'element':
      return [expression.object, expression.index];
    case 'unary':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'logical':
      return expression.terms;
    case 'conditional':
      return [expression.condition, expression.whenTrue, expression.otherwise];
    case 'in':
      return [expression.operand, ...expression.items];
    case 'between':
      return [expression.operand, expression.low, expression.high];
    case 'like':
      return [expression.operand, expression.pattern];
    case 'call':
      return expression.operands;
    case 'array':
      return expression.elements;
    case 'object':
      return expression.members.map((member) => member.value);
    default:
      return unreachable(expression);
  }
}

/** The expressions that stand directly in a query's clauses; subqueries of FROM are no expressions. */
export function expressionsOf(query: Query): readonly Expression[] {
  const { selection, where, groupBy, orderBy } = query;
  const selected =
    selection.kind === 'star'
      ? []
      : selection.kind === 'value'
        ? [selection.expression]
        : selection.items.map((item) => item.expression);
  const ordered = (orderBy ?? []).map((item) => item.expression);
  return [...selected, ...(where === undefined ? [] : [where]), ...(groupBy ?? []), ...ordered];
}

/** Subqueries of FROM, and the expressions of the query's clauses, with the queries inside them. */
export function forEachNode(query: Query, visit: (node: Expression | Collection) => void): void {
  for (const { collection } of query.from ?? []) {
    visit(collection);
    if (collection.kind === 'subquery') forEachNode(collection.query, visit);
  }
  for (const expression of expressionsOf(query)) forEachPart(expression, visit);
}

/** An expression and all of its parts, with the queries inside them. */
export function forEachPart(expression: Expression, visit: (node: Expression | Collection) => void): void {
  visit(expression);
  if (expression.kind === 'subquery') forEachNode(expression.query, visit);
  for (const part of partsOf(expression)) forEachPart(part, visit);
}
