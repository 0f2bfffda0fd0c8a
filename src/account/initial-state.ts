import { assert } from '../base/index.ts';
import { ORIGIN_MAX } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { CONSISTENCY_LEVELS, checkConsistencyPolicy } from './consistency-policy.ts';
import { wholeQuorum } from './quorum.ts';
import type { AccountState, Topology } from './state.ts';
import { checkTopology } from './topology.ts';

export interface AccountPlan {
  /** Not `localhost`: the official client ignores the region lists of an account called so. */
  readonly id: string;
  /** Names in failover-priority order, all different. */
  readonly regions: readonly string[];
  readonly multipleWriteRegions: boolean;
  readonly consistency: AccountState['consistency'];
  /** `auto` unless given. */
  readonly topology?: Topology;
}

/** Number 1 is the directory's own log; kept free so that both kinds of log could share one node's stream. */
const FIRST_PARTITION = 2;

/**
 * The state of an account that was never used.
 * @throws DatabaseError `BadRequest` when the plan breaks a rule.
 */
export function initialAccountState(plan: AccountPlan): AccountState {
  assert(CONSISTENCY_LEVELS.includes(plan.consistency.level), 'consistency levels are known words');
  if (plan.id === '' || plan.id === 'localhost') {
    throw new DatabaseError('BadRequest', `An account cannot be called '${plan.id}'.`);
  }
  const { regions } = plan;
  if (regions.length === 0 || new Set(regions).size < regions.length || regions.length > ORIGIN_MAX) {
    throw new DatabaseError('BadRequest', 'An account has at least one region, and no region twice.');
  }
  const records = regions.map((name, index) => ({ name, origin: index + 1 }));
  return {
    revision: 0,
    id: plan.id,
    epoch: 1,
    multipleWriteRegions: plan.multipleWriteRegions,
    // Bounds below the published minimum were permitted by whoever made the plan.
    consistency: checkConsistencyPolicy(plan.consistency, {
      regionCount: regions.length,
      multipleWriteRegions: plan.multipleWriteRegions,
      isUnsafe: true,
    }),
    quorum: wholeQuorum(records, 1),
    topology: checkTopology(plan.topology ?? { kind: 'auto' }, records),
    regions: records,
    retiredOrigins: [],
    next: { database: 1, partition: FIRST_PARTITION, offer: 1, origin: regions.length + 1, script: 1 },
    databases: {},
    containers: {},
    offers: {},
    scripts: {},
  };
}
