import type { Origin } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { AccountState } from './state.ts';

/**
 * How many of `regionCount` regions must hold a Strong write at the least: 2 of 2, 2 of 3, 3 of 4 and 5,
 * …
 */
function quorumMin(regionCount: number): number {
  return Math.floor(regionCount / 2) + 1;
}

/**
 * The quorum set after it was replaced by `origins`.
 * @throws DatabaseError `Conflict` when it is no longer the one of `expectedEpoch`, `BadRequest` when the new
 * one lacks the write region or a majority of all regions: two such sets always share a region, so what one
 * made durable the next one knows.
 */
export function replaceQuorum(
  state: AccountState,
  expectedEpoch: number,
  origins: readonly Origin[],
): AccountState['quorum'] {
  if (state.quorum.epoch !== expectedEpoch) {
    throw new DatabaseError('Conflict', `The quorum set is that of epoch ${state.quorum.epoch} by now.`);
  }
  const members = state.regions.map((region) => region.origin);
  const kept = members.filter((origin) => origins.includes(origin));
  const writer = members[0];
  if (kept.length !== origins.length || writer === undefined || !kept.includes(writer)) {
    throw new DatabaseError('BadRequest', 'A quorum set consists of the write region and other regions.');
  }
  if (kept.length < quorumMin(members.length)) {
    throw new DatabaseError(
      'BadRequest',
      `A quorum set of ${members.length} regions has at least ${quorumMin(members.length)} members.`,
    );
  }
  return { epoch: expectedEpoch + 1, origins: kept };
}

/** The quorum set of an account whose regions are all well. */
export function wholeQuorum(regions: AccountState['regions'], epoch: number): AccountState['quorum'] {
  return { epoch, origins: regions.map((region) => region.origin) };
}
