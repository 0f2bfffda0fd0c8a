import { assert } from '../base/index.ts';
import { type Dot, sameDot } from '../causality/index.ts';
import type { Delete, Incarnation, ItemOperation, Put } from './operation.ts';

/**
 * What several regions wrote to one item, reduced to the least that still decides what is visible.
 *
 * Comparing each arriving write with the current winner diverges: "later beats earlier" and "the higher
 * priority wins" form cycles, so the outcome would depend on the order of arrival. The state therefore
 * keeps every *maximal* put (a sibling: no known operation is causally after it), and the winner is a
 * function of that set. Ended incarnations stay as marks, because a put that was made without seeing the
 * delete may still arrive and must not revive what the delete ended.
 *
 * Callers' duty: causal delivery. An operation is applied once, after everything in its context and after
 * all earlier operations of its origin. It is what lets siblings do without their contexts: nothing that
 * arrives can be older than a sibling, so only the arriving operation's context is ever asked.
 */
export interface ItemState {
  /** The maximal puts of live incarnations, best first (see `compareWinners`). */
  readonly siblings: readonly StoredPut[];
  /** By rising incarnation. Never shares an incarnation with a sibling. */
  readonly dead: readonly DeadIncarnation[];
}

/** A put without its context, which is no longer needed once it is applied. */
export type StoredPut = Omit<Put, 'kind' | 'context' | 'patch'>;

/** An incarnation that was deleted. */
export interface DeadIncarnation {
  readonly incarnation: Incarnation;
  /** Every delete that named it, by origin and n: the mark may go when they are stable. */
  readonly deletes: readonly Dot[];
}

/** An item that nobody wrote, or of which nothing needs to be known any more. */
export const EMPTY_ITEM: ItemState = { siblings: [], dead: [] };

/**
 * Positive when `a` beats `b`, negative when `b` beats `a`; 0 only for the same write.
 * Any number at the conflict resolution path beats none; then the later hybrid time, the higher origin, the
 * higher n. The last two are unique together, so every region finds the same winner.
 */
export function compareWinners(a: StoredPut, b: StoredPut): number {
  if (a.priority !== b.priority) {
    if (a.priority === undefined) return -1;
    if (b.priority === undefined) return 1;
    return a.priority > b.priority ? 1 : -1;
  }
  return a.time - b.time || a.dot.origin - b.dot.origin || a.dot.n - b.dot.n;
}

/** The put whose body readers see; undefined when the item is deleted or was never written. */
export function visiblePut(state: ItemState): StoredPut | undefined {
  return state.siblings[0];
}

/**
 * The incarnations that a delete made now has to name: all that its origin can see, losers' ones included.
 */
export function liveIncarnations(state: ItemState): Incarnation[] {
  return [...new Set(state.siblings.map((sibling) => sibling.incarnation))].sort((a, b) => a - b);
}

/**
 * What a patch of the visible item has for its base; undefined when the item is in a conflict of whole
 * writes, which a patch resolves like any other whole write.
 */
export function patchBase(state: ItemState): Dot | undefined {
  const [only, ...others] = state.siblings;
  return others.length === 0 ? only?.dot : undefined;
}

/** Whether nothing but the visible put needs to be remembered: the state of nearly every item. */
export function isSettled(state: ItemState): boolean {
  return state.siblings.length === 1 && state.dead.length === 0;
}

/** The state after one more operation; `state` itself is not changed. */
export function applyOperation(state: ItemState, operation: ItemOperation): ItemState {
  return operation.kind === 'put' ? applyPut(state, operation) : applyDelete(state, operation);
}

function applyPut(state: ItemState, put: Put): ItemState {
  assert(put.priority === undefined || Number.isFinite(put.priority), 'a priority is a finite number');
  const rivals = withoutSuperseded(state.siblings, put);
  const grave = state.dead.find((mark) => mark.incarnation === put.incarnation);
  if (grave !== undefined) {
    // The put itself is lost, but what it had superseded is gone all the same: otherwise those siblings
    // would live on only in the regions that heard of the delete first.
    assert(
      !grave.deletes.some((dot) => put.context.covers(dot)),
      'nobody writes to an incarnation they saw end',
    );
    return rivals.length === state.siblings.length ? state : { siblings: rivals, dead: state.dead };
  }
  const { dot, time, incarnation, priority, ttl, body } = put;
  const stored: StoredPut = { dot, time, incarnation, priority, ttl, body };
  if (rivals.length === 0) return { siblings: [stored], dead: state.dead };
  return { siblings: [...rivals, stored].sort((a, b) => compareWinners(b, a)), dead: state.dead };
}

function applyDelete(state: ItemState, deletion: Delete): ItemState {
  const { incarnations } = deletion;
  const siblings = withoutSuperseded(state.siblings, deletion).filter(
    (sibling) => !incarnations.includes(sibling.incarnation),
  );
  let dead = state.dead;
  for (const incarnation of incarnations) dead = withDeath(dead, incarnation, deletion.dot);
  return { siblings, dead };
}

/** The siblings that the origin of `operation` had not seen. */
function withoutSuperseded(siblings: readonly StoredPut[], operation: ItemOperation): readonly StoredPut[] {
  return siblings.filter((sibling) => {
    const isSeen = operation.context.covers(sibling.dot);
    assert(
      isSeen || sibling.dot.origin !== operation.dot.origin,
      'operations of one origin arrive once and in order',
    );
    return !isSeen;
  });
}

function withDeath(dead: readonly DeadIncarnation[], incarnation: Incarnation, dot: Dot): DeadIncarnation[] {
  const deletes = dead.find((mark) => mark.incarnation === incarnation)?.deletes ?? [];
  assert(!deletes.some((known) => sameDot(known, dot)), 'a delete is applied once');
  const mark = { incarnation, deletes: [...deletes, dot].sort((a, b) => a.origin - b.origin || a.n - b.n) };
  const others = dead.filter((other) => other.incarnation !== incarnation);
  return [...others, mark].sort((a, b) => a.incarnation - b.incarnation);
}
