import { expect, test } from 'vitest';
import { accountDocument } from './account-document.ts';
import { initialAccountState } from './initial-state.ts';

const REGIONS = ['West US', 'North Europe'];
const ENDPOINTS = [
  { name: 'North Europe', endpoint: 'http://127.0.0.1:8083' },
  { name: 'West US', endpoint: 'http://127.0.0.1:8082/' },
];
const account = (multipleWriteRegions: boolean) =>
  initialAccountState({
    id: 'acct',
    regions: REGIONS,
    multipleWriteRegions,
    consistency: { level: 'BoundedStaleness', stalenessOperations: 100_000, stalenessSeconds: 300 },
  });
const names = (locations: unknown) => (locations as { name: string }[]).map(({ name }) => name);

test('regions stand in failover order, with endpoints that end in a slash', () => {
  const document = accountDocument(account(true), ENDPOINTS);
  expect(document.readableLocations).toEqual([
    { name: 'West US', databaseAccountEndpoint: 'http://127.0.0.1:8082/' },
    { name: 'North Europe', databaseAccountEndpoint: 'http://127.0.0.1:8083/' },
  ]);
  expect(document._rid).toBe('127.0.0.1:8082');
});

test('every region of a multi-write account is writable, only the first of another', () => {
  expect(names(accountDocument(account(true), ENDPOINTS).writableLocations)).toEqual(REGIONS);
  const single = accountDocument(account(false), ENDPOINTS);
  expect(names(single.writableLocations)).toEqual(['West US']);
  expect(names(single.readableLocations)).toEqual(REGIONS);
  expect(single.enableMultipleWriteLocations).toBe(false);
});

test('a region that cannot be reached is not listed', () => {
  const document = accountDocument(account(true), ENDPOINTS.slice(0, 1));
  expect(names(document.writableLocations)).toEqual(['North Europe']);
});

test('all published fields are there, the query limits as a text', () => {
  const document = accountDocument(account(true), ENDPOINTS);
  expect(Object.keys(document).sort()).toEqual(
    [
      ...['_dbs', '_rid', '_self', 'addresses', 'id', 'media'],
      ...[
        'writableLocations',
        'readableLocations',
        'enableMultipleWriteLocations',
        'continuousBackupEnabled',
      ],
      ...['enableNRegionSynchronousCommit', 'enablePerPartitionFailoverBehavior', 'readPolicy'],
      ...[
        'userReplicationPolicy',
        'systemReplicationPolicy',
        'userConsistencyPolicy',
        'queryEngineConfiguration',
      ],
    ].sort(),
  );
  expect(document.userConsistencyPolicy).toEqual({
    defaultConsistencyLevel: 'BoundedStaleness',
    maxStalenessPrefix: 100_000,
    maxIntervalInSeconds: 300,
  });
  expect(JSON.parse(String(document.queryEngineConfiguration))).toMatchObject({
    maxSqlQueryInputLength: 524_288,
  });
});
