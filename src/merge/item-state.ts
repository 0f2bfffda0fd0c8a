import { assert, type JsonObject, murmur3x64Hash128 } from '../base/index.ts';
import { compareDots, type Dot, sameDot, unixMs, type VersionVector } from '../causality/index.ts';
import {
  etagWithin,
  formatEtag,
  ownTtl,
  SYSTEM_PROPERTIES,
  withSystemProperties,
} from '../resource/index.ts';
import type { Delete, Expiry, Incarnation, Loser, Put } from './operation.ts';
import { applyPending, isWithin, type PendingEdit, withPatch } from './pending-edit.ts';

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
  /** What patches did that a concurrent patch may still have to be merged with; undefined for nothing. */
  readonly pending?: readonly PendingEdit[] | undefined;
  /** Conflicts that were covered meanwhile and that nobody has settled; undefined for none. */
  readonly conflicts?: readonly Loser[] | undefined;
  /**
   * The maximal puts of dead incarnations that are kept for somebody to decide, by origin and n; undefined
   * for none.
   */
  readonly buried?: readonly Loser[] | undefined;
  /** Conflicts that were settled; undefined for none. */
  readonly settled?: readonly Settlement[] | undefined;
  /**
   * Maximal puts that were settled, best first; undefined for none. They compete no more, but somebody who
   * does not know that may still patch them, and what that patch goes back to must not depend on which came
   * first.
   */
  readonly withdrawn?: readonly StoredPut[] | undefined;
  /** Conflicts that were referred to people, with the operations that did; undefined for none. */
  readonly referred?: readonly Referral[] | undefined;
}

/** A put without its context, which is no longer needed once it is applied, unless it is a patch. */
export interface StoredPut extends Omit<Put, 'kind' | 'context' | 'patch' | 'losers'> {
  readonly patch?: StoredPatch | undefined;
}

/** What is kept of a patch beside its pending edits. */
export interface StoredPatch {
  /**
   * The whole write that the item goes back to. Its own dot for a patch that can be merged with no other any
   * more, because a whole write has seen its base.
   */
  readonly base: Dot;
  /** What it had seen; undefined once nothing can come that had not seen it. */
  readonly context: VersionVector | undefined;
  /** The concurrent patches that the body is merged from, by origin and n; undefined for one write's own. */
  readonly merged: readonly Dot[] | undefined;
}

/** A conflict that was settled: its mark stays until every `settle` that named it is stable. */
export interface Settlement {
  readonly conflict: Dot;
  /** By origin and n. */
  readonly settles: readonly Dot[];
}

/**
 * A conflict that was referred: its mark stays until it is stable, and for as long as the write is there, be
 * it a conflict at the moment or not.
 */
export interface Referral {
  readonly conflict: Dot;
  /** By origin and n. */
  readonly refers: readonly Dot[];
}

/** An incarnation that was deleted. */
export interface DeadIncarnation {
  readonly incarnation: Incarnation;
  /** Every delete that named it, by origin and n: the mark may go when they are stable. */
  readonly deletes: readonly Dot[];
}

/** An item that nobody wrote, or of which nothing needs to be known any more. */
export const EMPTY_ITEM: ItemState = { siblings: [], dead: [] };

type Ranked = Pick<Put, 'priority' | 'time' | 'dot'>;

/**
 * Positive when `a` beats `b`, negative when `b` beats `a`; 0 only for the same write.
 * Any number at the conflict resolution path beats none; then the later hybrid time, the higher origin, the
 * higher n. The last two are unique together, so every region finds the same winner.
 */
export function compareWinners(a: Ranked, b: Ranked): number {
  if (a.priority !== b.priority) {
    if (a.priority === undefined) return -1;
    if (b.priority === undefined) return 1;
    return a.priority > b.priority ? 1 : -1;
  }
  return a.time - b.time || a.dot.origin - b.dot.origin || a.dot.n - b.dot.n;
}

/** The item as readers see it; undefined when it is deleted or was never written. */
export function visiblePut(state: ItemState): StoredPut | undefined {
  return isMerged(state) ? mergePatches(state) : state.siblings[0];
}

/** Whether several concurrent patches make the visible item together. */
export function isMerged({ siblings }: ItemState): boolean {
  if (siblings.length < 2) return false;
  const base = siblings[0]?.patch?.base;
  return (
    base !== undefined && siblings.every(({ patch }) => patch !== undefined && sameDot(patch.base, base))
  );
}

/** The strongest of the competing patches, with everything that the others did added to its body. */
function mergePatches({ siblings, pending }: ItemState): StoredPut {
  const [best] = siblings;
  assert(best?.patch !== undefined, 'patches are merged with patches');
  const { dot, incarnation, priority, patch } = best;
  const merged = siblings.flatMap((one) => one.patch?.merged ?? [one.dot]).sort(compareDots);
  const time = Math.max(...siblings.map((one) => one.time));
  const item = parseItem(best.body);
  const { _rid: rid, _self: self } = item;
  for (const name of SYSTEM_PROPERTIES) delete item[name];
  const own = pending?.filter((edit) => sameDot(edit.base, patch.base)) ?? [];
  applyPending(item, own, { dot, context: patch.context }, compareWinners);
  const text = Buffer.from(JSON.stringify(item));
  const system = {
    rid: String(rid),
    self: String(self),
    etag: mergedEtag(merged, time, text),
    ts: Math.floor(unixMs(time) / 1000),
  };
  const body = withSystemProperties(text, system);
  const ttl = ownTtl(item);
  const put = { dot, time, incarnation, priority, ttl, body, patch: { ...patch, merged } };
  return best.isUnindexed === true ? { ...put, isUnindexed: true } : put;
}

/** @internal Bodies were checked to be JSON objects before they became part of any operation. */
export function parseItem(body: Uint8Array): JsonObject {
  return JSON.parse(
    Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
  ) as JsonObject;
}

/** The version that a put shows, as its text says too: the same in every region. */
export function etagOf({ dot, time, patch, body }: StoredPut): string {
  if (patch?.merged === undefined) return formatEtag({ origin: dot.origin, n: dot.n, time });
  const etag = etagWithin(body);
  assert(etag !== undefined, 'what was merged says its version');
  return etag;
}

/**
 * No single write has origin 0, so no merged version has the etag of one. The text has a part in it, since
 * patches do that were settled and compete no more: see `withdrawn`.
 */
function mergedEtag(dots: readonly Dot[], time: number, text: Uint8Array): string {
  let hash = 0xcbf2_9ce4_8422_2325n;
  const values = dots.flatMap(({ origin, n }) => [origin, n]);
  for (const value of [...values, ...murmur3x64Hash128(text)])
    hash = ((hash ^ BigInt(value)) * 0x100_0000_01b3n) % 2n ** 64n;
  return formatEtag({ origin: 0, n: Number(hash >> 11n), time });
}

/**
 * The incarnations that a delete made now has to name: all that its origin can see, losers' ones included.
 */
export function liveIncarnations(state: ItemState): Incarnation[] {
  return [...new Set(state.siblings.map((sibling) => sibling.incarnation))].sort((a, b) => a - b);
}

/**
 * What a patch of the visible item has for its base; undefined when the item is in a conflict of whole
 * writes, which a patch resolves like any other whole write. So it does when a patch of the same base was
 * settled, which the visible one had not seen: whoever has seen both has only one of them in the body.
 */
export function patchBase(state: ItemState): Dot | undefined {
  const [best, ...others] = state.siblings;
  if (others.length > 0) return isMerged(state) ? best?.patch?.base : undefined;
  if (best?.patch === undefined) return best?.dot;
  const { base, context } = best.patch;
  const shown = { dot: best.dot, context };
  const isWhole =
    state.withdrawn?.some(({ patch }) => patch !== undefined && sameDot(patch.base, base)) !== true &&
    state.pending?.some((edit) => sameDot(edit.base, base) && !isWithin(edit, shown)) !== true;
  return isWhole ? base : undefined;
}

/** Whether nothing but the visible put needs to be remembered: the state of nearly every item. */
export function isSettled(state: ItemState): boolean {
  const { siblings, dead, pending } = state;
  if (hasConflictBook(state)) return false;
  const isSingle = siblings.length === 1 && dead.length === 0 && pending === undefined;
  return isSingle && siblings[0]?.patch?.context === undefined;
}

/** Whether anything is kept of conflicts beside the siblings. */
export function hasConflictBook({ conflicts, buried, settled, referred }: ItemState): boolean {
  return conflicts !== undefined || buried !== undefined || settled !== undefined || referred !== undefined;
}

/** Whether something waits for all regions to have it, or for somebody to decide; see `collect`. */
export function isCollectible(state: ItemState): boolean {
  const { siblings, dead, pending, conflicts, buried, settled, referred } = state;
  if (siblings.length > 1 || dead.length > 0) return true;
  if (conflicts !== undefined || buried !== undefined || settled !== undefined) return true;
  // A mark of the write that is shown stays for as long as that.
  if (referred?.some(({ conflict }) => !siblings.some(({ dot }) => sameDot(dot, conflict)))) return true;
  if (siblings[0]?.patch?.context !== undefined) return true;
  return pending?.some((edit) => edit.kind === 'placed' || edit.increments.length > 0) === true;
}

/** The state after one more write, but for its conflicts: see `applyOperation`. */
export function applyWrite(state: ItemState, operation: Put | Delete | Expiry): ItemState {
  if (operation.kind === 'put') return applyPut(state, operation);
  if (operation.kind === 'delete') return applyDelete(state, operation);
  return left(state, withoutSuperseded(state.siblings, operation), state.dead, operation);
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
    const isSame =
      rivals.length === state.siblings.length && !rivals.some(({ patch }) => patch !== undefined);
    return isSame ? state : left(state, rivals, state.dead, put);
  }
  const { dot, time, incarnation, priority, ttl, body, patch } = put;
  if (patch !== undefined) return applyPatch(state, { ...put, patch }, rivals);
  const plain: StoredPut = { dot, time, incarnation, priority, ttl, body };
  const stored = isUnmarked(put) ? plain : { ...plain, ...marksOf(put) };
  if (rivals.length === 0) return { siblings: [stored], dead: state.dead };
  const rest = left(state, rivals, state.dead, put);
  return { ...rest, siblings: sorted([...rest.siblings, stored]) };
}

function applyPatch(
  state: ItemState,
  put: Put & { readonly patch: NonNullable<Put['patch']> },
  rivals: readonly StoredPut[],
): ItemState {
  const { dot, context, time, incarnation, priority, ttl, body, patch } = put;
  // Where nothing of the base is left, a whole write that had seen it has come between.
  const present = state.siblings.find(
    (one) => sameDot(one.dot, patch.base) || (one.patch !== undefined && sameDot(one.patch.base, patch.base)),
  );
  const base = present === undefined ? dot : patch.base;
  const stored: StoredPut = {
    ...{ dot, time, incarnation, priority, ttl, body },
    ...marksOf(put),
    patch: { base, context, merged: undefined },
  };
  const rest = left(state, rivals, state.dead, put);
  const siblings = sorted([...rest.siblings, stored]);
  if (present === undefined) return withPending({ siblings, dead: rest.dead }, rest.pending);
  const pending = withPatch(rest.pending ?? [], put, () => parseItem(present.body));
  return withPending({ siblings, dead: rest.dead }, pending);
}

/** What few writes have. */
export type PutMarks = Pick<Put, 'keeps' | 'contestsDeletes' | 'isUnindexed'>;

export function isUnmarked({ keeps, contestsDeletes, isUnindexed }: PutMarks): boolean {
  return keeps !== true && contestsDeletes !== true && isUnindexed !== true;
}

/** The marks alone; those that a write does not have are left out. */
export function marksOf({ keeps, contestsDeletes, isUnindexed }: PutMarks): PutMarks {
  return {
    ...(keeps === true ? { keeps } : {}),
    ...(contestsDeletes === true ? { contestsDeletes } : {}),
    ...(isUnindexed === true ? { isUnindexed } : {}),
  };
}

/** @internal Best first. */
export function sorted(siblings: StoredPut[]): StoredPut[] {
  return siblings.length === 1 ? siblings : siblings.sort((a, b) => compareWinners(b, a));
}

/**
 * What `operation` leaves of the others. Patches whose base it had seen, while it is none of that base
 * itself, compete as whole writes from now on: their base is gone.
 */
function left(
  { pending }: ItemState,
  rivals: readonly StoredPut[],
  dead: readonly DeadIncarnation[],
  operation: Put | Delete | Expiry,
): ItemState {
  if (pending === undefined && !rivals.some(({ patch }) => patch !== undefined)) {
    return { siblings: rivals, dead };
  }
  const own = operation.kind === 'put' ? operation.patch?.base : undefined;
  const isGone = (base: Dot) => operation.context.covers(base) && !(own !== undefined && sameDot(own, base));
  const siblings = rivals.map((one): StoredPut => {
    if (one.patch === undefined || !isGone(one.patch.base) || sameDot(one.patch.base, one.dot)) return one;
    return { ...one, patch: { ...one.patch, base: one.dot } };
  });
  return withPending({ siblings, dead }, ofPresentBases(pending, siblings, own));
}

/** The edits of bases that a sibling still goes back to. `own`: a base that is about to have one. */
export function ofPresentBases(
  pending: readonly PendingEdit[] | undefined,
  siblings: readonly StoredPut[],
  own?: Dot,
): readonly PendingEdit[] | undefined {
  return pending?.filter(
    ({ base }) =>
      (own !== undefined && sameDot(own, base)) ||
      siblings.some(({ patch }) => patch !== undefined && sameDot(patch.base, base)),
  );
}

/** Without pending edits the member is left out, so that equal states are equal objects. */
export function withPending(state: ItemState, pending: readonly PendingEdit[] | undefined): ItemState {
  const { siblings, dead } = state;
  return pending === undefined || pending.length === 0 ? { siblings, dead } : { siblings, dead, pending };
}

function applyDelete(state: ItemState, deletion: Delete): ItemState {
  const { incarnations } = deletion;
  const siblings = withoutSuperseded(state.siblings, deletion).filter(
    (sibling) => !incarnations.includes(sibling.incarnation),
  );
  let dead = state.dead;
  for (const incarnation of incarnations) dead = withDeath(dead, incarnation, deletion.dot);
  return left(state, siblings, dead, deletion);
}

/** The siblings that the origin of `operation` had not seen. */
function withoutSuperseded(
  siblings: readonly StoredPut[],
  operation: Put | Delete | Expiry,
): readonly StoredPut[] {
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
  const mark = { incarnation, deletes: [...deletes, dot].sort(compareDots) };
  const others = dead.filter((other) => other.incarnation !== incarnation);
  return [...others, mark].sort((a, b) => a.incarnation - b.incarnation);
}
