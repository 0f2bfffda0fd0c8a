import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../base/index.ts';
import { checkReplacement, containerBody, normalizeContainer } from './container-definition.ts';
import { searchPolicies } from './search-policies.ts';

const KEY = { paths: ['/k'], kind: 'Hash', version: 2 };
const define = (extra: JsonObject = {}) => normalizeContainer({ id: 'c', partitionKey: KEY, ...extra });
const refused = (extra: JsonObject, reason: string | RegExp) => {
  expect(() => define(extra)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  expect(() => define(extra)).toThrow(reason);
};
const paths = (list: readonly { path: string }[]) => list.map(({ path }) => path);

test('a bare container is shown with all defaults, in the original order', () => {
  expect(JSON.stringify(containerBody(define()))).toBe(
    '{"id":"c","indexingPolicy":{"indexingMode":"consistent","automatic":true,' +
      '"includedPaths":[{"path":"/*"}],"excludedPaths":[{"path":"/\\"_etag\\"/?"}]},' +
      '"partitionKey":{"paths":["/k"],"kind":"Hash","version":2},' +
      '"conflictResolutionPolicy":{"mode":"LastWriterWins","conflictResolutionPath":"/_ts",' +
      '"conflictResolutionProcedure":""},"geospatialConfig":{"type":"Geography"}}',
  );
});

test('what is shown defines the same container again', () => {
  const definition = define({
    defaultTtl: -1,
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/a', '/b/c'] }] },
    indexingPolicy: { compositeIndexes: [[{ path: '/a' }, { path: '/b', order: 'descending' }]] },
    computedProperties: [{ name: 'low', query: 'SELECT VALUE LOWER(c.a) FROM c' }],
    conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: '/a/b' },
  });
  expect(normalizeContainer(containerBody(definition))).toEqual(definition);
  expect(JSON.parse(JSON.stringify(definition)), 'plain data').toEqual(definition);
});

describe('partition key definitions', () => {
  test.each([
    [{ paths: ['/a'] }, { paths: ['/a'], kind: 'Hash' }, 1],
    [{ paths: ['/a'], version: 1 }, { paths: ['/a'], kind: 'Hash', version: 1 }, 1],
    [{ paths: ['/"a b"/c'], version: 2 }, { paths: ['/"a b"/c'], kind: 'Hash', version: 2 }, 2],
    [
      { paths: ['/a', '/b', '/c'], kind: 'MultiHash', version: 2 },
      { paths: ['/a', '/b', '/c'], kind: 'MultiHash', version: 2 },
      2,
    ],
  ])('%j', (partitionKey, shown, version) => {
    const definition = define({ partitionKey });
    expect(containerBody(definition).partitionKey).toEqual(shown);
    expect(definition.partitionKey.version).toBe(version);
  });

  const characters =
    'must contain only valid characters and not contain a trailing slash or wildcard character';
  test.each<[JsonObject, string]>([
    [{ paths: ['/a/'] }, `Partition key paths ${characters}`],
    [{ paths: ['/a/*'] }, characters],
    [{ paths: ['/'] }, characters],
    [{ paths: ['/a//b'] }, characters],
    [
      { paths: ['id', '/b'], kind: 'MultiHash', version: 2 },
      "The partition key component definition path 'id' could not be accepted",
    ],
    [{ paths: [] }, 'takes 1 to 1 paths'],
    [{ paths: ['/a', '/b'] }, 'takes 1 to 1 paths'],
    [{ paths: ['/a', '/b', '/c', '/d'], kind: 'MultiHash', version: 2 }, 'takes 1 to 3 paths'],
    [{ paths: ['/a', '/"a"'], kind: 'MultiHash', version: 2 }, 'differ'],
    [{ paths: ['/a', '/b'], kind: 'MultiHash' }, 'version 2'],
    [{ paths: ['/a'], kind: 'Range' }, 'Range'],
    [{ paths: ['/a'], version: 3 }, 'version 3'],
    [{ paths: ['/_ts'] }, 'the server sets it'],
  ])('%j is refused', (partitionKey, reason) => refused({ partitionKey }, reason));

  test('a missing key is legal only for clients that know none', () => {
    expect(() => normalizeContainer({ id: 'c' })).toThrow('partitionKey');
    const legacy = normalizeContainer({ id: 'c' }, { allowMissingKey: true });
    const shown = { paths: ['/_partitionKey'], kind: 'Hash', systemKey: true };
    expect(containerBody(legacy).partitionKey).toEqual(shown);
    expect(normalizeContainer({ id: 'c' }, { previous: legacy }).partitionKey).toEqual(legacy.partitionKey);
    expect(normalizeContainer(containerBody(legacy)).partitionKey).toEqual(legacy.partitionKey);
  });
});

describe('indexing policies', () => {
  test('the mode is lower-cased, and the etag excluded behind the user’s paths', () => {
    const { indexingPolicy } = define({
      indexingPolicy: { indexingMode: 'Lazy', excludedPaths: [{ path: '/"systemMetadata"/*' }] },
    });
    expect(indexingPolicy.indexingMode).toBe('lazy');
    expect(paths(indexingPolicy.includedPaths)).toEqual(['/*']);
    expect(paths(indexingPolicy.excludedPaths)).toEqual(['/"systemMetadata"/*', '/"_etag"/?']);
  });

  test('an etag that is already named is not named twice', () => {
    const excluded = define({ indexingPolicy: { excludedPaths: [{ path: '/"_etag"/?' }] } });
    expect(paths(excluded.indexingPolicy.excludedPaths)).toEqual(['/"_etag"/?']);
    const included = define({ indexingPolicy: { includedPaths: [{ path: '/*' }, { path: '/_etag/?' }] } });
    expect(included.indexingPolicy.excludedPaths).toEqual([]);
  });

  test('everything excluded but one path', () => {
    const policy = define({
      indexingPolicy: { includedPaths: [{ path: '/a/[]/b/?' }], excludedPaths: [{ path: '/*' }] },
    }).indexingPolicy;
    expect(paths(policy.includedPaths)).toEqual(['/a/[]/b/?']);
    expect(paths(policy.excludedPaths)).toEqual(['/*', '/"_etag"/?']);
    const all = define({ indexingPolicy: { excludedPaths: [{ path: '/*' }] } }).indexingPolicy;
    expect(all.includedPaths).toEqual([]);
  });

  test('legacy index lists and the path / are echoed', () => {
    const includedPaths = [{ path: '/', indexes: [{ kind: 'Range', dataType: 'Number', precision: -1 }] }];
    expect(define({ indexingPolicy: { includedPaths } }).indexingPolicy.includedPaths).toEqual(includedPaths);
  });

  test('none turns everything off', () => {
    const policy = define({ indexingPolicy: { indexingMode: 'none', automatic: false } }).indexingPolicy;
    expect(policy).toEqual({ indexingMode: 'none', automatic: false, includedPaths: [], excludedPaths: [] });
  });

  test('composite and spatial indexes get their defaults', () => {
    const policy = define({
      indexingPolicy: {
        compositeIndexes: [[{ path: '/a' }, { path: '/b', order: 'Descending' }]],
        spatialIndexes: [{ path: '/loc/*', types: ['Point'] }, { path: '/area/?' }],
      },
    }).indexingPolicy;
    expect(policy.compositeIndexes?.[0]).toEqual([
      { path: '/a', order: 'ascending' },
      { path: '/b', order: 'descending' },
    ]);
    expect(policy.spatialIndexes?.map(({ types }) => types)).toEqual([
      ['Point'],
      ['Point', 'LineString', 'Polygon', 'MultiPolygon'],
    ]);
  });

  const box = { xmin: 0, ymin: 0, xmax: 1, ymax: 1 };
  test('a bounding box goes with Geometry only', () => {
    const spatial = (type: string, boundingBox?: JsonObject) => ({
      geospatialConfig: { type },
      indexingPolicy: {
        spatialIndexes: [{ path: '/l/*', ...(boundingBox === undefined ? {} : { boundingBox }) }],
      },
    });
    expect(define(spatial('Geometry', box)).geospatialConfig).toEqual({ type: 'Geometry' });
    refused(spatial('Geography', box), 'bounding box');
    refused(spatial('Geometry'), 'bounding box');
    refused(spatial('Geometry', { ...box, xmax: 0 }), 'empty');
  });

  const composite = (count: number) => [
    Array.from({ length: count }, (_, index) => ({ path: `/p${index}` })),
  ];
  test.each<[JsonObject, string]>([
    [{ indexingMode: 'eager' }, 'indexingMode'],
    [{ indexingMode: 'none', automatic: true }, 'automatic'],
    [{ automatic: 1 }, 'automatic'],
    [{ includedPaths: [] }, 'mandatory indexing path'],
    [{ includedPaths: [{ path: '/a/?' }] }, 'mandatory indexing path'],
    [{ includedPaths: [{ path: '/*' }], excludedPaths: [{ path: '/*' }] }, 'both included and excluded'],
    [{ includedPaths: [{ path: 'a/?' }] }, 'could not be accepted'],
    [{ includedPaths: [{ path: '/a' }] }, 'could not be accepted'],
    [{ includedPaths: [{ path: '/a/*/b/?' }] }, 'could not be accepted'],
    [{ includedPaths: 'all' }, 'array'],
    [{ includedPaths: [{ path: '/*', indexes: [{ kind: 'Tree', dataType: 'Number' }] }] }, 'kind'],
    [{ excludedPaths: Array.from({ length: 1500 }, (_, n) => ({ path: `/p${n}/?` })) }, 'More than 1500'],
    [{ compositeIndexes: composite(1) }, '2 to 8'],
    [{ compositeIndexes: composite(9) }, '2 to 8'],
    [{ compositeIndexes: Array(101).fill(composite(2)[0]) }, 'More than 100'],
    [{ compositeIndexes: [[{ path: '/a' }, { path: '/a' }]] }, 'differ'],
    [{ compositeIndexes: [[{ path: '/a/?' }, { path: '/b' }]] }, 'composite index'],
    [{ compositeIndexes: [[{ path: '/a' }, { path: '/b', order: 'up' }]] }, 'order'],
    [{ spatialIndexes: [{ path: '/l/*', types: ['Circle'] }] }, 'types'],
  ])('%j is refused', (indexingPolicy, reason) => refused({ indexingPolicy }, reason));
});

describe('vectors and full text', () => {
  const embedding = (extra: JsonObject = {}) => ({
    path: '/v',
    dataType: 'float32',
    dimensions: 3,
    distanceFunction: 'cosine',
    ...extra,
  });
  const vectors = (index: JsonObject, embeddings: JsonObject[] = [embedding()]) => ({
    vectorEmbeddingPolicy: { vectorEmbeddings: embeddings },
    indexingPolicy: { vectorIndexes: [index] },
  });

  test('indexes are echoed as given', () => {
    const index = { path: '/v', type: 'diskANN', quantizationByteSize: 2, vectorIndexShardKey: ['/a'] };
    const shown = containerBody(define(vectors(index)));
    expect(shown).toMatchObject(vectors(index));
  });

  test.each<[JsonObject, string]>([
    [vectors({ path: '/vector2', type: 'flat' }), "vector2 not matching in Embedding's path"],
    [vectors({ path: '/v', type: 'tree' }), 'type'],
    [vectors({ path: '/v', type: 'flat' }, [embedding({ dimensions: 506 })]), 'at most 505'],
    [vectors({ path: '/v', type: 'flat', quantizationByteSize: 1 }), 'not for'],
    [vectors({ path: '/v', type: 'diskANN', indexingSearchListSize: 0 }), 'from 25 to 500'],
    [vectors({ path: '/v', type: 'diskANN', quantizationByteSize: 513 }), 'from 1 to 512'],
    [
      {
        ...vectors({ path: '/v', type: 'flat' }),
        indexingPolicy: {
          vectorIndexes: [
            { path: '/v', type: 'flat' },
            { path: '/"v"', type: 'diskANN' },
          ],
        },
      },
      'Two vector indexes',
    ],
    [
      vectors({ path: '/v', type: 'flat' }, [embedding({ dimensions: -1 })]),
      'Vector Embedding Policy has invalid Dimensions:-1, it should be positive integer',
    ],
    [
      vectors({ path: '/v', type: 'diskANN' }, [embedding({ dimensions: 5000 })]),
      'Vector Embedding Policy has Dimensions:5000 which is more than max:4096',
    ],
    [vectors({ path: '/v', type: 'flat' }, [embedding(), embedding()]), 'Two vector embeddings'],
    [vectors({ path: '/v', type: 'flat' }, [embedding({ dataType: 'text' })]), 'dataType'],
    [{ indexingPolicy: { fullTextIndexes: [{ path: '/t' }] } }, 'full-text policy'],
    [{ fullTextPolicy: { defaultLanguage: '?' } }, 'language'],
    [{ fullTextPolicy: { defaultLanguage: 'tlh-KX' } }, 'of one of the languages en, de, es, fr, it, pt'],
    [{ fullTextPolicy: { fullTextPaths: [{ path: '/t', language: 'ja-JP' }] } }, "not 'ja-JP'"],
  ])('%j is refused', (extra, reason) => refused(extra, reason));

  test('embeddings may be added, not changed, and an index keeps its type', () => {
    const old = define(vectors({ path: '/v', type: 'flat' }));
    const more = define(vectors({ path: '/v', type: 'flat' }, [embedding(), embedding({ path: '/w' })]));
    checkReplacement(old, more);
    expect(() => checkReplacement(more, old)).toThrow("'/w' cannot be changed or removed");
    const changed = define(vectors({ path: '/v', type: 'flat' }, [embedding({ dimensions: 4 })]));
    expect(() => checkReplacement(old, changed)).toThrow('cannot be changed');
    const retyped = define(vectors({ path: '/v', type: 'quantizedFlat' }));
    expect(() => checkReplacement(old, retyped)).toThrow('type of the vector index');
  });

  test('full-text indexes need their path in the policy', () => {
    const fullText = {
      fullTextPolicy: { defaultLanguage: 'en-US', fullTextPaths: [{ path: '/t', language: 'en-US' }] },
      indexingPolicy: { fullTextIndexes: [{ path: '/t' }] },
    };
    expect(containerBody(define(fullText))).toMatchObject(fullText);
  });

  test('two spellings of one path are one path', () => {
    const index = { path: '/"v"', type: 'flat' };
    expect(searchPolicies(define(vectors(index))).embeddings).toEqual([
      { path: ['v'], dataType: 'float32', dimensions: 3, distanceFunction: 'cosine', indexType: 'flat' },
    ]);
  });

  test('texts are in the language of their path, else in the default one, else in English', () => {
    const policiesOf = (fullTextPolicy: JsonObject) => searchPolicies(define({ fullTextPolicy }));
    expect(policiesOf({}).defaultLanguage).toBe('en');
    const policies = policiesOf({
      defaultLanguage: 'de-DE',
      fullTextPaths: [{ path: '/a/b', language: 'FR-fr' }, { path: '/c' }],
    });
    expect(policies.defaultLanguage).toBe('de');
    expect(policies.textPaths).toEqual([
      { path: ['a', 'b'], language: 'fr' },
      { path: ['c'], language: 'de' },
    ]);
  });
});

describe('other policies', () => {
  const keys = (...uniqueKeys: JsonObject[]) => ({ uniqueKeyPolicy: { uniqueKeys } });
  const many = (count: number) => Array.from({ length: count }, (_, index) => `/p${index}`);
  const encrypted = (path: string, version: number) => ({
    clientEncryptionPolicy: {
      policyFormatVersion: version,
      includedPaths: [
        {
          path,
          clientEncryptionKeyId: 'key',
          encryptionType: 'Deterministic',
          encryptionAlgorithm: 'AEAD_AES_256_CBC_HMAC_SHA256',
        },
      ],
    },
  });

  test.each<[JsonObject, string]>([
    [{ defaultTtl: 0 }, 'defaultTtl'],
    [{ defaultTtl: null }, 'defaultTtl'],
    [{ defaultTtl: -2 }, 'defaultTtl'],
    [{ defaultTtl: 1.5 }, 'defaultTtl'],
    [{ analyticalStorageTtl: -2 }, 'analyticalStorageTtl'],
    [{ changeFeedPolicy: { retentionDuration: -1 } }, 'retentionDuration'],
    [keys(...Array.from({ length: 11 }, (_, n) => ({ paths: [`/p${n}`] }))), 'More than 10'],
    [keys({ paths: many(17) }), '1 to 16'],
    [keys({ paths: [] }), '1 to 16'],
    [keys({ paths: ['/a/*'] }), 'unique key'],
    [keys({ paths: ['/a', '/b'] }, { paths: ['/b', '/a'] }), 'same paths'],
    [{ computedProperties: [{ name: '_ts', query: 'SELECT VALUE 1 FROM c' }] }, '_ts'],
    [{ computedProperties: [{ name: 'a', query: 'SELECT 1 FROM c' }] }, 'SELECT VALUE'],
    [
      { computedProperties: many(21).map((name) => ({ name, query: 'SELECT VALUE 1 FROM c' })) },
      'More than 20',
    ],
    [{ conflictResolutionPolicy: { mode: 'FirstWriterWins' } }, 'mode'],
    [{ dataMaskingPolicy: {} }, 'not supported yet'],
    [{ geospatialConfig: { type: 'Flat' } }, 'type'],
    [{ id: 'a/b' }, 'illegal'],
    [encrypted('/p', 1), "no client encryption key 'key'"],
  ])('%j is refused', (extra, reason) => refused(extra, reason));

  test('a conflict path that is none falls back to the time', () => {
    const policy = { mode: 'lastWriterWins', conflictResolutionPath: 'score' };
    expect(define({ conflictResolutionPolicy: policy }).conflictResolutionPolicy).toEqual({
      mode: 'LastWriterWins',
      conflictResolutionPath: '/_ts',
      conflictResolutionProcedure: '',
    });
  });

  test('the partition key can be encrypted only by format version 2', () => {
    const options = { encryptionKeyIds: new Set(['key']) };
    const body = (version: number) => ({ id: 'c', partitionKey: KEY, ...encrypted('/k', version) });
    expect(normalizeContainer(body(2), options).others).toEqual(encrypted('/k', 2));
    expect(() => normalizeContainer(body(1), options)).toThrow('version 2');
  });

  test('properties that nobody knows are not kept', () => {
    expect(containerBody(define({ colour: 'red', _rid: 'x' }))).not.toHaveProperty('colour');
    expect(containerBody(define({ _rid: 'x' }))).not.toHaveProperty('_rid');
  });
});

describe('a replacement', () => {
  const old = define({
    partitionKey: { paths: ['/k'], version: 2 },
    defaultTtl: 5,
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/a'] }] },
    conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: '/a' },
  });
  const replaceBy = (body: JsonObject) => {
    const changed = normalizeContainer(body, { previous: old });
    checkReplacement(old, changed);
    return changed;
  };

  test('may leave out what cannot change, and drops the rest that it leaves out', () => {
    const changed = replaceBy({ id: 'c', partitionKey: { paths: ['/k'] } });
    expect(changed.partitionKey).toEqual(old.partitionKey);
    expect(changed.others).toEqual(old.others);
    expect(changed.conflictResolutionPolicy).toEqual(old.conflictResolutionPolicy);
    expect(changed.defaultTtl).toBeUndefined();
  });

  test.each<[string, JsonObject]>([
    ['id', { id: 'd', partitionKey: KEY }],
    ['partitionKey', { id: 'c' }],
    ['partition key', { id: 'c', partitionKey: { paths: ['/other'], version: 2 } }],
    ['partition key', { id: 'c', partitionKey: { paths: ['/k'], version: 1 } }],
    ['unique index', { id: 'c', partitionKey: KEY, uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/b'] }] } }],
    ['conflict', { id: 'c', partitionKey: KEY, conflictResolutionPolicy: { conflictResolutionPath: '/b' } }],
  ])('must not change the %s', (reason, body) => {
    expect(() => replaceBy(body)).toThrow(reason);
  });
});
