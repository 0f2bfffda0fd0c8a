import { DatabaseError } from '../errors/index.ts';
import type { Binder, Evaluator, Frame } from './binder.ts';
import { pathOf } from './document-path.ts';
import { compileExpression } from './evaluate.ts';
import type { Expression, SelectItem, Selection } from './syntax.ts';
import type { Value } from './values.ts';

/** Makes the JSON text of an output row; undefined when the row has no value and is left out. */
export interface Projection {
  /** Whether rows are the items' stored texts: nothing has to be parsed for them. */
  readonly isWholeItem: boolean;
  /** `itemText` is the stored text of the item in slot 0; undefined where no item stands behind the row. */
  readonly project: (frame: Frame, itemText: Buffer | undefined) => Buffer | string | undefined;
}

/** @throws DatabaseError `BadRequest` as `compileExpression`, and for two outputs of one name. */
export function compileProjection(
  selection: Selection,
  aliases: ReadonlySet<string>,
  binder: Binder,
): Projection {
  if (selection.kind === 'star' || (selection.kind === 'value' && isItem(selection.expression, aliases))) {
    if (selection.kind === 'value') compileExpression(selection.expression, binder);
    return { isWholeItem: true, project: (frame, itemText) => itemText ?? JSON.stringify(frame.slots[0]) };
  }
  if (selection.kind === 'value') {
    const evaluate = compileExpression(selection.expression, binder);
    return { isWholeItem: false, project: (frame) => valueText(evaluate(frame)) };
  }
  return { isWholeItem: false, project: compileList(selection.items, aliases, binder) };
}

/** Undefined for undefined: a row that has no value is no row, a member that has none is left out. */
function valueText(value: Value): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    // Arrays can hold one large parameter many times without being large themselves; their text cannot.
    throw new DatabaseError('BadRequest', 'A row of the result is too large.', { cause });
  }
}

function isItem(expression: Expression, aliases: ReadonlySet<string>): boolean {
  return pathOf(expression, aliases)?.length === 0;
}

function compileList(
  items: readonly SelectItem[],
  aliases: ReadonlySet<string>,
  binder: Binder,
): Projection['project'] {
  const names = outputNames(items);
  const members = items.map(({ expression }, index) => ({
    key: `${JSON.stringify(names[index])}:`,
    evaluate: compileExpression(expression, binder),
    isItem: isItem(expression, aliases),
  }));
  return (frame, itemText) => {
    let text = '{';
    for (const { key, evaluate, isItem } of members) {
      const value = memberText(frame, evaluate, isItem ? itemText : undefined);
      if (value !== undefined) text += (text === '{' ? key : `,${key}`) + value;
    }
    return `${text}}`;
  };
}

/** The stored text of an item says the same as its parsed form, without the work. */
function memberText(frame: Frame, evaluate: Evaluator, itemText: Buffer | undefined): string | undefined {
  return itemText === undefined ? valueText(evaluate(frame)) : itemText.toString('utf8');
}

/** Alias, else the last member of the path, else `$1`, `$2` … by position among those without a name. */
export function outputNames(items: readonly SelectItem[]): string[] {
  const taken = new Set<string>();
  let unnamed = 0;
  return items.map(({ expression, alias }) => {
    const name = alias ?? impliedName(expression) ?? `$${++unnamed}`;
    if (taken.has(name)) {
      throw new DatabaseError(
        'BadRequest',
        `The select list gives the name '${name}' to more than one output.`,
      );
    }
    taken.add(name);
    return name;
  });
}

function impliedName(expression: Expression): string | undefined {
  return expression.kind === 'member' || expression.kind === 'name' ? expression.name : undefined;
}
