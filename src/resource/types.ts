import type { JsonObject } from '../base/index.ts';

/** A partition key component; undefined stands for a missing, object or array value (`{}` on the wire). */
export type KeyComponent = string | number | boolean | null | undefined;

/** One component for each path of the definition; fewer make a prefix (hierarchical keys only). */
export type PartitionKey = readonly KeyComponent[];

/** Upper-case hex; the key space runs from '' (inclusive) to 'FF' (exclusive), compared as plain text. */
export type EffectivePartitionKey = string;

export interface EpkRange {
  readonly min: EffectivePartitionKey;
  /** Exclusive. */
  readonly max: EffectivePartitionKey;
}

export interface PartitionKeyDefinition {
  readonly paths: readonly string[];
  readonly kind: 'Hash' | 'MultiHash';
  readonly version: 1 | 2;
  /** The user left the version out, which means 1; it is then not shown either. */
  readonly implicitVersion?: true;
  /** Legacy container created without a key. */
  readonly systemKey?: true;
}

export interface IncludedPath extends JsonObject {
  path: string;
}

export interface IndexingPolicy {
  readonly indexingMode: 'consistent' | 'lazy' | 'none';
  readonly automatic: boolean;
  readonly includedPaths: readonly IncludedPath[];
  readonly excludedPaths: readonly IncludedPath[];
  readonly compositeIndexes?: readonly JsonObject[][];
  readonly spatialIndexes?: readonly JsonObject[];
  readonly vectorIndexes?: readonly JsonObject[];
  readonly fullTextIndexes?: readonly JsonObject[];
}

export interface ConflictResolutionPolicy {
  readonly mode: 'LastWriterWins' | 'Custom';
  readonly conflictResolutionPath: string;
  readonly conflictResolutionProcedure: string;
}

/** A container as its user defined it, validated, with every default filled in. */
export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: PartitionKeyDefinition;
  readonly indexingPolicy: IndexingPolicy;
  readonly conflictResolutionPolicy: ConflictResolutionPolicy;
  readonly geospatialConfig: JsonObject;
  readonly defaultTtl?: number;
  /**
   * Policies that are checked and echoed as given: unique keys, vectors, full text, computed properties and
   * so on.
   */
  readonly others: JsonObject;
}

/** Request units per second, provisioned by hand or scaled between a tenth and all of `maxThroughput`. */
export type Throughput =
  | { readonly kind: 'manual'; readonly throughput: number }
  | { readonly kind: 'autoscale'; readonly maxThroughput: number };
