import type { AccountState } from '../account/index.ts';
import type { RegionStatus } from '../api/fault/index.ts';
import { VersionVector } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type Runtime, sleep } from '../runtime/index.ts';

const POLL_MS = 20;
const PATIENCE_MS = 600_000;

/** How far a region has come. */
export type Progress = Pick<RegionStatus, 'partitions'>;

/**
 * Whether the region's storage life began after the account's: it has to learn what the others know before
 * it may write.
 */
export function needsCatchingUp(state: AccountState, region: string): boolean {
  const record = state.regions.find((candidate) => candidate.name === region);
  return record !== undefined && record.origin > state.regions.length;
}

export interface CatchingUp {
  readonly runtime: Runtime;
  /** How far the region itself has come; undefined: not known now. */
  readonly own: () => Progress | undefined;
  readonly others: () => Promise<readonly (Progress | undefined)[]>;
  /** The account's membership epoch. */
  readonly epoch: () => number;
  /** False once the region was stopped meanwhile. */
  readonly isWanted?: () => boolean;
}

/**
 * Waits until a region has everything that the others had when it asked: until then its writes could not
 * say what they have seen, and collection elsewhere relies on that they do. It asks again when the membership
 * changes meanwhile: one of those others may have lost its disk, and with it writes that nobody has any more.
 * @throws DatabaseError `ServiceUnavailable` when it does not get there within ten minutes, or was stopped.
 */
export async function catchUp(options: CatchingUp): Promise<void> {
  const { runtime, own, others, epoch, isWanted = () => true } = options;
  const deadlineMs = runtime.monotonicMs() + PATIENCE_MS;
  let askedIn = epoch();
  let goals = goalsOf(await others());
  for (;;) {
    if (!isWanted())
      throw new DatabaseError('ServiceUnavailable', 'The region was stopped while it caught up.');
    if (epoch() !== askedIn) {
      askedIn = epoch();
      goals = goalsOf(await others());
    }
    if (isThere(own(), goals)) return;
    if (runtime.monotonicMs() > deadlineMs)
      throw new DatabaseError('ServiceUnavailable', 'The region does not catch up.');
    await sleep(runtime, POLL_MS);
  }
}

function goalsOf(answers: readonly (Progress | undefined)[]): Map<string, VersionVector> {
  const goals = new Map<string, VersionVector>();
  for (const status of answers) {
    for (const { container, pkRangeId, vector } of status?.partitions ?? []) {
      const key = `${container} ${pkRangeId}`;
      const goal = goals.get(key) ?? new VersionVector();
      goal.join(new VersionVector(vector));
      goals.set(key, goal);
    }
  }
  return goals;
}

function isThere(status: Progress | undefined, goals: ReadonlyMap<string, VersionVector>): boolean {
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
