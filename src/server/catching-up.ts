import type { AccountState } from '../account/index.ts';
import type { RegionStatus } from '../api/fault/index.ts';
import { VersionVector } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type Runtime, sleep } from '../runtime/index.ts';

const POLL_MS = 20;
const PATIENCE_MS = 600_000;

/**
 * Whether the region's storage life began after the account's: it has to learn what the others know before
 * it may write.
 */
export function needsCatchingUp(state: AccountState, region: string): boolean {
  const record = state.regions.find((candidate) => candidate.name === region);
  return record !== undefined && record.origin > state.regions.length;
}

/**
 * Waits until a region has everything that the others had when it asked: until then its writes could not
 * say what they have seen, and collection elsewhere relies on that they do.
 * @throws DatabaseError `ServiceUnavailable` when it does not get there within ten minutes.
 */
export async function catchUp(
  runtime: Runtime,
  own: () => RegionStatus | undefined,
  others: () => Promise<readonly (RegionStatus | undefined)[]>,
): Promise<void> {
  const goals = new Map<string, VersionVector>();
  for (const status of await others()) {
    for (const { container, pkRangeId, vector } of status?.partitions ?? []) {
      const key = `${container} ${pkRangeId}`;
      const goal = goals.get(key) ?? new VersionVector();
      goal.join(new VersionVector(vector));
      goals.set(key, goal);
    }
  }
  const deadlineMs = runtime.monotonicMs() + PATIENCE_MS;
  while (!isThere(own(), goals)) {
    if (runtime.monotonicMs() > deadlineMs)
      throw new DatabaseError('ServiceUnavailable', 'The region does not catch up.');
    await sleep(runtime, POLL_MS);
  }
}

function isThere(status: RegionStatus | undefined, goals: ReadonlyMap<string, VersionVector>): boolean {
  if (status === undefined) return false;
  const vectors = new Map(
    status.partitions.map(({ container, pkRangeId, vector }) => [
      `${container} ${pkRangeId}`,
      new VersionVector(vector),
    ]),
  );
  for (const [key, goal] of goals) if (vectors.get(key)?.coversAll(goal) !== true) return false;
  return true;
}
