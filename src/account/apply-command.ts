import { unreachable } from '../base/index.ts';
import { hybridTime, ORIGIN_MAX } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  checkReplacement,
  checkResourceId,
  checkThroughput,
  childRid,
  containerRid,
  DEFAULT_THROUGHPUT,
  databaseRid,
  formatEtag,
  initialRanges,
  offerRid,
  RID_NUMBER_MAX,
  SCRIPTS_MAX,
  type ScriptDefinition,
  type Throughput,
  throughputMin,
  throughputRate,
} from '../resource/index.ts';
import { type AccountChange, withChanges } from './account-change.ts';
import { type AccountLookups, AccountView, own } from './account-view.ts';
import type { Command, CommandResult, CommandResults } from './command.ts';
import { checkConsistencyPolicy } from './consistency-policy.ts';
import { replaceQuorum, wholeQuorum } from './quorum.ts';
import type {
  AccountState,
  ContainerRecord,
  DatabaseRecord,
  OfferRecord,
  PartitionRecord,
  ScriptRecord,
} from './state.ts';
import { checkTopology } from './topology.ts';

/**
 * The rules of the account: which command is allowed in which state, and what it does. Pure: no clock, no
 * chance, nothing awaited, so every process that applies the same commands holds the same account.
 */

/** Containers without throughput of their own that one database's shared throughput carries. */
const SHARED_CONTAINERS_MAX = 25;

/** A command's effect and its answer. */
export interface Decision<R = CommandResults[Command['kind']]> {
  readonly change: AccountChange;
  readonly result: R;
}

/** @throws DatabaseError when the command is not allowed in the view's state. */
export function decide<C extends Command>(view: AccountView, command: C): Decision<CommandResult<C>> {
  return decideAny(view, command) as Decision<CommandResult<C>>;
}

function decideAny(view: AccountView, command: Command): Decision {
  switch (command.kind) {
    case 'createDatabase':
      return createDatabase(view, command);
    case 'deleteDatabase':
      return deleteDatabase(view, command);
    case 'createContainer':
      return createContainer(view, command);
    case 'replaceContainer':
      return replaceContainer(view.state, command);
    case 'deleteContainer':
      return deleteContainer(view, command);
    case 'replaceOffer':
      return replaceOffer(view, command);
    case 'createScript':
      return createScript(view, command);
    case 'replaceScript':
      return replaceScript(view, command);
    case 'deleteScript':
      return deleteScript(view.state, command);
    case 'renewOrigin':
      return renewOrigin(view.state, command);
    case 'changeQuorum':
      return changeQuorum(view.state, command);
    case 'changeConsistency':
      return changeConsistency(view.state, command);
    case 'changeTopology':
      return changeTopology(view.state, command);
    default:
      return unreachable(command);
  }
}

/**
 * The view of the latest state that `applyCommand` came to, so that a run of commands needs no new indexes.
 */
const views = new WeakMap<AccountState, AccountView>();

/**
 * The state after the command, and its answer; `state` itself does not change.
 * @throws DatabaseError when the command is not allowed in this state.
 */
export function applyCommand<C extends Command>(
  state: AccountState,
  command: C,
): { readonly state: AccountState; readonly result: CommandResult<C> } {
  const view = views.get(state) ?? new AccountView(state);
  const { change, result } = decide(view, command);
  const next = withChanges(state, [change]);
  views.delete(state);
  view.moveTo(next, change);
  views.set(next, view);
  return { state: next, result };
}

type Of<K extends Command['kind']> = Extract<Command, { kind: K }>;

function createDatabase(view: AccountView, command: Of<'createDatabase'>): Decision<DatabaseRecord> {
  const { state } = view;
  const id = checkResourceId(command.id);
  const existing = view.findDatabase(id);
  if (existing?.id === id) throw nameTaken();
  const rid = databaseRid(allot(state.next.database, RID_NUMBER_MAX));
  const result: DatabaseRecord = { id, rid, ...stamp(state, command), containersMade: 0 };
  const offers = command.throughput === undefined ? [] : [newOffer(state, rid, command.throughput, command)];
  const next = {
    ...state.next,
    database: state.next.database + 1,
    offer: state.next.offer + offers.length,
  };
  return {
    change: { ...step(state), fields: { next }, databases: { put: [result] }, offers: { put: offers } },
    result,
  };
}

function deleteDatabase(view: AccountView, command: Of<'deleteDatabase'>): Decision<undefined> {
  const { state } = view;
  const database = find(state.databases, command.rid);
  checkMatch(database, command.ifMatch);
  const containers = view.containersOf(database.rid).map(({ rid }) => rid);
  const offers = [database.rid, ...containers].flatMap((rid) => view.offerFor(rid)?.rid ?? []);
  const scripts = containers.flatMap((rid) => scriptRidsOf(view, rid));
  const change = {
    ...step(state),
    databases: { removed: [database.rid] },
    containers: { removed: containers },
    offers: { removed: offers },
    scripts: { removed: scripts },
  };
  return { change, result: undefined };
}

function createContainer(view: AccountView, command: Of<'createContainer'>): Decision<ContainerRecord> {
  const { state } = view;
  const { definition } = command;
  const database = own(state.databases, command.databaseRid);
  if (database === undefined) throw new DatabaseError('OwnerNotFound', 'Owner resource does not exist');
  if (view.findContainer(database.id, definition.id)?.definition.id === definition.id) throw nameTaken();
  const isShared = command.throughput === undefined && view.offerFor(database.rid) !== undefined;
  if (isShared) checkShared(view, database.rid);
  const throughput = isShared ? undefined : (command.throughput ?? DEFAULT_THROUGHPUT);
  const containersMade = allot(database.containersMade + 1, RID_NUMBER_MAX);
  const rid = containerRid(database.rid, containersMade);
  const ranges = initialRanges(definition.partitionKey, throughput && checkThroughput(throughput));
  const partitions = ranges.map(
    (range, index): PartitionRecord => ({
      id: String(index),
      number: state.next.partition + index,
      range,
      parents: [],
    }),
  );
  const offers = throughput === undefined ? [] : [newOffer(state, rid, throughput, command)];
  const result: ContainerRecord = {
    databaseRid: database.rid,
    rid,
    ...stamp(state, command),
    definition,
    partitions,
  };
  const next = {
    ...state.next,
    partition: state.next.partition + ranges.length,
    offer: state.next.offer + offers.length,
  };
  const change = {
    ...step(state),
    fields: { next },
    databases: { put: [{ ...database, containersMade }] },
    containers: { put: [result] },
    offers: { put: offers },
  };
  return { change, result };
}

function checkShared(view: AccountView, database: string): void {
  const sharing = view.containersOf(database).filter(({ rid }) => view.offerFor(rid) === undefined).length;
  if (sharing < SHARED_CONTAINERS_MAX) return;
  throw new DatabaseError(
    'BadRequest',
    `The throughput of a database is shared by at most ${SHARED_CONTAINERS_MAX} containers; ` +
      'create this one with throughput of its own.',
  );
}

function replaceContainer(state: AccountState, command: Of<'replaceContainer'>): Decision<ContainerRecord> {
  const old = find(state.containers, command.rid);
  checkMatch(old, command.ifMatch);
  checkReplacement(old.definition, command.definition);
  const result: ContainerRecord = { ...old, ...stamp(state, command), definition: command.definition };
  return { change: { ...step(state), containers: { put: [result] } }, result };
}

function deleteContainer(view: AccountView, command: Of<'deleteContainer'>): Decision<undefined> {
  const { state } = view;
  const container = find(state.containers, command.rid);
  checkMatch(container, command.ifMatch);
  const offer = view.offerFor(container.rid);
  const change = {
    ...step(state),
    containers: { removed: [container.rid] },
    offers: { removed: offer === undefined ? [] : [offer.rid] },
    scripts: { removed: scriptRidsOf(view, container.rid) },
  };
  return { change, result: undefined };
}

function replaceOffer(view: AccountView, command: Of<'replaceOffer'>): Decision<OfferRecord> {
  const { state } = view;
  const old = find(state.offers, command.rid);
  checkMatch(old, command.ifMatch);
  const throughput = checkThroughput(command.throughput);
  const rate = throughputRate(throughput);
  const least = offerMinimum(view, old, { kind: throughput.kind, storedGb: command.storedGb ?? 0 });
  if (rate < least) {
    throw new DatabaseError(
      'BadRequest',
      `The throughput of this resource cannot be less than ${least}, not ${rate}.`,
    );
  }
  const result: OfferRecord = {
    ...old,
    ...stamp(state, command),
    throughput,
    maxThroughputEverProvisioned: Math.max(old.maxThroughputEverProvisioned, rate),
  };
  return { change: { ...step(state), offers: { put: [result] } }, result };
}

/** The least throughput that the offer may be replaced by, in request units per second. */
export function offerMinimum(
  view: Pick<AccountLookups, 'containersOf' | 'offerFor'>,
  offer: OfferRecord,
  { kind, storedGb = 0 }: { readonly kind: Throughput['kind']; readonly storedGb?: number },
): number {
  const sharing = view.containersOf(offer.resourceRid).filter(({ rid }) => view.offerFor(rid) === undefined);
  const highestEver = offer.maxThroughputEverProvisioned;
  return throughputMin(kind, { highestEver, storedGb, sharedBy: sharing.length });
}

function createScript(view: AccountView, command: Of<'createScript'>): Decision<ScriptRecord> {
  const { state } = view;
  const { containerRid, definition } = command;
  if (own(state.containers, containerRid) === undefined) {
    throw new DatabaseError('OwnerNotFound', 'Owner resource does not exist');
  }
  checkScriptName(view, containerRid, definition);
  const most = SCRIPTS_MAX[definition.kind];
  if (view.scriptsOf(containerRid, definition.kind).length >= most) {
    throw new DatabaseError('Forbidden', `A container has at most ${most} scripts of this kind.`);
  }
  const rid = childRid(definition.kind, containerRid, state.next.script);
  const result: ScriptRecord = { containerRid, rid, ...stamp(state, command), definition };
  const next = { ...state.next, script: state.next.script + 1 };
  return { change: { ...step(state), fields: { next }, scripts: { put: [result] } }, result };
}

function replaceScript(view: AccountView, command: Of<'replaceScript'>): Decision<ScriptRecord> {
  const { state } = view;
  const old = find(state.scripts, command.rid);
  checkMatch(old, command.ifMatch);
  const { definition } = command;
  if (definition.kind !== old.definition.kind || definition.id !== old.definition.id) {
    throw new DatabaseError('BadRequest', 'The id of a script cannot be changed.');
  }
  const result: ScriptRecord = { ...old, ...stamp(state, command), definition };
  return { change: { ...step(state), scripts: { put: [result] } }, result };
}

function deleteScript(state: AccountState, command: Of<'deleteScript'>): Decision<undefined> {
  const script = find(state.scripts, command.rid);
  checkMatch(script, command.ifMatch);
  return { change: { ...step(state), scripts: { removed: [script.rid] } }, result: undefined };
}

function checkScriptName(view: AccountView, containerRid: string, { kind, id }: ScriptDefinition): void {
  if (view.findScript(containerRid, kind, id)?.definition.id === id) throw nameTaken();
}

const SCRIPT_KINDS = Object.keys(SCRIPTS_MAX) as ScriptDefinition['kind'][];

function scriptRidsOf(view: AccountView, containerRid: string): string[] {
  return SCRIPT_KINDS.flatMap((kind) => view.scriptsOf(containerRid, kind).map(({ rid }) => rid));
}

function renewOrigin(state: AccountState, command: Of<'renewOrigin'>): Decision {
  const region = state.regions.find(({ name }) => name === command.region);
  if (region === undefined) {
    throw new DatabaseError('NotFound', `The account has no region '${command.region}'.`);
  }
  const result = { ...region, origin: allot(state.next.origin, ORIGIN_MAX) };
  const fields = {
    epoch: state.epoch + 1,
    regions: state.regions.map((each) => (each === region ? result : each)),
    retiredOrigins: [...state.retiredOrigins, region.origin],
    // The new life is a member in the old one's place: nothing more is answered before it has caught up.
    quorum: {
      epoch: state.quorum.epoch + 1,
      origins: state.quorum.origins.map((origin) => (origin === region.origin ? result.origin : origin)),
    },
    next: { ...state.next, origin: state.next.origin + 1 },
  };
  return { change: { ...step(state), fields }, result };
}

function changeQuorum(state: AccountState, command: Of<'changeQuorum'>): Decision {
  const quorum = replaceQuorum(state, command.expectedEpoch, command.origins);
  return { change: { ...step(state), fields: { quorum } }, result: quorum };
}

function changeConsistency(state: AccountState, command: Of<'changeConsistency'>): Decision {
  const { regions, multipleWriteRegions } = state;
  const consistency = checkConsistencyPolicy(command.consistency, {
    regionCount: regions.length,
    multipleWriteRegions,
    isUnsafe: command.isUnsafe ?? false,
  });
  // Nobody has kept the set while nothing rested on it.
  const quorum = wholeQuorum(regions, state.quorum.epoch + 1);
  const isTurnedOn = consistency.level === 'Strong' && state.consistency.level !== 'Strong';
  const fields = isTurnedOn ? { consistency, quorum } : { consistency };
  return { change: { ...step(state), fields }, result: consistency };
}

function changeTopology(state: AccountState, command: Of<'changeTopology'>): Decision {
  const topology = checkTopology(command.topology, state.regions);
  return { change: { ...step(state), fields: { topology } }, result: topology };
}

function step(state: AccountState): { readonly revision: number } {
  return { revision: state.revision + 1 };
}

/** Revisions never repeat, so neither do etags; 0 is no region's origin. */
function stamp(state: AccountState, { timeMs }: { readonly timeMs: number }) {
  const etag = formatEtag({ origin: 0, n: state.revision + 1, time: hybridTime(timeMs) });
  return { etag, ts: Math.floor(timeMs / 1000) };
}

function newOffer(
  state: AccountState,
  resourceRid: string,
  throughput: Throughput,
  command: { readonly timeMs: number },
): OfferRecord {
  return {
    rid: offerRid(allot(state.next.offer, RID_NUMBER_MAX)),
    ...stamp(state, command),
    resourceRid,
    throughput: checkThroughput(throughput),
    maxThroughputEverProvisioned: throughputRate(throughput),
  };
}

function find<T>(records: Readonly<Record<string, T>>, rid: string): T {
  const record = own(records, rid);
  if (record !== undefined) return record;
  throw new DatabaseError('NotFound', 'Entity with the specified id does not exist in the system.');
}

function checkMatch(record: { readonly etag: string }, ifMatch: string | undefined): void {
  if (ifMatch === undefined || ifMatch === '*' || ifMatch === record.etag) return;
  throw new DatabaseError('PreconditionFailed', 'One of the specified pre-condition is not met');
}

function nameTaken(): DatabaseError {
  return new DatabaseError('Conflict', 'Resource with specified id or name already exists.');
}

function allot(number: number, max: number): number {
  if (number <= max) return number;
  throw new DatabaseError('Forbidden', `The account has used up its ${max} numbers of this kind.`);
}
