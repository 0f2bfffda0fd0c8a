/**
 * Conditions on the elements of an item's arrays, as indexes of elements can answer them: `EXISTS` over an
 * array, and what is demanded of the rows that a JOIN makes.
 */
import type { Steps } from '../base/index.ts';
import { ARRAY_ELEMENT, type PathSegment } from '../index/index.ts';
import { isAggregating } from './block.ts';
import { type Condition, elementDemands, indexedPath } from './condition.ts';
import type { Expression, Query, Source, SubqueryNode } from './syntax.ts';

/** Names and the paths that they stand for: none for the item, one with `[]` for elements of an array. */
export type PathNames = ReadonlyMap<string, readonly PathSegment[]>;

export function itemPathNames(aliases: Iterable<string>): PathNames {
  return new Map(Array.from(aliases, (alias) => [alias, []]));
}

/** The names that sources add to those around them; a source of another kind hides what had its name. */
export function namesWithin(sources: readonly Source[], outer: PathNames): PathNames {
  const names = new Map(outer);
  for (const { collection, alias, iterates } of sources) {
    if (collection.kind === 'subquery') {
      if (alias !== undefined) names.delete(alias);
      continue;
    }
    const { root, path } = collection;
    const last = path.at(-1) ?? root;
    const name = alias ?? (typeof last === 'string' ? last : undefined);
    const base = names.get(root);
    if (name === undefined) continue;
    if (base === undefined || !path.every((step) => typeof step === 'string')) names.delete(name);
    else names.set(name, [...base, ...path, ...(iterates ? [ARRAY_ELEMENT] : [])] as PathSegment[]);
  }
  return names;
}

type Finder = (expression: Expression, names: PathNames) => Steps<Condition>;

/**
 * `EXISTS(SELECT … FROM element IN array WHERE …)`; undefined when indexes know nothing of it. One demand on
 * an element is the whole truth; several may be met by different elements.
 */
export function* existsSteps(
  { form, query }: SubqueryNode,
  outer: PathNames,
  find: Finder,
): Steps<Condition | undefined> {
  const { from = [], where } = query;
  const [source] = from;
  if (form !== 'EXISTS' || source?.iterates !== true || query.groupBy !== undefined || isAggregating(query))
    return undefined;
  const names = namesWithin(from, outer);
  const name = source.alias;
  const elements = name === undefined ? undefined : names.get(name);
  if (elements === undefined) return undefined;
  const condition: Condition =
    where === undefined
      ? { kind: 'type', path: indexedPath(elements), type: 'defined' }
      : yield* find(where, names);
  const isWhole = from.length === 1 && alwaysGives(query, name) && elementDemands(condition, elements) === 1;
  return isWhole ? condition : { kind: 'opaque', narrowed: condition };
}

/** Whether every row of the query has a value. */
function alwaysGives({ selection }: Query, element: string | undefined): boolean {
  if (selection.kind !== 'value') return true;
  const { expression } = selection;
  if (expression.kind === 'constant') return expression.value !== undefined;
  return expression.kind === 'name' && expression.name === element;
}
