import type { Origin } from '../causality/index.ts';

export interface RelayQuestion {
  /** Origin of the region that is asked. */
  readonly home: Origin;
  readonly self: Origin;
  /** Origins of all current members. */
  readonly members: Iterable<Origin>;
  /** Storage lives that ended: their homes are gone, their writes stand in the logs of others. */
  readonly retired: Iterable<Origin>;
  /** Members that this region pulls from without trouble. */
  readonly reachable: ReadonlySet<Origin>;
  /** Origins whose entries something has waited for in vain. */
  readonly missed: Iterable<Origin>;
}

/**
 * Whose entries to ask a source for, in rising order. Each region answers for its own writes; the writes
 * of one that cannot be reached, is gone, or is too slow for what depends on them, are asked of
 * everybody. That makes any connected graph of links enough (trap: causal delivery stalls without
 * relaying), and costs nothing when all links are up.
 */
export function wantedOrigins(question: RelayQuestion): Origin[] {
  const wanted = new Set<Origin>([question.home, ...question.retired, ...question.missed]);
  for (const member of question.members) if (!question.reachable.has(member)) wanted.add(member);
  wanted.delete(question.self);
  return [...wanted].sort((a, b) => a - b);
}
