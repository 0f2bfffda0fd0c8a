import { DatabaseError } from '../errors/index.ts';
import type { AccountState, ConsistencyLevel } from './state.ts';

/** From weak to strong. */
export const CONSISTENCY_LEVELS: readonly ConsistencyLevel[] = [
  'Eventual',
  'ConsistentPrefix',
  'Session',
  'BoundedStaleness',
  'Strong',
];

/** Published limits of BoundedStaleness: what one region can keep is far less than what several need. */
export const STALENESS_MIN = {
  one: { operations: 10, seconds: 5 },
  several: { operations: 100_000, seconds: 300 },
} as const;
export const STALENESS_MAX = { operations: 2_147_483_647, seconds: 86_400 } as const;

/** Whether `asked` promises more than `level` does. */
export function isStronger(asked: ConsistencyLevel, level: ConsistencyLevel): boolean {
  return CONSISTENCY_LEVELS.indexOf(asked) > CONSISTENCY_LEVELS.indexOf(level);
}

/**
 * The policy, if an account of `regionCount` regions can keep it. `isUnsafe` permits bounds below the
 * published minimum. @throws DatabaseError `BadRequest` saying what is wrong.
 */
export function checkConsistencyPolicy(
  policy: AccountState['consistency'],
  account: {
    readonly regionCount: number;
    readonly multipleWriteRegions: boolean;
    readonly isUnsafe: boolean;
  },
): AccountState['consistency'] {
  if (!CONSISTENCY_LEVELS.includes(policy.level)) {
    throw new DatabaseError('BadRequest', `There is no consistency level '${String(policy.level)}'.`);
  }
  if (policy.level === 'Strong' && account.multipleWriteRegions) {
    throw new DatabaseError(
      'BadRequest',
      'Strong consistency is not available on an account with several write regions.',
    );
  }
  const min = account.regionCount > 1 ? STALENESS_MIN.several : STALENESS_MIN.one;
  const bounds = [
    ['operations', policy.stalenessOperations],
    ['seconds', policy.stalenessSeconds],
  ] as const;
  for (const [bound, value] of bounds) {
    const least = account.isUnsafe ? 1 : min[bound];
    if (Number.isSafeInteger(value) && value >= least && value <= STALENESS_MAX[bound]) continue;
    throw new DatabaseError(
      'BadRequest',
      `The staleness bound must be from ${least} to ${STALENESS_MAX[bound]} ${bound}, not ${value}.`,
    );
  }
  return policy;
}
