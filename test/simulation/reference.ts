import type { Dot } from '../../src/causality/index.ts';
import type { Incarnation, ItemOperation, Put } from '../../src/merge/index.ts';
import { beats } from '../kit/item-reference.ts';

/** What an item shows: a put, or what several concurrent patches make together, in the shape of one. */
export interface ModelPut extends Put {
  /** The patches; the body then is the item without system properties. */
  readonly parts?: readonly Dot[];
}

export type Fate =
  | { readonly kind: 'visible' }
  /** A later write or delete had seen it. */
  | { readonly kind: 'covered'; readonly by: Dot }
  /** Its incarnation was deleted, perhaps by somebody who had not seen it. */
  | { readonly kind: 'deleted'; readonly by: Dot }
  /** It lost a conflict, and somebody dealt with that. */
  | { readonly kind: 'settled'; readonly by: Dot }
  /** It lost a conflict against what is visible. */
  | { readonly kind: 'beaten'; readonly by: Dot };

/** All that a region knows of an item. */
export interface KnownItem {
  readonly writes: readonly ItemOperation[];
  /** The deletes of each incarnation. */
  readonly dead: ReadonlyMap<Incarnation, readonly Dot[]>;
  /** By name of the losing write. */
  readonly settled: ReadonlyMap<string, Dot>;
  readonly visible: ModelPut | undefined;
}

/**
 * What became of a write, with the other write that is to blame; undefined when nothing explains its
 * absence.
 */
export function fateOf(put: Put, item: KnownItem): Fate | undefined {
  const { visible: shown } = item;
  if (shown?.parts?.some((part) => isSame(put.dot, part)) === true) return { kind: 'visible' };
  if (shown !== undefined && isSame(put.dot, shown.dot)) return { kind: 'visible' };
  const killer = item.dead.get(put.incarnation)?.[0];
  if (killer !== undefined) return { kind: 'deleted', by: killer };
  const settle = item.settled.get(`${put.dot.origin}.${put.dot.n}`);
  if (settle !== undefined) return { kind: 'settled', by: settle };
  const { writes } = item;
  // What has seen it comes after it.
  for (let place = writes.indexOf(put) + 1; place < writes.length; place++) {
    const successor = writes[place];
    if (successor?.context.covers(put.dot) === true) return { kind: 'covered', by: successor.dot };
  }
  if (shown !== undefined && beats(shown, put)) return { kind: 'beaten', by: shown.dot };
  return undefined;
}

function isSame(a: Dot, b: Dot): boolean {
  return a.origin === b.origin && a.n === b.n;
}
