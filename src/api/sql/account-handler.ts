import type { AccountState } from '../../account/index.ts';
import type { JsonObject } from '../../base/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import type { Exchange, RegionEndpoint } from './exchange.ts';
import { headerOf } from './request-headers.ts';
import { commonHeaders, METADATA_CHARGE } from './response.ts';

/** `GET /`: what clients choose their endpoints by. */
export function readAccount(exchange: Exchange): HttpResponse {
  const { request, service } = exchange;
  const host = headerOf(request, 'host');
  const document = accountDocument(
    service.engine.account,
    service.endpoints({ secure: request.secure, host }),
  );
  const headers = commonHeaders(exchange, METADATA_CHARGE.read);
  headers.push('x-ms-max-media-storage-usage-mb', '10240', 'x-ms-media-storage-usage-mb', '0');
  return { status: 200, headers, body: JSON.stringify(document) };
}

/** `endpoints`: of the account's regions, in failover-priority order. */
function accountDocument(account: AccountState, endpoints: readonly RegionEndpoint[]): JsonObject {
  const locations = endpoints.map(({ name, endpoint }) => ({
    name,
    databaseAccountEndpoint: endpoint.endsWith('/') ? endpoint : `${endpoint}/`,
  }));
  const { level, stalenessOperations, stalenessSeconds } = account.consistency;
  return {
    _self: '',
    id: account.id,
    _rid: `${account.id}.documents`,
    media: '//media/',
    addresses: '//addresses/',
    _dbs: '//dbs/',
    writableLocations: account.multipleWriteRegions ? locations : locations.slice(0, 1),
    readableLocations: locations,
    enableMultipleWriteLocations: account.multipleWriteRegions,
    continuousBackupEnabled: false,
    enableNRegionSynchronousCommit: false,
    enablePerPartitionFailoverBehavior: false,
    userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 3, maxReplicasetSize: 4 },
    userConsistencyPolicy: {
      defaultConsistencyLevel: level,
      maxStalenessPrefix: stalenessOperations,
      maxIntervalInSeconds: stalenessSeconds,
    },
    systemReplicationPolicy: { minReplicaSetSize: 3, maxReplicasetSize: 4, asyncReplication: false },
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    queryEngineConfiguration: QUERY_ENGINE_CONFIGURATION,
  };
}

const QUERY_ENGINE_CONFIGURATION = JSON.stringify({
  maxSqlQueryInputLength: 262_144,
  maxJoinsPerSqlQuery: 5,
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
  spatialMaxGeometryPointCount: 256,
  sqlDisableOptimizationFlags: 0,
  enableSpatialIndexing: true,
});
