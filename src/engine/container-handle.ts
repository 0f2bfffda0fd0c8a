import type { ContainerRecord, DatabaseRecord, PartitionRecord } from '../account/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { compileIndexingPolicy, type Indexer } from '../index/index.ts';
import { type ComputedProperties, type ComputedProperty, compileComputedProperties } from '../query/index.ts';
import {
  type ContainerDefinition,
  type EffectivePartitionKey,
  type EpkRange,
  type SearchPolicies,
  searchPolicies,
  selfLink,
  splitPath,
} from '../resource/index.ts';

/**
 * A container prepared for requests: everything that would otherwise be worked out again for each of them.
 */
export interface ContainerHandle {
  readonly record: ContainerRecord;
  /** `dbs/d/colls/c` */
  readonly path: string;
  /** The container's `_self`, which those of its items start with. */
  readonly selfLink: string;
  readonly keyPaths: readonly (readonly string[])[];
  /** Where the number stands that decides between concurrent writes; undefined for the hybrid time. */
  readonly priorityPath: readonly string[] | undefined;
  /** Set when concurrent writes that lose are conflicts for somebody to decide. */
  readonly keepsConflicts: true | undefined;
  /** What decides them, as the container's policy names it; undefined where people do. */
  readonly mergeProcedure: string | undefined;
  readonly indexer: Indexer;
  /** Which items go into indexes: those whose write says so, all but those whose write says no, or none. */
  readonly indexing: 'chosen' | 'automatic' | 'none';
  /** What the spatial functions take coordinates for. */
  readonly geospatialType: 'Geography' | 'Geometry';
  /** Languages of its texts, and what its vectors are. */
  readonly search: SearchPolicies;
  /** Undefined when it has none, as nearly all. */
  readonly computed: ComputedProperties | undefined;
}

/** Compiled policies, shared by containers with the same text: most have the default one. */
const indexers = new Map<string, Indexer>();
const INDEXERS_MAX = 1000;

function indexerFor(record: ContainerRecord): Indexer {
  const search = searchPolicies(record.definition);
  const text = JSON.stringify([record.definition.indexingPolicy, search]);
  let indexer = indexers.get(text);
  if (indexer === undefined) {
    if (indexers.size >= INDEXERS_MAX) indexers.clear();
    indexer = compileIndexingPolicy(record.definition.indexingPolicy, search);
    indexers.set(text, indexer);
  }
  return indexer;
}

export function prepareContainer(database: DatabaseRecord, record: ContainerRecord): ContainerHandle {
  const { definition } = record;
  const { conflictResolutionPath: priority, conflictResolutionProcedure: procedure } =
    definition.conflictResolutionPolicy;
  return {
    record,
    path: `dbs/${database.id}/colls/${definition.id}`,
    selfLink: selfLink(record.rid),
    keyPaths: definition.partitionKey.paths.map(splitPath),
    priorityPath: priority === '' || priority === '/_ts' ? undefined : splitPath(priority),
    keepsConflicts: definition.conflictResolutionPolicy.mode === 'Custom' ? true : undefined,
    mergeProcedure: procedure === '' ? undefined : procedure,
    indexer: indexerFor(record),
    indexing: indexingOf(definition),
    search: searchPolicies(definition),
    computed: computedPropertiesOf(definition),
    geospatialType: definition.geospatialConfig.type === 'Geometry' ? 'Geometry' : 'Geography',
  };
}

function indexingOf({ indexingPolicy }: ContainerDefinition): ContainerHandle['indexing'] {
  if (indexingPolicy.indexingMode === 'none') return 'none';
  return indexingPolicy.automatic ? 'automatic' : 'chosen';
}

/**
 * The properties that the container computes from its items; undefined when there are none.
 * @throws DatabaseError `BadRequest` for a definition that is not valid, or has the name of a partition key.
 */
export function computedPropertiesOf(definition: ContainerDefinition): ComputedProperties | undefined {
  const { computedProperties = [] } = definition.others;
  if (!Array.isArray(computedProperties) || computedProperties.length === 0) return undefined;
  const properties = computedProperties as unknown as readonly ComputedProperty[];
  const keys = new Set(definition.partitionKey.paths.map((path) => splitPath(path)[0]));
  const taken = properties.find(({ name }) => keys.has(name));
  if (taken !== undefined) {
    const message = `The computed property '${taken.name}' has the name of a property of the partition key.`;
    throw new DatabaseError('BadRequest', message);
  }
  return compileComputedProperties(properties);
}

/** The number that ranks this item among concurrent writes; undefined when it has none. */
export function priorityOf(handle: ContainerHandle, item: JsonObject): number | undefined {
  if (handle.priorityPath === undefined) return undefined;
  let value: Json | undefined = item;
  for (const segment of handle.priorityPath) value = isJsonObject(value) ? value[segment] : undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function partitionFor(handle: ContainerHandle, epk: EffectivePartitionKey): PartitionRecord {
  for (const partition of handle.record.partitions) {
    if (epk >= partition.range.min && epk < partition.range.max) return partition;
  }
  throw new DatabaseError('InternalServerError', `No partition key range holds the effective key ${epk}.`);
}

export function partitionById(handle: ContainerHandle, rangeId: string): PartitionRecord {
  const partition = handle.record.partitions.find((candidate) => candidate.id === rangeId);
  if (partition === undefined) {
    throw new DatabaseError('PartitionKeyRangeGone', `The partition key range '${rangeId}' does not exist.`);
  }
  return partition;
}

/** Partitions that hold any part of `range`, by rising range. */
export function partitionsOverlapping(handle: ContainerHandle, range: EpkRange): readonly PartitionRecord[] {
  return handle.record.partitions.filter(
    (partition) => partition.range.min < range.max && range.min < partition.range.max,
  );
}
