import { assert, type Json, type Steps } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type Binder, type Evaluator, type Frame, ITEM_SLOT } from './binder.ts';
import { pathOf } from './document-path.ts';
import { expressionSteps } from './evaluate.ts';
import { effortOf, jsonSteps } from './long-values.ts';
import { EFFORT_AT_ONCE } from './long-work.ts';
import type { Expression, SelectItem, Selection } from './syntax.ts';
import { emptyObject, type Value } from './values.ts';

/** Makes the output row of what a frame holds; undefined when the row has no value and is left out. */
export interface Projection {
  /** Whether rows are the items' stored texts: nothing has to be parsed for them. */
  readonly isWholeItem: boolean;
  /** As JSON text. `itemText` is the stored text of the item; undefined where there is no item. */
  readonly project: (frame: Frame, itemText: Buffer | undefined) => Buffer | string | undefined;
  readonly value: Evaluator;
}

/**
 * `starSlot` holds what `*` gives.
 * @throws DatabaseError `BadRequest` as `compileExpression`, and for two outputs of one name.
 */
export function* projectionSteps(
  selection: Selection,
  itemNames: ReadonlySet<string>,
  starSlot: number,
  binder: Binder,
): Steps<Projection> {
  if (selection.kind === 'list') return yield* listSteps(selection.items, itemNames, binder);
  const value: Evaluator =
    selection.kind === 'star'
      ? (frame) => frame.slots[starSlot]
      : yield* expressionSteps(selection.expression, binder);
  const isWholeItem =
    selection.kind === 'star' ? starSlot === ITEM_SLOT : isItem(selection.expression, itemNames);
  const site = binder.newSite();
  if (!isWholeItem) return { isWholeItem, value, project: (frame) => rowText(value(frame), site, frame) };
  return {
    isWholeItem,
    value,
    project: (frame, itemText) => itemText ?? rowText(value(frame), site, frame),
  };
}

/** Undefined for undefined: a row that has no value is no row, a member that has none is left out. */
export function valueText(value: Value): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw tooLarge(cause);
  }
}

/** The same, of a large value in pieces: see `Binder.newSite`. */
export function rowText(value: undefined, site: number, frame: Frame): undefined;
export function rowText(value: Json, site: number, frame: Frame): string;
export function rowText(value: Value, site: number, frame: Frame): string | undefined;
export function rowText(value: Value, site: number, frame: Frame): string | undefined {
  if (typeof value !== 'object' || value === null) return valueText(value);
  const effort = effortOf(value);
  if (effort <= EFFORT_AT_ONCE) {
    frame.work.effort += effort;
    return valueText(value);
  }
  const text = frame.work.valueOf(
    site,
    effort,
    () => valueText(value),
    () => valueTextSteps(value),
  );
  assert(typeof text === 'string', 'only what is undefined has no text');
  return text;
}

function* valueTextSteps(value: Json): Steps<string> {
  try {
    return yield* jsonSteps(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw tooLarge(cause);
  }
}

function tooLarge(cause: unknown): DatabaseError {
  // Arrays can hold one large parameter many times without being large themselves; their text cannot.
  return new DatabaseError('BadRequest', 'A row of the result is too large.', { cause });
}

function isItem(expression: Expression, aliases: ReadonlySet<string>): boolean {
  return pathOf(expression, aliases)?.length === 0;
}

interface OutputMember {
  readonly name: string;
  /** Quoted, with its colon. */
  readonly key: string;
  readonly evaluate: Evaluator;
  readonly isItem: boolean;
}

function* listSteps(
  items: readonly SelectItem[],
  itemNames: ReadonlySet<string>,
  binder: Binder,
): Steps<Projection> {
  const names = outputNames(items);
  const members: OutputMember[] = [];
  for (const [index, { expression }] of items.entries()) {
    members.push({
      name: names[index] ?? '',
      key: `${JSON.stringify(names[index])}:`,
      evaluate: yield* expressionSteps(expression, binder),
      isItem: isItem(expression, itemNames),
    });
    if (binder.steps.isDue()) yield;
  }
  const site = binder.newSite();
  const project: Projection['project'] = (frame, itemText) => {
    let text = '{';
    for (const { key, evaluate, isItem } of members) {
      const value = memberText(frame, evaluate, site, isItem ? itemText : undefined);
      if (value !== undefined) text += (text === '{' ? key : `,${key}`) + value;
    }
    return `${text}}`;
  };
  const value: Evaluator = (frame) => {
    const object = emptyObject();
    for (const { name, evaluate } of members) {
      const member = evaluate(frame);
      if (member !== undefined) object[name] = member;
    }
    return object;
  };
  return { isWholeItem: false, project, value };
}

/** The stored text of an item says the same as its parsed form, without the work. */
function memberText(
  frame: Frame,
  evaluate: Evaluator,
  site: number,
  itemText: Buffer | undefined,
): string | undefined {
  return itemText === undefined ? rowText(evaluate(frame), site, frame) : itemText.toString('utf8');
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
