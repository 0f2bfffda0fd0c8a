/**
 * Which of several items that claim the same unique value are shown.
 *
 * Regions may accept the same value for different items before they hear of each other. Deciding on arrival
 * would diverge: B loses to C on one key, A lost to B on another; whoever hears of C last must bring A back.
 * So nobody's claim is forgotten, and the verdict is a function of the set of claims.
 */
import { compareWinners, type StoredPut } from './item-state.ts';

/** An item that would be shown if it were alone. */
export interface Claim {
  /** Names the item. */
  readonly key: string;
  readonly put: Pick<StoredPut, 'priority' | 'time' | 'dot'>;
  /** The unique values that it has: no two items that are shown share one. */
  readonly values: readonly string[];
}

/**
 * The keys of those claims that have to give way: the strongest claim stands (see `compareWinners`), then
 * each next one that shares no value with one that stands. Every loser shares a value with a stronger claim
 * that stands. What shares no value with others, directly or through others, has no part in their verdict.
 */
export function losingClaims(claims: readonly Claim[]): ReadonlySet<string> {
  const losing = new Set<string>();
  if (claims.length < 2) return losing;
  const taken = new Set<string>();
  for (const { key, values } of [...claims].sort((a, b) => compareClaims(b, a))) {
    if (values.some((value) => taken.has(value))) losing.add(key);
    else for (const value of values) taken.add(value);
  }
  return losing;
}

/** Writes of one transaction have one dot, so their items' names decide between them. */
function compareClaims(a: Claim, b: Claim): number {
  const byWrite = compareWinners(a.put, b.put);
  if (byWrite !== 0) return byWrite;
  return a.key < b.key ? -1 : a.key === b.key ? 0 : 1;
}
