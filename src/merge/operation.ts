import type { Dot, HybridTime, VersionVector } from '../causality/index.ts';
import type { PathEdit } from '../resource/index.ts';

/**
 * Number of an item's *incarnation*, unique in its partition set: a create makes a new one, a replace keeps
 * it. It also is the low half of the item's resource id, and grows with the order of insertion.
 */
export type Incarnation = number;

interface Operation {
  readonly dot: Dot;
  /**
   * The origin's version vector at the moment of the write, its own earlier writes included, this one not.
   */
  readonly context: VersionVector;
  readonly time: HybridTime;
}

/** A create (new incarnation) or a replace (known incarnation): both bring a whole body. */
export interface Put extends Operation {
  readonly kind: 'put';
  readonly incarnation: Incarnation;
  /**
   * The number at the container's conflict resolution path; undefined when it holds none, or the path is
   * `/_ts`.
   */
  readonly priority: number | undefined;
  /** The item's own time to live in seconds, -1 for never; undefined when it has none. */
  readonly ttl?: number | undefined;
  /** For a write that changed only some places of the item; undefined for one of the whole item. */
  readonly patch?: Patch | undefined;
  /** Whether this write is kept as a conflict where it loses: its container has no rule to decide. */
  readonly keeps?: true | undefined;
  /** The same where a concurrent delete ends its item: a procedure is to decide whether it stays ended. */
  readonly contestsDeletes?: true | undefined;
  /** Whether the item stays out of indexes with this write; queries pass it by. */
  readonly isUnindexed?: true | undefined;
  /** What its origin saw lose, and covers with this write; see conflict.ts. */
  readonly losers?: readonly Loser[] | undefined;
  /** The complete item as JSON text, as its origin showed it after the write. */
  readonly body: Uint8Array;
}

/** A write that lost against a concurrent one, kept for somebody to decide. */
export interface Loser {
  readonly dot: Dot;
  readonly time: HybridTime;
  readonly incarnation: Incarnation;
  /** Whether it was about another incarnation than the winner: two creates of one item. */
  readonly isCreate: boolean;
  /** Whether a merge procedure could not decide it, so that it is for people; see Refer. */
  readonly isReferred?: true | undefined;
  /** Whether it lost against a delete. */
  readonly isTombstone?: true | undefined;
  readonly body: Uint8Array;
}

/** What a partial write did, so that it can be merged with concurrent ones. */
export interface Patch {
  /** The whole write that the patched item goes back to: patches merge with patches of the same base only. */
  readonly base: Dot;
  /** In the order in which they were applied. */
  readonly edits: readonly PathEdit[];
}

/** Ends the incarnations that its origin could see. */
export interface Delete extends Operation {
  readonly kind: 'delete';
  readonly incarnations: readonly Incarnation[];
  /** As a put's. */
  readonly losers?: readonly Loser[] | undefined;
}

/** Somebody has dealt with conflicts of the item: they are conflicts, and candidates to win, no more. */
export interface Settle extends Operation {
  readonly kind: 'settle';
  /** The losing writes. */
  readonly conflicts: readonly Dot[];
}

/** Nobody but people can deal with conflicts of the item: they stay what they are, and are to be shown. */
export interface Refer extends Operation {
  readonly kind: 'refer';
  /** The losing writes. */
  readonly conflicts: readonly Dot[];
}

/**
 * Takes away what its origin had seen, once that had expired: it ends no incarnation, so a write that is
 * concurrent with it stays, whatever it is.
 */
export interface Expiry extends Operation {
  readonly kind: 'expire';
  /** As a put's. */
  readonly losers?: readonly Loser[] | undefined;
}

export type ItemOperation = Put | Delete | Expiry | Settle | Refer;
