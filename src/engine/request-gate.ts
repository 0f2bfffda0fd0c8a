/**
 * What stands between a request and its partition: the consistency demand, the session token, the write role.
 */
import {
  type AccountState,
  type ConsistencyLevel,
  isStronger,
  type PartitionRecord,
} from '../account/index.ts';
import {
  formatSessionToken,
  type Origin,
  parseSessionTokens,
  type VersionVector,
} from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Partition } from '../partition/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { ContainerHandle } from './container-handle.ts';
import type { AnswerHead, RequestContext } from './engine.ts';

/** @throws DatabaseError `BadRequest` when the request asks for more than the account promises. */
export function checkConsistency(state: AccountState, asked: ConsistencyLevel | undefined): void {
  if (asked === undefined) return;
  if (isStronger(asked, state.consistency.level)) {
    throw new DatabaseError(
      'BadRequest',
      `ConsistencyLevel ${asked} specified in the request is invalid when service is configured with ` +
        `consistency level ${state.consistency.level}. ` +
        'Ensure the request consistency level is not stronger than the service consistency level.',
    );
  }
}

/**
 * @throws DatabaseError `BadRequest` (substatus 1024) when the caller means another incarnation of the
 * container.
 */
export function checkIntendedContainer(handle: ContainerHandle, context: RequestContext): void {
  const intended = context.intendedContainerRid;
  if (intended !== undefined && intended !== handle.record.rid) {
    throw new DatabaseError(
      'IntendedContainerMismatch',
      `The container is not the one with rid '${intended}' that the request is meant for.`,
    );
  }
}

/** @throws DatabaseError `WriteForbidden` in a region that takes no writes. */
export function checkWriteRole(state: AccountState, region: string): void {
  if (state.multipleWriteRegions || state.regions[0]?.name === region) return;
  throw new DatabaseError('WriteForbidden', `Writes are not allowed in the region '${region}'.`);
}

/** What the session token of a request demands of a partition. */
export function sessionDemand(record: PartitionRecord, context: RequestContext): VersionVector | undefined {
  if (context.sessionToken === undefined || context.sessionToken === '') return undefined;
  return parseSessionTokens(context.sessionToken, [record.id, ...record.parents]);
}

/** Waits for `demand`, at most `patienceMs`; false when the partition did not get there. */
export async function waitFor(
  runtime: Runtime,
  partition: Partition,
  demand: VersionVector,
  patienceMs: number,
): Promise<boolean> {
  const covering = partition.covering(demand);
  if (covering === undefined) return true;
  const reached = covering.promise.then(() => true);
  let cancel: () => void = () => undefined;
  const tooLate = new Promise<false>((resolve) => {
    cancel = runtime.after(patienceMs, () => resolve(false));
  });
  const isReached = await Promise.race([reached, tooLate]);
  cancel();
  if (!isReached) covering.cancel();
  return isReached;
}

/**
 * Regions worth asking for what `vector` lacks of `demand`: the homes of the missing writes first, then the
 * write region.
 */
export function regionsThatLead(
  state: AccountState,
  self: string,
  vector: VersionVector,
  demand: VersionVector,
): string[] {
  const missing = new Set<Origin>();
  for (const [origin, n] of demand.entries()) if (n > vector.get(origin)) missing.add(origin);
  const homes = state.regions.filter((region) => missing.has(region.origin));
  const others = state.regions.filter((region) => !missing.has(region.origin));
  return [...homes, ...others].map((region) => region.name).filter((name) => name !== self);
}

/** States are immutable, and every answer needs the origins of the present one. */
const knownOrigins = new WeakMap<AccountState, readonly Origin[]>();

/** Every origin that ever was, in rising order: a session token lists them all. */
function originsOf(state: AccountState): readonly Origin[] {
  let origins = knownOrigins.get(state);
  if (origins === undefined) {
    const all = [...state.regions.map((region) => region.origin), ...state.retiredOrigins];
    origins = all.sort((a, b) => a - b);
    knownOrigins.set(state, origins);
  }
  return origins;
}

export function sessionTokenOf(state: AccountState, rangeId: string, vector: VersionVector): string {
  return formatSessionToken(rangeId, { version: state.epoch, vector }, originsOf(state));
}

export function headOf(
  state: AccountState,
  handle: ContainerHandle,
  record: PartitionRecord,
  partition: Partition,
  charge: number,
  basedOn: number = partition.durableLsn,
): AnswerHead {
  return {
    containerRid: handle.record.rid,
    containerPath: handle.path,
    rangeId: record.id,
    sessionToken: sessionTokenOf(state, record.id, partition.vector),
    lsn: partition.durableLsn,
    basedOn,
    charge,
  };
}
