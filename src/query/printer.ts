import { unreachable } from '../base/index.ts';
import { BINARY_STRENGTH, STRENGTH } from './expression-parser.ts';
import type { CountNode, Expression, OrderItem, Query, Selection, Source } from './syntax.ts';

/**
 * Back from trees to text, with the parentheses that the grammar needs and no others. Parsing the result
 * gives the same tree again.
 */
export function printExpression(expression: Expression): string {
  return print(expression, 0);
}

/** `.name` where the grammar allows it, else `["name"]`. */
function printMember(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${quote(name)}]`;
}

export function printFrom(sources: readonly Source[]): string {
  return sources.map(printSource).join(' JOIN ');
}

export function printOrder(items: readonly OrderItem[]): string {
  return items.map((item) => `${print(item.expression, 0)} ${item.isDescending ? 'DESC' : 'ASC'}`).join(', ');
}

export function printQuery(query: Query): string {
  let text = 'SELECT ';
  if (query.isDistinct) text += 'DISTINCT ';
  if (query.top !== undefined) text += `TOP ${printCount(query.top)} `;
  text += printSelection(query.selection);
  if (query.from !== undefined) text += ` FROM ${printFrom(query.from)}`;
  if (query.where !== undefined) text += ` WHERE ${print(query.where, 0)}`;
  if (query.groupBy !== undefined) text += ` GROUP BY ${printList(query.groupBy)}`;
  if (query.orderBy !== undefined)
    text += ` ORDER BY ${query.isRanked ? 'RANK ' : ''}${printOrderAsWritten(query.orderBy)}`;
  if (query.offset !== undefined && query.limit !== undefined) {
    text += ` OFFSET ${printCount(query.offset)} LIMIT ${printCount(query.limit)}`;
  }
  return text;
}

export function printOrderAsWritten(items: readonly OrderItem[]): string {
  return items
    .map(
      (item) => print(item.expression, 0) + (item.isExplicit ? (item.isDescending ? ' DESC' : ' ASC') : ''),
    )
    .join(', ');
}

function printCount(count: CountNode): string {
  return count.kind === 'parameter' ? count.name : String(count.value);
}

function printSelection(selection: Selection): string {
  switch (selection.kind) {
    case 'star':
      return '*';
    case 'value':
      return `VALUE ${print(selection.expression, 0)}`;
    case 'list':
      return selection.items
        .map((item) => print(item.expression, 0) + (item.alias === undefined ? '' : ` AS ${item.alias}`))
        .join(', ');
    default:
      return unreachable(selection);
  }
}

function printSource(source: Source): string {
  const collection = source.collection;
  const text =
    collection.kind === 'subquery'
      ? `(${printQuery(collection.query)})`
      : collection.root +
        collection.path.map((step) => (typeof step === 'number' ? `[${step}]` : printMember(step))).join('');
  if (source.iterates) return `${source.alias} IN ${text}`;
  return source.alias === undefined ? text : `${text} AS ${source.alias}`;
}

function printList(expressions: readonly Expression[]): string {
  return expressions.map((expression) => print(expression, 0)).join(', ');
}

function quote(text: string): string {
  // JSON's escapes are the dialect's escapes.
  return JSON.stringify(text);
}

function printConstant(value: string | number | boolean | null | undefined): string {
  return typeof value === 'string' ? quote(value) : String(value);
}

function wrap(text: string, strength: number, strengthMin: number): string {
  return strength < strengthMin ? `(${text})` : text;
}

function print(expression: Expression, strengthMin: number): string {
  switch (expression.kind) {
    case 'constant':
      // A negative number is an operator and a literal, as the grammar sees it.
      return typeof expression.value === 'number' && expression.value < 0
        ? `(${expression.value})`
        : printConstant(expression.value);
    case 'parameter':
    case 'name':
      return expression.name;
    case 'member':
      return printObject(expression.object) + printMember(expression.name);
    case 'element':
      return `${printObject(expression.object)}[${print(expression.index, 0)}]`;
    case 'unary':
      return printUnary(expression.operator, expression.operand, strengthMin);
    case 'binary': {
      const strength = BINARY_STRENGTH[expression.operator];
      const left = print(expression.left, strength);
      const right = print(expression.right, strength + 1);
      return wrap(`${left} ${expression.operator} ${right}`, strength, strengthMin);
    }
    case 'logical': {
      const strength = expression.operator === 'AND' ? STRENGTH.and : STRENGTH.or;
      const terms = expression.terms.map((term) => print(term, strength + 1));
      return wrap(terms.join(` ${expression.operator} `), strength, strengthMin);
    }
    case 'conditional':
      return wrap(
        `${print(expression.condition, STRENGTH.coalesce)} ? ${print(expression.whenTrue, 0)} : ` +
          print(expression.otherwise, STRENGTH.conditional),
        STRENGTH.conditional,
        strengthMin,
      );
    case 'in':
    case 'between':
    case 'like':
      return wrap(printMembership(expression), STRENGTH.membership, strengthMin);
    case 'call':
      return `${expression.isUserDefined ? 'udf.' : ''}${expression.name}(${printList(expression.operands)})`;
    case 'array':
      return `[${printList(expression.elements)}]`;
    case 'object':
      return `{${expression.members.map(printObjectMember).join(', ')}}`;
    case 'subquery':
      return `${expression.form === 'scalar' ? '' : expression.form}(${printQuery(expression.query)})`;
    default:
      return unreachable(expression);
  }
}

function printObjectMember({ name, value }: { name: string; value: Expression }): string {
  return `${quote(name)}: ${print(value, 0)}`;
}

function printObject(object: Expression): string {
  const text = print(object, STRENGTH.postfix);
  // The dot of `1.x` would belong to the number.
  return object.kind === 'constant' ? `(${text})` : text;
}

function printUnary(operator: string, operand: Expression, strengthMin: number): string {
  const text = print(operand, STRENGTH.unary);
  // Two minus signs side by side would begin a comment.
  const separator = operator === 'NOT' || operand.kind === 'unary' ? ' ' : '';
  return wrap(operator + separator + text, STRENGTH.unary, strengthMin);
}

function printMembership(expression: Extract<Expression, { kind: 'in' | 'between' | 'like' }>): string {
  const tighter = STRENGTH.membership + 1;
  const head = print(expression.operand, tighter) + (expression.negated ? ' NOT' : '');
  switch (expression.kind) {
    case 'in':
      return `${head} IN (${printList(expression.items)})`;
    case 'between':
      return `${head} BETWEEN ${print(expression.low, tighter)} AND ${print(expression.high, tighter)}`;
    case 'like': {
      const suffix = expression.escape === undefined ? '' : ` ESCAPE ${quote(expression.escape)}`;
      return `${head} LIKE ${print(expression.pattern, tighter)}${suffix}`;
    }
    default:
      return unreachable(expression);
  }
}
