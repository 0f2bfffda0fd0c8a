import { unreachable } from '../base/index.ts';
import type { Expression } from './syntax.ts';

/** The same expression with each of its direct parts changed; a query inside it is no part. */
export function mapParts(expression: Expression, change: (part: Expression) => Expression): Expression {
  switch (expression.kind) {
    case 'constant':
    case 'parameter':
    case 'name':
    case 'subquery':
      return expression;
    case 'member':
      return { ...expression, object: change(expression.object) };
    case 'element':
      return { ...expression, object: change(expression.object), index: change(expression.index) };
    case 'unary':
      return { ...expression, operand: change(expression.operand) };
    case 'binary':
      return { ...expression, left: change(expression.left), right: change(expression.right) };
    case 'logical':
      return { ...expression, terms: expression.terms.map(change) };
    case 'conditional':
      return {
        ...expression,
        condition: change(expression.condition),
        whenTrue: change(expression.whenTrue),
        otherwise: change(expression.otherwise),
      };
    case 'in':
      return { ...expression, operand: change(expression.operand), items: expression.items.map(change) };
    case 'between':
      return {
        ...expression,
        operand: change(expression.operand),
        low: change(expression.low),
        high: change(expression.high),
      };
    case 'like':
      return { ...expression, operand: change(expression.operand), pattern: change(expression.pattern) };
    case 'call':
      return { ...expression, operands: expression.operands.map(change) };
    case 'array':
      return { ...expression, elements: expression.elements.map(change) };
    case 'object':
      return {
        ...expression,
        members: expression.members.map((member) => ({ ...member, value: change(member.value) })),
      };
    default:
      return unreachable(expression);
  }
}
