import { assert } from '../base/index.ts';
import { itemAliases } from './block.ts';
import type { CompiledQuery } from './compiled-query.ts';
import { printExpression, printFrom } from './printer.ts';
import { outputNames } from './projection.ts';
import type { Expression } from './syntax.ts';

/** Parts of the texts that clients send to each range in place of the query. */

/** Where a client writes what it knows already when it goes on with an order. */
export const FILTER_PLACEHOLDER = '{documentdb-formattableorderbyquery-filter}';

export function fromText({ tree }: CompiledQuery): string {
  return tree.from === undefined ? '' : ` FROM ${printFrom(tree.from)}`;
}

export function whereText(where: Expression | undefined): string {
  return where === undefined ? '' : ` WHERE ${printExpression(where)}`;
}

/** A name of the item in the query: the one that was given, rather than `root`, which it may always have. */
export function rowAlias({ tree }: CompiledQuery): string {
  const names = [...itemAliases(tree)];
  const alias = names.find((name) => name !== 'root') ?? names[0];
  assert(alias !== undefined, 'what is ordered by a property of the item has a name for it');
  return alias;
}

/** What the row of the original query was, as one expression; and when there was no row without a value. */
export function payloadText(
  { tree }: CompiledQuery,
  alias: string,
): { payload: string; definedness: string | undefined } {
  const { selection } = tree;
  switch (selection.kind) {
    case 'star':
      return { payload: alias, definedness: undefined };
    case 'value': {
      const payload = printExpression(selection.expression);
      return { payload, definedness: `IS_DEFINED(${payload})` };
    }
    case 'list': {
      const names = outputNames(selection.items);
      const members = selection.items.map(
        ({ expression }, index) => `${JSON.stringify(names[index])}: ${printExpression(expression)}`,
      );
      return { payload: `{${members.join(', ')}}`, definedness: undefined };
    }
  }
}
