import { findFunction } from './functions/function-table.ts';
import { type Expression, partsOf } from './syntax.ts';

/** What is known, besides literals, when an expression is asked for its value. */
export type Known = 'nothing' | 'parameters' | 'execution';

const LEVELS = { nothing: 0, parameters: 1, execution: 2 } as const satisfies Record<Known, number>;
/** It looks at rows. */
const NEVER = 3;

/**
 * Trees are asked at every height, and can be high. What is known of every so many heights is kept, so that
 * no question goes further down, and what is known of nodes with many parts; of most trees nothing is.
 */
const KEPT_HEIGHTS = 16;
const KEPT_PARTS = 64;
const kept = new WeakMap<Expression, number>();

/**
 * Whether an expression depends on nothing but literals and what is `known`: parameters, or parameters and
 * what stays the same throughout an execution.
 */
export function isLiteral(expression: Expression, known: Known = 'nothing'): boolean {
  return levelOf(expression) <= LEVELS[known];
}

function levelOf(expression: Expression, depth = 1): number {
  switch (expression.kind) {
    case 'constant':
      return LEVELS.nothing;
    case 'parameter':
      return LEVELS.parameters;
    case 'name':
    case 'subquery':
      return NEVER;
  }
  const seen = kept.get(expression);
  if (seen !== undefined) return seen;
  let level: number = expression.kind === 'call' ? levelOfCall(expression) : LEVELS.nothing;
  const parts = partsOf(expression);
  for (const part of parts) {
    if (level === NEVER) break;
    level = Math.max(level, levelOf(part, depth + 1));
  }
  if (depth % KEPT_HEIGHTS === 0 || parts.length > KEPT_PARTS) kept.set(expression, level);
  return level;
}

function levelOfCall({
  name,
  isUserDefined,
}: {
  readonly name: string;
  readonly isUserDefined: boolean;
}): number {
  // Aggregates and user-defined functions look at rows.
  const found = isUserDefined ? undefined : findFunction(name);
  if (found === undefined || found.volatility === 'volatile') return NEVER;
  return found.volatility === 'stable' ? LEVELS.execution : LEVELS.nothing;
}
