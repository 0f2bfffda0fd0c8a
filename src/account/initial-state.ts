import { assert } from '../base/index.ts';
import { ORIGIN_MAX } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { AccountState, ConsistencyLevel } from './state.ts';

export interface AccountPlan {
  /** Not `localhost`: the official client ignores the region lists of an account called so. */
  readonly id: string;
  /** Names in failover-priority order, all different. */
  readonly regions: readonly string[];
  readonly multipleWriteRegions: boolean;
  readonly consistency: AccountState['consistency'];
}

/** Number 1 is the directory's own log; kept free so that both kinds of log could share one node's stream. */
const FIRST_PARTITION = 2;

const LEVELS: readonly ConsistencyLevel[] = [
  'Strong',
  'BoundedStaleness',
  'Session',
  'ConsistentPrefix',
  'Eventual',
];

/**
 * The state of an account that was never used.
 * @throws DatabaseError `BadRequest` when the plan breaks a rule.
 */
export function initialAccountState(plan: AccountPlan): AccountState {
  assert(LEVELS.includes(plan.consistency.level), 'consistency levels are known words');
  if (plan.id === '' || plan.id === 'localhost') {
    throw new DatabaseError('BadRequest', `An account cannot be called '${plan.id}'.`);
  }
  const { regions } = plan;
  if (regions.length === 0 || new Set(regions).size < regions.length || regions.length > ORIGIN_MAX) {
    throw new DatabaseError('BadRequest', 'An account has at least one region, and no region twice.');
  }
  return {
    revision: 0,
    id: plan.id,
    epoch: 1,
    multipleWriteRegions: plan.multipleWriteRegions,
    consistency: plan.consistency,
    regions: regions.map((name, index) => ({ name, origin: index + 1 })),
    retiredOrigins: [],
    next: { database: 1, partition: FIRST_PARTITION, offer: 1, origin: regions.length + 1 },
    databases: {},
    containers: {},
    offers: {},
  };
}
