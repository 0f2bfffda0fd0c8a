import type { JsonObject } from '../base/index.ts';
import type { AccountState } from './state.ts';

export interface RegionEndpoint {
  /** Of the region. */
  readonly name: string;
  /** URL at which the client that asks can reach it. */
  readonly endpoint: string;
}

/**
 * Limits that clients may read before they send a query; they expect them as a text inside the document.
 * Length, joins, calls of functions and points of geometries are what is checked here; the other figures are
 * the published ones, and at least so much is taken.
 */
const QUERY_ENGINE_CONFIGURATION = JSON.stringify({
  maxSqlQueryInputLength: 524_288,
  maxJoinsPerSqlQuery: 10,
  maxLogicalAndPerSqlQuery: 500,
  maxLogicalOrPerSqlQuery: 500,
  maxUdfRefPerSqlQuery: 10,
  maxInExpressionItemsCount: 16_000,
  queryMaxInMemorySortDocumentCount: 500,
  maxQueryRequestTimeoutFraction: 0.9,
  sqlAllowNonFiniteNumbers: false,
  sqlAllowAggregateFunctions: true,
  sqlAllowSubQuery: true,
  sqlAllowScalarSubQuery: true,
  allowNewKeywords: true,
  sqlAllowLike: true,
  sqlAllowGroupByClause: true,
  sqlAllowTop: true,
  maxSpatialQueryCells: 12,
  spatialMaxGeometryPointCount: 4_096,
  sqlDisableOptimizationFlags: 0,
  enableSpatialIndexing: true,
});

/** Inside a region there is one copy; how durable it is, is the log's affair. */
const ONE_REPLICA = { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 1 };

/**
 * What clients choose their endpoints by. Regions without an endpoint are left out: they cannot be reached.
 */
export function accountDocument(state: AccountState, endpoints: readonly RegionEndpoint[]): JsonObject {
  const locations = state.regions.flatMap(({ name }) => {
    const found = endpoints.find((each) => each.name === name)?.endpoint;
    if (found === undefined) return [];
    return [{ name, databaseAccountEndpoint: found.endsWith('/') ? found : `${found}/` }];
  });
  const [first] = locations;
  const { level, stalenessOperations, stalenessSeconds } = state.consistency;
  return {
    _self: '',
    id: state.id,
    _rid: first === undefined ? state.id : new URL(first.databaseAccountEndpoint).host,
    media: '//media/',
    addresses: '//addresses/',
    _dbs: '//dbs/',
    writableLocations: state.multipleWriteRegions ? locations : locations.slice(0, 1),
    readableLocations: locations,
    enableMultipleWriteLocations: state.multipleWriteRegions,
    continuousBackupEnabled: false,
    enableNRegionSynchronousCommit: false,
    enablePerPartitionFailoverBehavior: false,
    userReplicationPolicy: ONE_REPLICA,
    systemReplicationPolicy: ONE_REPLICA,
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    userConsistencyPolicy: {
      defaultConsistencyLevel: level,
      maxStalenessPrefix: stalenessOperations,
      maxIntervalInSeconds: stalenessSeconds,
    },
    queryEngineConfiguration: QUERY_ENGINE_CONFIGURATION,
  };
}
