import type { Expression } from './syntax.ts';

/** Member names from the item down; `c.a["b c"]` is ['a', 'b c'], the item itself is []. */
export type DocumentPath = readonly string[];

/** The path that an expression spells, when it is one of `aliases` followed by members only. */
export function pathOf(
  expression: Expression,
  aliases: Pick<ReadonlySet<string>, 'has'>,
): DocumentPath | undefined {
  const path: string[] = [];
  let node = expression;
  while (node.kind === 'member') {
    path.push(node.name);
    node = node.object;
  }
  return node.kind === 'name' && aliases.has(node.name) ? path.reverse() : undefined;
}
