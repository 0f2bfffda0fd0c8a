import { type IndexingPolicy, splitPath } from '../resource/index.ts';

/** One path of a composite index. */
export interface CompositePart {
  readonly path: readonly string[];
  readonly isDescending: boolean;
}

export type CompositeIndex = readonly CompositePart[];

/** The composite indexes that a policy names. */
export function compileComposites({ compositeIndexes = [] }: IndexingPolicy): readonly CompositeIndex[] {
  return compositeIndexes.map((parts) =>
    parts.map(({ path, order }) => ({
      path: splitPath(String(path)),
      isDescending: order === 'descending',
    })),
  );
}

/**
 * Whether the index has the order: the same paths in the same sequence, and either all directions as they are
 * or all of them turned round.
 */
export function hasOrder(index: CompositeIndex, order: readonly CompositePart[]): boolean {
  if (index.length !== order.length) return false;
  const isTurned = index[0]?.isDescending !== order[0]?.isDescending;
  return index.every(({ path, isDescending }, place) => {
    const term = order[place];
    if (term === undefined || (term.isDescending !== isDescending) !== isTurned) return false;
    return path.length === term.path.length && path.every((name, step) => name === term.path[step]);
  });
}
