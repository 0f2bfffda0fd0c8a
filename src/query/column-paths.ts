import { type DocumentPath, pathOf } from './document-path.ts';
import { findFunction } from './functions/function-table.ts';
import { isLiteral } from './literal.ts';
import { type Expression, expressionsOf, partsOf, type Query } from './syntax.ts';
import { isInheritedName } from './values.ts';

/** The properties that are all a query needs of an item. */
export interface ColumnPaths {
  readonly all: readonly DocumentPath[];
  /** Those that are needed once it is known that the condition holds. */
  readonly ofRows: readonly DocumentPath[];
}

/** Reading more indexes than items have properties costs more than reading the items. */
const PATHS_MAX = 8;

/**
 * The only function that tells zero from negative zero, which JSON may hold; indexes have one place for both.
 */
const TELLS_ZEROES = 'ATN2';

/**
 * Undefined when a query needs more of an item than properties that indexes may know; else their indexes can
 * stand in for the item.
 */
export function columnPaths(query: Query, itemNames: ReadonlySet<string>): ColumnPaths | undefined {
  const { from = [], selection } = query;
  const [source] = from;
  if (source === undefined || from.length > 1 || selection.kind === 'star') return undefined;
  if (source.collection.kind !== 'path' || source.collection.path.length > 0 || source.iterates)
    return undefined;
  const all = pathsIn(expressionsOf(query), itemNames, PATHS_MAX);
  if (all === undefined) return undefined;
  const ofRows = pathsIn(expressionsOf({ ...query, where: undefined }), itemNames, PATHS_MAX);
  if (ofRows === undefined) return undefined;
  return { all, ofRows };
}

/**
 * All properties of the item that expressions look at; undefined when they look at more of it, or at more
 * than `most` of them.
 */
export function pathsIn(
  expressions: readonly Expression[],
  itemNames: ReadonlySet<string>,
  most: number,
): readonly DocumentPath[] | undefined {
  const paths = new Map<string, DocumentPath>();
  const collect = (expression: Expression): boolean => {
    // Long lists are mostly constants, of which it is known at once.
    if (expression.kind === 'constant' || (expression.kind === 'array' && isLiteral(expression))) return true;
    const path = pathOf(expression, itemNames);
    if (path === undefined) return isPlain(expression) && partsOf(expression).every(collect);
    if (path.length === 0 || path.some(isInheritedName)) return false;
    // Most are one name, and long texts have thousands; JSON never begins with the dot.
    paths.set(path.length === 1 ? `.${path[0]}` : JSON.stringify(path), path);
    return paths.size <= most;
  };
  return expressions.every(collect) ? [...paths.values()] : undefined;
}

/** Whether it looks at nothing but its parts. */
function isPlain(expression: Expression): boolean {
  if (expression.kind === 'subquery' || expression.kind === 'name') return false;
  if (expression.kind !== 'call') return true;
  return (
    !expression.isUserDefined && expression.name.toUpperCase() !== TELLS_ZEROES && !isVolatile(expression)
  );
}

function isVolatile({ name }: { readonly name: string }): boolean {
  return findFunction(name)?.volatility === 'volatile';
}
