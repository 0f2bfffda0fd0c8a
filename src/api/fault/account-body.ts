import type { AccountState, Command, ConsistencyLevel, Topology } from '../../account/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { Origin } from '../../causality/index.ts';
import { DatabaseError } from '../../errors/index.ts';

/** What `GET /account` shows: decided once for all regions. */
export function accountBody(state: AccountState): JsonObject {
  const { id, epoch, multipleWriteRegions, regions, consistency, quorum, topology } = state;
  return {
    id,
    epoch,
    multipleWriteRegions,
    regions: regions.map(({ name }) => name),
    consistency: { ...consistency },
    quorum: { epoch: quorum.epoch, regions: quorum.origins.map((origin) => nameOfOrigin(state, origin)) },
    topology: { ...topology },
  };
}

/** The region that writes under an origin; a former life of some region is shown by its number. */
export function nameOfOrigin({ regions }: AccountState, origin: Origin): string {
  return regions.find((region) => region.origin === origin)?.name ?? `former origin ${origin}`;
}

/**
 * The commands that a `PATCH /account` body asks for. The account's own rules are checked where it is
 * decided. @throws DatabaseError `BadRequest` for what is not a body of that kind.
 */
export function accountCommands(body: Json | undefined, state: AccountState): Command[] {
  if (!isJsonObject(body)) throw new DatabaseError('BadRequest', 'The body must be a JSON object.');
  const { consistency, topology, unsafeBounds, ...unknown } = body;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) {
    throw new DatabaseError('BadRequest', `'${stranger}' cannot be changed; consistency and topology can.`);
  }
  const commands: Command[] = [];
  if (consistency !== undefined) {
    const isUnsafe = unsafeBounds === true;
    commands.push({ kind: 'changeConsistency', consistency: policyOf(consistency, state), isUnsafe });
  }
  if (topology !== undefined) {
    if (!isJsonObject(topology)) throw new DatabaseError('BadRequest', 'topology must be an object.');
    commands.push({ kind: 'changeTopology', topology: topology as unknown as Topology });
  }
  return commands;
}

/** What is left out stays as it is. */
function policyOf(body: Json, state: AccountState): AccountState['consistency'] {
  if (!isJsonObject(body)) throw new DatabaseError('BadRequest', 'consistency must be an object.');
  const { level, stalenessOperations, stalenessSeconds } = { ...state.consistency, ...body };
  return {
    level: level as ConsistencyLevel,
    stalenessOperations: Number(stalenessOperations),
    stalenessSeconds: Number(stalenessSeconds),
  };
}
