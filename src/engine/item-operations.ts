/**
 * Point operations on items. Each resolves its container and partition, passes the gate, and hands the
 * partition a decision to take atomically against the newest state.
 */
import type { Directory, PartitionRecord } from '../account/index.ts';
import type { JsonObject } from '../base/index.ts';
import type { VersionVector } from '../causality/index.ts';
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import { etagOf, type HeldItem, idIn, itemKey, Partition } from '../partition/index.ts';
import { beginEnvironment, matchesCondition } from '../query/index.ts';
import {
  completeKey,
  effectivePartitionKey,
  matchPartitionKey,
  type PartitionKey,
  parsePatch,
  parseRid,
  type ReadItem,
  readItem,
} from '../resource/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { AnswerError } from './answer-error.ts';
import { LOOKUP_CHARGE, readCharge } from './charge.ts';
import { type ContainerHandle, partitionFor } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type { AnswerHead, ItemAnswer, ItemTarget, ItemWrite, RequestContext } from './engine.ts';
import { firstAnswer } from './first-answer.ts';
import type { Forwarder } from './forwarding.ts';
import {
  asBuffer,
  type Decide,
  decideCreate,
  decideDelete,
  decidePatch,
  decideReplace,
  decideUpsert,
  idOf,
  parseJson,
  readReplacement,
  writeCharge,
} from './item-decision.ts';
import type { LevelGate } from './level-gate.ts';
import {
  checkConsistency,
  checkIntendedContainer,
  checkWriteRole,
  headOf,
  regionsThatLead,
  sessionDemand,
  waitFor,
} from './request-gate.ts';

export interface ItemOperationsOptions {
  readonly runtime: Runtime;
  readonly region: string;
  readonly directory: Directory;
  readonly containers: Containers;
  /** Undefined for an engine that answers forwarded requests: those go no further. */
  readonly forwarder: Forwarder | undefined;
  readonly gate: LevelGate;
  /** How long a request waits for its session token before another region is asked, in milliseconds. */
  readonly sessionPatienceMs: number;
  /** How long a write waits while the store lags too far behind, in milliseconds. */
  readonly roomPatienceMs: number;
  /** Resolves when the store has room for more writes; undefined when it has. */
  readonly room: () => Promise<void> | undefined;
}

/** An item's place: its container and the partition that owns it. */
interface Place {
  readonly handle: ContainerHandle;
  readonly record: PartitionRecord;
  readonly partition: Partition;
  readonly key: string;
}

/** Why another region cannot tell; `OwnerNotFound`: it has not heard of the container yet. */
const NO_ANSWER: readonly ErrorCode[] = ['ServiceUnavailable', 'ReadSessionNotAvailable', 'OwnerNotFound'];

export class ItemOperations {
  readonly #options: ItemOperationsOptions;

  constructor(options: ItemOperationsOptions) {
    this.#options = options;
  }

  // --- reads -------------------------------------------------------------------------------------------

  /**
   * Synchronous when the item is at hand and nothing has to be waited for: no promise on the hottest path.
   */
  read(target: ItemTarget): ItemAnswer | Promise<ItemAnswer> {
    const { handle, record, key } = this.#locate(target);
    const partition = this.#options.containers.partition(handle, record);
    if (partition instanceof Partition) return this.#readFrom({ handle, record, partition, key }, target);
    return partition.then((opened) => this.#readFrom({ handle, record, partition: opened, key }, target));
  }

  #readFrom(place: Place, target: ItemTarget): ItemAnswer | Promise<ItemAnswer> {
    const demand = sessionDemand(place.record, target);
    if (demand !== undefined && !place.partition.vector.coversAll(demand))
      return this.#readLater(place, target);
    const item = place.partition.lookup(place.key);
    const settled = place.partition.settled(item?.lsn ?? 0);
    if (settled === undefined) return this.#readAnswer(place, target, item);
    return settled.then(() => this.#readAnswer(place, target, item));
  }

  async #readLater(place: Place, target: ItemTarget): Promise<ItemAnswer> {
    const demand = sessionDemand(place.record, target);
    if (demand === undefined || (await this.reach(place.partition, demand))) {
      this.#options.containers.requireOpen(place.record, place.partition);
      return this.#readFrom(place, target);
    }
    return this.forwardOrRefuse(place, demand, (forwarder, region) =>
      forwarder.call(region, { kind: 'read', request: target }),
    ) as Promise<ItemAnswer>;
  }

  /** Waits for a session token's demand; false when the partition did not get there, or never will. */
  async reach(partition: Partition, demand: VersionVector): Promise<boolean> {
    const { runtime, gate, sessionPatienceMs } = this.#options;
    if (gate.isLost(partition.number, demand)) return false;
    return waitFor(runtime, partition, demand, sessionPatienceMs);
  }

  /** Asks the others, whoever is ahead first; the token cannot be served (404/1002) when none can answer. */
  async forwardOrRefuse<T>(
    place: Omit<Place, 'key'>,
    demand: VersionVector,
    ask?: (forwarder: Forwarder, region: string) => Promise<T>,
  ): Promise<T> {
    const { runtime, forwarder, directory, region, gate } = this.#options;
    if (ask !== undefined && forwarder !== undefined && !gate.isLost(place.partition.number, demand)) {
      const others = regionsThatLead(directory.state, region, place.partition.vector, demand);
      const asks = others.map((other) => () => ask(forwarder, other));
      const answer = await firstAnswer(runtime, asks, NO_ANSWER);
      if (answer !== undefined) return answer;
    }
    throw new AnswerError(
      'ReadSessionNotAvailable',
      'The read session is not available for the input session token.',
      headOf(directory.state, place.handle, place.record, place.partition, LOOKUP_CHARGE),
    );
  }

  #readAnswer(place: Place, target: ItemTarget, item: HeldItem | undefined): ItemAnswer {
    const { state } = this.#options.directory;
    const visible = place.partition.shown(item);
    if (visible === undefined) {
      throw new AnswerError(
        'NotFound',
        'Entity with the specified id does not exist in the system.',
        headOf(state, place.handle, place.record, place.partition, LOOKUP_CHARGE, restsOn(place, item)),
      );
    }
    const etag = etagOf(visible);
    const isUnchanged =
      target.ifNoneMatch !== undefined && (target.ifNoneMatch === etag || target.ifNoneMatch === '*');
    const charge = isUnchanged ? LOOKUP_CHARGE : readCharge(visible.body.length);
    const basedOn = restsOn(place, item);
    const head = headOf(state, place.handle, place.record, place.partition, charge, basedOn);
    const body = isUnchanged ? undefined : asBuffer(visible.body);
    return answerOf(head, isUnchanged ? 304 : 200, etag, body);
  }

  // --- writes ------------------------------------------------------------------------------------------

  create(write: ItemWrite): Promise<ItemAnswer> {
    return this.#writeBody(write, (handle, item) => decideCreate(handle, item, write));
  }

  upsert(write: ItemWrite): Promise<ItemAnswer> {
    return this.#writeBody(write, (handle, item) => decideUpsert(handle, item, write));
  }

  async replace(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    const { handle, record, key } = this.#locate(target);
    const place = await this.openForWrite(handle, record, key, target);
    const item = readReplacement(handle, body, { id: idIn(key), partitionKey: target.partitionKey });
    return this.#commit(place, decideReplace(handle, item, target));
  }

  async patch(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    const { handle, record, key } = this.#locate(target);
    const patch = parsePatch(parseJson(body), handle.keyPaths);
    const place = await this.openForWrite(handle, record, key, target);
    return this.#commit(
      place,
      decidePatch(handle, patch, target, (condition, item) => this.requireCondition(condition, item, handle)),
    );
  }

  /** @throws DatabaseError `PreconditionFailed` when the filter of a patch does not hold. */
  requireCondition(condition: string, item: JsonObject, handle: ContainerHandle): void {
    const environment = beginEnvironment(this.#options.runtime, handle);
    if (matchesCondition(condition, item, environment)) return;
    throw new DatabaseError('PreconditionFailed', 'One of the specified pre-condition is not met.');
  }

  async delete(target: ItemTarget): Promise<ItemAnswer> {
    const { handle, record, key } = this.#locate(target);
    const place = await this.openForWrite(handle, record, key, target);
    return this.#commit(place, decideDelete(target));
  }

  /** Deletes one item by its key, whatever its version; for deleting whole logical partitions. */
  async deleteByKey(handle: ContainerHandle, record: PartitionRecord, key: string): Promise<void> {
    const place = await this.openForWrite(handle, record, key, {});
    const decide = decideDelete({});
    this.#options.containers.requireOpen(record, place.partition);
    await place.partition
      .write(key, (visible) => decide(visible).intent)
      .catch((error: unknown) => {
        // Somebody else deleted it first, which is just as well.
        if (!(error instanceof DatabaseError && error.code === 'NotFound')) throw error;
      });
  }

  /** Not an async function: mostly nothing has to be waited for, and an await costs turns and memory. */
  #writeBody(
    write: ItemWrite,
    decide: (handle: ContainerHandle, item: ReadItem) => Decide,
  ): Promise<ItemAnswer> {
    try {
      const handle = this.owner(write.path, write);
      const item = readItem(write.body);
      const definition = handle.record.definition.partitionKey;
      const key = matchPartitionKey(definition, { named: write.partitionKey, item: item.object });
      const epk = effectivePartitionKey(definition, key);
      const record = partitionFor(handle, epk);
      const opened = this.openForWrite(handle, record, itemKey(epk, idOf(item.object)), write);
      const decision = decide(handle, item);
      if (opened instanceof Promise) return opened.then((place) => this.#commit(place, decision));
      return this.#commit(opened, decision);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #commit(place: Place, decide: Decide): Promise<ItemAnswer> {
    const { handle, record, partition } = place;
    this.#options.containers.requireOpen(record, partition);
    let oldBytes = 0;
    let status: ItemAnswer['status'] = 200;
    try {
      const outcome = await partition.write(place.key, (visible) => {
        oldBytes = visible?.body.length ?? 0;
        const decision = decide(visible);
        status = decision.status;
        return decision.intent;
      });
      const { put } = outcome;
      const charge = writeCharge(status, oldBytes, put?.body.length ?? 0);
      const head = headOf(this.#options.directory.state, handle, record, partition, charge);
      return answerOf(head, status, put && etagOf(put), put && asBuffer(put.body));
    } catch (error) {
      throw AnswerError.withHead(
        error,
        headOf(this.#options.directory.state, handle, record, partition, LOOKUP_CHARGE),
      );
    }
  }

  // --- the way there -----------------------------------------------------------------------------------

  /** The container of a request that may see it; see `checkConsistency` and `checkIntendedContainer`. */
  owner(path: ItemTarget['path'], context: RequestContext): ContainerHandle {
    const handle = this.#options.containers.owner(path);
    checkConsistency(this.#options.directory.state, context.consistency);
    checkIntendedContainer(handle, context);
    return handle;
  }

  #locate(target: ItemTarget): { handle: ContainerHandle; record: PartitionRecord; key: string } {
    const handle = this.owner(target.path, target);
    const epk = this.#epkOf(handle, target.partitionKey);
    const record = partitionFor(handle, epk);
    const isByRid = target.path.container === handle.record.rid;
    const key = isByRid ? this.#keyByRid(handle, record, target.id) : undefined;
    return { handle, record, key: key ?? itemKey(epk, target.id) };
  }

  /** The key of the item with a rid; undefined when it is none, or there is none such. */
  #keyByRid(handle: ContainerHandle, record: PartitionRecord, text: string): string | undefined {
    const rid = parseRid(text);
    if (rid?.kind !== 'document' || rid.container !== handle.record.rid) return undefined;
    const partition = this.#options.containers.partition(handle, record);
    return partition instanceof Partition ? partition.keyOf(rid.number) : undefined;
  }

  #epkOf(handle: ContainerHandle, named: PartitionKey | undefined): string {
    const definition = handle.record.definition.partitionKey;
    if (named === undefined) {
      throw new DatabaseError('BadRequest', 'PartitionKey value must be supplied for this operation.');
    }
    return effectivePartitionKey(definition, completeKey(definition, named));
  }

  /** Synchronous when nothing has to be waited for. */
  openForWrite(
    handle: ContainerHandle,
    record: PartitionRecord,
    key: string,
    context: RequestContext,
  ): Place | Promise<Place> {
    const { directory, region, containers, room } = this.#options;
    checkWriteRole(directory.state, region);
    const partition = containers.partition(handle, record);
    // In a single-write account the write region has everything by definition.
    const demand = directory.state.multipleWriteRegions ? sessionDemand(record, context) : undefined;
    const isAtHand = partition instanceof Partition && demand === undefined && room() === undefined;
    if (isAtHand) return { handle, record, partition, key };
    return this.#waitForWrite({ handle, record, key }, partition, demand);
  }

  /**
   * The same for a batch or script on a logical partition. Those read as well, so the session token counts
   * also where writes are never behind: what it knew may have been lost with the write region's disk.
   */
  openForTransaction(
    handle: ContainerHandle,
    record: PartitionRecord,
    epk: string,
    context: RequestContext,
  ): Promise<Place> {
    const { directory, region, containers } = this.#options;
    checkWriteRole(directory.state, region);
    const partition = containers.partition(handle, record);
    return this.#waitForWrite(
      { handle, record, key: itemKey(epk, '') },
      partition,
      sessionDemand(record, context),
    );
  }

  async #waitForWrite(
    where: Omit<Place, 'partition'>,
    opening: Partition | Promise<Partition>,
    demand: VersionVector | undefined,
  ): Promise<Place> {
    const { runtime, room, roomPatienceMs } = this.#options;
    const partition = await opening;
    const place = { ...where, partition };
    if (demand !== undefined && !(await this.reach(partition, demand))) {
      return this.forwardOrRefuse(place, demand);
    }
    const waiting = room();
    if (waiting !== undefined) await withinPatience(runtime, waiting, roomPatienceMs);
    return place;
  }
}

/** What came from the store was there when the store was fed last. */
function restsOn({ partition }: Place, item: HeldItem | undefined): number {
  return item === undefined || item.lsn === 0 ? partition.fed.lsn : item.lsn;
}

async function withinPatience(runtime: Runtime, waiting: Promise<void>, patienceMs: number): Promise<void> {
  let cancel: () => void = () => undefined;
  const tooLate = new Promise<false>((resolve) => {
    cancel = runtime.after(patienceMs, () => resolve(false));
  });
  const isThere = await Promise.race([waiting.then(() => true), tooLate]);
  cancel();
  if (!isThere) {
    throw new DatabaseError('TooManyRequests', 'The region is catching up with earlier writes.', {
      retryAfterMs: 1000,
    });
  }
}

/** Written out, since spreading the head into a new object showed in profiles of point reads. */
function answerOf(
  head: AnswerHead,
  status: ItemAnswer['status'],
  etag: string | undefined,
  body: Buffer | undefined,
): ItemAnswer {
  const { containerRid, containerPath, rangeId, sessionToken, lsn, basedOn, charge } = head;
  return { containerRid, containerPath, rangeId, sessionToken, lsn, basedOn, charge, status, etag, body };
}
