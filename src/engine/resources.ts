/** Databases, containers, ranges and offers as clients see them, and the commands that change them. */
import type {
  AccountState,
  Command,
  CommandResult,
  ContainerRecord,
  DatabaseRecord,
  Directory,
  OfferRecord,
} from '../account/index.ts';
import type { JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { conversionPercent } from '../partition/index.ts';
import {
  checkReplacement,
  checkResourceId,
  childRid,
  childSelfLink,
  containerBody,
  normalizeContainer,
  selfLink,
  type Throughput,
  throughputOfOffer,
} from '../resource/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { computedPropertiesOf } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type { ContainerPath, ContainerUsage, Resources } from './engine.ts';
import { ownerNotFound, type RegionPartitions } from './region-partitions.ts';
import { checkWriteRole } from './request-gate.ts';
import { refuseUnsupported } from './unsupported-policies.ts';

export interface ResourcesOptions {
  readonly runtime: Runtime;
  /** The one that this face belongs to. */
  readonly region: string;
  readonly directory: Directory;
  readonly containers: Containers;
  readonly partitions: RegionPartitions;
}

export function createResources(options: ResourcesOptions): Resources {
  return new AccountResources(options);
}

class AccountResources implements Resources {
  readonly #runtime: Runtime;
  readonly #region: string;
  readonly #directory: Directory;
  readonly #containers: Containers;
  readonly #partitions: RegionPartitions;

  constructor(options: ResourcesOptions) {
    this.#runtime = options.runtime;
    this.#region = options.region;
    this.#directory = options.directory;
    this.#containers = options.containers;
    this.#partitions = options.partitions;
  }

  get #state(): AccountState {
    return this.#directory.state;
  }

  /** Every change of metadata is a write, and only write regions take those. */
  async #execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    checkWriteRole(this.#state, this.#region);
    return this.#directory.execute(command);
  }

  // --- databases ---------------------------------------------------------------------------------------

  listDatabases(): JsonObject[] {
    return Object.values(this.#state.databases).map(databaseBody);
  }

  readDatabase(database: string): JsonObject {
    return databaseBody(this.#containers.database(database));
  }

  async createDatabase(body: JsonObject, throughput: Throughput | undefined): Promise<JsonObject> {
    const id = checkResourceId(body.id);
    return databaseBody(
      await this.#execute({
        kind: 'createDatabase',
        id,
        throughput,
        timeMs: this.#runtime.nowMs(),
      }),
    );
  }

  async deleteDatabase(database: string, ifMatch?: string): Promise<void> {
    const { rid } = this.#containers.database(database);
    await this.#execute({ kind: 'deleteDatabase', rid, ifMatch });
  }

  databaseRid(database: string): string {
    return this.#containers.database(database).rid;
  }

  // --- containers --------------------------------------------------------------------------------------

  listContainers(database: string): JsonObject[] {
    const { rid } = this.#owner(database);
    return this.#directory.containersOf(rid).map(containerResource);
  }

  readContainer(path: ContainerPath): JsonObject {
    return containerResource(this.#containers.container(path));
  }

  containerOf(path: ContainerPath): ContainerRecord {
    return this.#containers.owner(path).record;
  }

  async createContainer(
    database: string,
    body: JsonObject,
    throughput: Throughput | undefined,
  ): Promise<JsonObject> {
    const { rid: databaseRid } = this.#owner(database);
    const definition = normalizeContainer(body);
    refuseUnsupported(definition);
    computedPropertiesOf(definition);
    const timeMs = this.#runtime.nowMs();
    const record = await this.#execute({
      kind: 'createContainer',
      databaseRid,
      definition,
      throughput,
      timeMs,
    });
    // Whoever is told that the container exists may use it here at once.
    await this.#partitions.openAll(record, () => this.#containers.policiesNow(record));
    return containerResource(record);
  }

  async replaceContainer(path: ContainerPath, body: JsonObject, ifMatch?: string): Promise<JsonObject> {
    const old = this.#containers.container(path);
    const definition = normalizeContainer(body, { previous: old.definition });
    checkReplacement(old.definition, definition);
    refuseUnsupported(definition);
    computedPropertiesOf(definition);
    const timeMs = this.#runtime.nowMs();
    const record = await this.#execute({
      kind: 'replaceContainer',
      rid: old.rid,
      definition,
      ifMatch,
      timeMs,
    });
    // Whoever is told of a new policy sees its indexes grow from here on.
    await this.#partitions.openAll(record, () => this.#containers.policiesNow(record));
    return containerResource(record);
  }

  async deleteContainer(path: ContainerPath, ifMatch?: string): Promise<void> {
    const { rid } = this.#containers.container(path);
    await this.#execute({ kind: 'deleteContainer', rid, ifMatch });
  }

  listPartitionKeyRanges(path: ContainerPath): JsonObject[] {
    const { record } = this.#containers.owner(path);
    const self = selfLink(record.rid);
    return record.partitions.map(({ id, range, parents }, place) => {
      const rid = childRid('partitionKeyRange', record.rid, place + 1);
      return {
        _rid: rid,
        id,
        _etag: record.etag,
        minInclusive: range.min,
        maxExclusive: range.max,
        ridPrefix: place,
        _self: childSelfLink('partitionKeyRange', self, rid),
        throughputFraction: 1 / record.partitions.length,
        status: 'online',
        parents: [...parents],
        _ts: record.ts,
      };
    });
  }

  usage(path: ContainerPath): ContainerUsage {
    const { record } = this.#containers.owner(path);
    let itemCount = 0;
    let itemBytes = 0;
    let indexPercent = 100;
    for (const { number } of record.partitions) {
      const partition = this.#partitions.host.get(number);
      if (partition === undefined) continue;
      itemCount += partition.applied.itemCount;
      itemBytes += partition.applied.itemBytes;
      indexPercent = Math.min(indexPercent, conversionPercent(partition));
    }
    return { itemCount, itemBytes, indexPercent };
  }

  #owner(database: string): DatabaseRecord {
    const record = this.#directory.findDatabase(database);
    if (record === undefined) throw ownerNotFound();
    return record;
  }

  // --- offers ------------------------------------------------------------------------------------------

  listOffers(): JsonObject[] {
    return Object.values(this.#state.offers).map((offer) => this.#offerBody(offer));
  }

  readOffer(rid: string): JsonObject {
    return this.#offerBody(this.#offer(rid));
  }

  async replaceOffer(rid: string, body: JsonObject): Promise<JsonObject> {
    const offer = this.#offer(rid);
    if (body._rid !== undefined && body._rid !== offer.rid) {
      throw new DatabaseError(
        'BadRequest',
        'The rid in the body of the offer does not match the rid in the path.',
      );
    }
    const throughput = throughputOfOffer(body);
    const timeMs = this.#runtime.nowMs();
    return this.#offerBody(await this.#execute({ kind: 'replaceOffer', rid: offer.rid, throughput, timeMs }));
  }

  #offer(rid: string): OfferRecord {
    const { offers } = this.#state;
    const offer = Object.hasOwn(offers, rid)
      ? offers[rid]
      : Object.values(offers).find((one) => one.rid.toLowerCase() === rid.toLowerCase());
    if (offer === undefined) throw new DatabaseError('NotFound', `The offer '${rid}' does not exist.`);
    return offer;
  }

  #offerBody(offer: OfferRecord): JsonObject {
    const { throughput, maxThroughputEverProvisioned } = offer;
    const isAutoscale = throughput.kind === 'autoscale';
    const content: JsonObject = {
      // An idle autoscale resource runs at a tenth of its maximum.
      offerThroughput: isAutoscale ? throughput.maxThroughput / 10 : throughput.throughput,
      offerIsRUPerMinuteThroughputEnabled: false,
      offerMinimumThroughputParameters: { maxThroughputEverProvisioned, maxConsumedStorageEverInKB: 0 },
    };
    if (isAutoscale) content.offerAutopilotSettings = { maxThroughput: throughput.maxThroughput };
    return {
      resource: selfLink(offer.resourceRid),
      offerType: 'Invalid',
      offerResourceId: offer.resourceRid,
      offerVersion: 'V2',
      content,
      id: offer.rid,
      _rid: offer.rid,
      _self: selfLink(offer.rid),
      _etag: offer.etag,
      _ts: offer.ts,
    };
  }
}

function databaseBody(database: DatabaseRecord): JsonObject {
  const { id, rid, etag, ts } = database;
  return { id, _rid: rid, _self: selfLink(rid), _etag: etag, _colls: 'colls/', _users: 'users/', _ts: ts };
}

function containerResource(record: ContainerRecord): JsonObject {
  return {
    ...containerBody(record.definition),
    _rid: record.rid,
    _ts: record.ts,
    _self: selfLink(record.rid),
    _etag: record.etag,
    _docs: 'docs/',
    _sprocs: 'sprocs/',
    _triggers: 'triggers/',
    _udfs: 'udfs/',
    _conflicts: 'conflicts/',
  };
}
