import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AccountState } from '../../account/index.ts';
import type { JsonObject } from '../../base/index.ts';
import type {
  AnswerHead,
  BatchAnswer,
  BatchRequest,
  BatchResult,
  Engine,
  FeedScope,
  ItemAnswer,
  Items,
  ItemTarget,
  Resources,
} from '../../engine/index.ts';
import { DatabaseError, type ErrorCode } from '../../errors/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import { createSqlApi, type SqlApi } from './index.ts';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const READ_KEY = Buffer.from('a key for reading').toString('base64');
const NOW = Date.UTC(2024, 0, 2, 3, 4, 5);
const CONTAINER_RID = 'kdY4AIn8g54=';

// --- an engine of one container, as small as the wire allows ---------------------------------------------

/** A failure at a partition, with the position that real ones carry. */
class PlacedError extends DatabaseError {
  readonly head: AnswerHead;
  constructor(code: ErrorCode, message: string, head: AnswerHead) {
    super(code, message);
    this.head = head;
  }
}

class OneContainer implements Items {
  readonly stored = new Map<string, { body: Buffer; etag: string }>();
  readonly scopes: FeedScope[] = [];
  readonly batches: BatchRequest[] = [];
  lsn = 0;

  #head(charge: number): AnswerHead {
    return {
      containerRid: CONTAINER_RID,
      containerPath: 'dbs/d/colls/c',
      rangeId: '0',
      sessionToken: `0:1#${this.lsn}#1=${this.lsn}`,
      lsn: this.lsn,
      basedOn: this.lsn,
      charge,
    };
  }

  #store(key: string, body: Buffer, status: 200 | 201): ItemAnswer {
    this.lsn++;
    const item = { body, etag: `"${this.lsn}"` };
    this.stored.set(key, item);
    return { ...this.#head(4.95), status, ...item };
  }

  #find({ partitionKey, id }: ItemTarget): { body: Buffer; etag: string } {
    const item = this.stored.get(keyOf(partitionKey, id));
    if (item === undefined) throw new PlacedError('NotFound', 'Entity does not exist.', this.#head(1));
    return item;
  }

  #findMatching(target: ItemTarget): { body: Buffer; etag: string } {
    const item = this.#find(target);
    if (target.ifMatch !== undefined && target.ifMatch !== item.etag) {
      throw new PlacedError('PreconditionFailed', 'The etag differs.', this.#head(1));
    }
    return item;
  }

  async create({
    partitionKey,
    body,
  }: {
    partitionKey: ItemTarget['partitionKey'];
    body: Buffer;
  }): Promise<ItemAnswer> {
    const key = keyOf(partitionKey, idOf(body));
    if (this.stored.has(key)) throw new PlacedError('Conflict', 'Entity exists.', this.#head(1));
    return this.#store(key, body, 201);
  }

  async upsert({
    partitionKey,
    body,
  }: {
    partitionKey: ItemTarget['partitionKey'];
    body: Buffer;
  }): Promise<ItemAnswer> {
    const key = keyOf(partitionKey, idOf(body));
    return this.#store(key, body, this.stored.has(key) ? 200 : 201);
  }

  async replace(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    this.#findMatching(target);
    return this.#store(keyOf(target.partitionKey, target.id), body, 200);
  }

  patch(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    return this.replace(target, Buffer.from(`{"id":${JSON.stringify(target.id)},"patch":${body}}`));
  }

  async delete(target: ItemTarget): Promise<ItemAnswer> {
    this.#findMatching(target);
    this.stored.delete(keyOf(target.partitionKey, target.id));
    this.lsn++;
    return { ...this.#head(4.95), status: 204, etag: undefined, body: undefined };
  }

  read(target: ItemTarget): ItemAnswer {
    const { body, etag } = this.#find(target);
    if (target.ifNoneMatch === etag) return { ...this.#head(1), status: 304, etag, body: undefined };
    return { ...this.#head(1), status: 200, etag, body };
  }

  /** Commits unless an operation is a delete. */
  async batch(request: BatchRequest): Promise<BatchAnswer> {
    this.batches.push(request);
    const failing = request.operations.findIndex(({ kind }) => kind === 'delete');
    const results = request.operations.map((_, place): BatchResult => {
      if (failing < 0)
        return { status: 201, charge: 5, etag: '"e"', body: Buffer.from(`{"place":${place}}`) };
      return place === failing ? { error: new DatabaseError('NotFound', 'Gone.') } : 'failed dependency';
    });
    return { ...this.#head(9), isCommitted: failing < 0, results };
  }

  async list(scope: FeedScope) {
    this.scopes.push(scope);
    const rows = [...this.stored.values()].map(({ body }) => body);
    return { ...this.#head(2.29), rows, continuation: 'next', metrics: undefined };
  }

  async query(request: FeedScope) {
    const metrics = {
      totalMs: 1.234,
      compileMs: 0.2,
      indexLookupMs: 0,
      documentLoadMs: 0,
      retrievedCount: 3,
      retrievedBytes: 99,
      outputCount: 1,
      outputBytes: 33,
      indexHitRatio: 1,
      explanation: {
        plan: { operator: 'index', path: '/a/?', isExact: true, estimate: { atLeast: 0, atMost: 9 } },
        steps: [{ kind: 'index scan' as const, path: '/a/?', calls: 1, entries: 3, bytes: 0, ms: 0.1 }],
        usedIndexes: ['/a/?'],
        usedComposites: [['/a ASC', '/b DESC']],
        missingIndexes: ['/"ü b"/?'],
      },
    };
    return { ...(await this.list(request)), continuation: undefined, metrics };
  }

  async deletePartitionKey(scope: FeedScope) {
    this.scopes.push(scope);
    return this.#head(10);
  }
}

function keyOf(partitionKey: ItemTarget['partitionKey'], id: string): string {
  // JSON has no undefined; the wire writes it as {}.
  return JSON.stringify([partitionKey?.map((component) => (component === undefined ? {} : component)), id]);
}

function idOf(body: Buffer): string {
  return String((JSON.parse(body.toString()) as JsonObject).id);
}

const CONTAINER = {
  id: 'c',
  _rid: CONTAINER_RID,
  _etag: '"c1"',
  indexingPolicy: { indexingMode: 'consistent' },
};
const DATABASE = { id: 'd', _rid: 'kdY4AA==', _etag: '"d1"' };
const RANGE = { id: '0', _rid: 'x', minInclusive: '', maxExclusive: 'FF', parents: [] };

function resources(): Partial<Resources> {
  const database = (name: string) => {
    if (name !== 'd' && name !== 'kdY4AA==') throw new DatabaseError('NotFound', `No database '${name}'.`);
    return DATABASE;
  };
  const container = (path: { database: string; container: string }) => {
    database(path.database);
    if (path.container !== 'c') throw new DatabaseError('OwnerNotFound', 'Owner resource does not exist');
    return CONTAINER;
  };
  const offer = { id: 'AbC-', _rid: 'AbC-', _etag: '"o1"', content: { offerThroughput: 400 } };
  return {
    listDatabases: () =>
      Array.from({ length: 250 }, (_, n) => ({ id: `d${n}`, _rid: ridOf(n), _etag: '""' })),
    readDatabase: database,
    databaseRid: (name) => database(name)._rid,
    createDatabase: async (body, throughput) => ({
      ...DATABASE,
      ...body,
      given: (throughput ?? null) as never,
    }),
    deleteDatabase: async (name) => void database(name),
    listContainers: () => [CONTAINER],
    readContainer: container,
    createContainer: async (_database, body) => ({ ...CONTAINER, ...body }),
    replaceContainer: async (_path, body) => ({ ...CONTAINER, ...body }),
    deleteContainer: async (path) => void container(path),
    containerOf: (path) => ({ rid: container(path)._rid, partitions: [{ id: '0' }] }) as never,
    listPartitionKeyRanges: (path) => [{ ...RANGE, of: container(path).id }],
    usage: () => ({ indexPercent: 100, itemCount: 7, itemBytes: 5000 }),
    listOffers: () => [offer],
    readOffer: () => offer,
    replaceOffer: async (_rid, body) => body,
  };
}

function ridOf(n: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes.toString('base64').replaceAll('/', '-');
}

const ACCOUNT = {
  id: 'orrery',
  multipleWriteRegions: true,
  regions: [{ name: 'West US' }, { name: 'North Europe' }],
  consistency: { level: 'Session', stalenessOperations: 100, stalenessSeconds: 5 },
} as unknown as AccountState;

// --- requests ----------------------------------------------------------------------------------------------

let items: OneContainer;
let api: SqlApi;
let faults: unknown[];

beforeEach(() => {
  items = new OneContainer();
  faults = [];
  const engine = { account: ACCOUNT, region: 'West US', items, resources: resources() } as unknown as Engine;
  const keys = { primary: KEY, primaryReadOnly: READ_KEY };
  let ticks = 0;
  api = createSqlApi({
    engine,
    runtime: {
      nowMs: () => NOW,
      monotonicMs: () => ticks++,
      random: () => 0.5,
      uuid: () => '6a6e1d9c-0f52-4a36-9d3b-0123456789ab',
      after: () => () => undefined,
      soon: () => undefined,
    },
    keys: () => keys,
    endpoints: ({ secure, host }) => [
      { name: 'West US', endpoint: `${secure ? 'https' : 'http'}://${host}:1` },
      { name: 'North Europe', endpoint: 'http://far:2/' },
    ],
    onFault: (error) => faults.push(error),
  });
});

interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Resource type and link to sign; worked out from plain targets when left out. */
  readonly signed?: readonly [type: string, link: string];
  readonly key?: string;
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: JsonObject & { message: string };
}

async function ask(
  method: string,
  target: string,
  { headers = {}, body, signed, key = KEY }: Ask = {},
): Promise<Told> {
  const date = new Date(NOW).toUTCString();
  const [type, link] = signed ?? signedOf(target);
  const payload = `${method.toLowerCase()}\n${type}\n${link}\n${date.toLowerCase()}\n\n`;
  const digest = createHmac('sha256', Buffer.from(key, 'base64')).update(payload).digest('base64');
  const authorization = encodeURIComponent(`type=master&ver=1.0&sig=${digest}`);
  const bytes = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const all = { authorization, 'x-ms-date': date, host: 'here', ...headers };
  return tell(await api.handler({ method, target, headers: all, body: Buffer.from(bytes), secure: false }));
}

function signedOf(target: string): [string, string] {
  const parts = target.split('/').filter((part) => part !== '');
  const isFeed = parts.length % 2 === 1;
  return [parts.at(isFeed ? -1 : -2) ?? '', (isFeed ? parts.slice(0, -1) : parts).join('/')];
}

function tell({ status, headers, body }: HttpResponse): Told {
  const pairs: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] ?? '', headers[i + 1] ?? '']);
  const named = Object.fromEntries(pairs);
  expect(Object.keys(named)).toHaveLength(pairs.length);
  expect(Number(named['x-ms-request-charge'])).toBeGreaterThanOrEqual(0);
  const text = Buffer.from(body ?? '').toString();
  return { status, headers: named, text, json: text === '' ? {} : JSON.parse(text) };
}

const DOCS = '/dbs/d/colls/c/docs';
const PK = { 'x-ms-documentdb-partitionkey': '["p"]' };
const create = (item: JsonObject, headers = {}) =>
  ask('POST', DOCS, { body: item, headers: { ...PK, ...headers } });
const UPSERT = { 'x-ms-documentdb-is-upsert': 'true' };

describe('items', () => {
  test('create, read, replace, upsert, patch, delete', async () => {
    expect(await create({ id: 'i', n: 1 })).toMatchObject({ status: 201, text: '{"id":"i","n":1}' });
    expect(await ask('GET', `${DOCS}/i`, { headers: PK })).toMatchObject({
      status: 200,
      text: '{"id":"i","n":1}',
    });
    const replaced = await ask('PUT', `${DOCS}/i`, { headers: PK, body: { id: 'i', n: 2 } });
    expect(replaced).toMatchObject({ status: 200, text: '{"id":"i","n":2}' });
    expect(await create({ id: 'i', n: 3 }, UPSERT)).toMatchObject({ status: 200 });
    expect(await create({ id: 'j' }, UPSERT)).toMatchObject({ status: 201 });
    expect((await ask('PATCH', `${DOCS}/i`, { headers: PK, body: [] })).json).toEqual({ id: 'i', patch: [] });
    expect(await ask('DELETE', `${DOCS}/i`, { headers: PK })).toMatchObject({ status: 204, text: '' });
    expect((await ask('GET', `${DOCS}/i`, { headers: PK })).status).toBe(404);
  });

  test('the headers of an answer', async () => {
    const { headers } = await create({ id: 'i' });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-ms-request-charge': '4.95',
      'x-ms-session-token': '0:1#1#1=1',
      'x-ms-content-path': CONTAINER_RID,
      'x-ms-alt-content-path': 'dbs/d/colls/c',
      'x-ms-documentdb-partitionkeyrangeid': '0',
      lsn: '1',
      etag: '"1"',
    });
    expect(headers['x-ms-activity-id']).toMatch(/^6a6e1d9c-0f52-4a36-9d3b-[0-9a-f]{12}$/);
    expect((await create({ id: 'j' })).headers['x-ms-activity-id']).not.toBe(headers['x-ms-activity-id']);
  });

  test('errors of a partition carry its position', async () => {
    const missing = await ask('GET', `${DOCS}/nobody`, { headers: PK });
    expect(missing.status).toBe(404);
    expect(missing.headers).toMatchObject({
      'x-ms-session-token': '0:1#0#1=0',
      'x-ms-content-path': CONTAINER_RID,
    });
    await create({ id: 'i' });
    const conflict = await create({ id: 'i' });
    expect(conflict).toMatchObject({ status: 409, json: { code: 'Conflict' } });
    expect(conflict.headers['x-ms-session-token']).toBe('0:1#1#1=1');
    expect(conflict.json.message).toMatch(
      /^Message: \{"Errors":\["Entity exists\."\]\}\r\nActivityId: [0-9a-f-]{36}, /,
    );
  });

  test('preconditions', async () => {
    const { headers } = await create({ id: 'i' });
    const known = { ...PK, 'if-none-match': String(headers.etag) };
    expect(await ask('GET', `${DOCS}/i`, { headers: known })).toMatchObject({ status: 304, text: '' });
    const stale = { ...PK, 'if-match': '"0"' };
    expect((await ask('PUT', `${DOCS}/i`, { headers: stale, body: { id: 'i' } })).status).toBe(412);
    expect((await ask('DELETE', `${DOCS}/i`, { headers: stale })).headers['x-ms-session-token']).toBe(
      '0:1#1#1=1',
    );
  });

  test('a client that wants no body back', async () => {
    const answer = await create({ id: 'i' }, { prefer: 'return=minimal' });
    expect(answer).toMatchObject({ status: 201, text: '', headers: { etag: '"1"' } });
  });

  test('ids that look like query strings, with every escape decoded once', async () => {
    await create({ id: 'a?b+%' });
    const signed = ['docs', 'dbs/d/colls/c/docs/a?b+%'] as const;
    expect((await ask('GET', `${DOCS}/a?b+%25`, { headers: PK, signed })).json).toEqual({ id: 'a?b+%' });
  });

  test('keys: undefined, null and empty are three', async () => {
    for (const header of ['[{}]', '[null]', '[""]']) {
      expect((await create({ id: 'i' }, { 'x-ms-documentdb-partitionkey': header })).status).toBe(201);
    }
    expect([...items.stored.keys()]).toEqual(['[[{}],"i"]', '[[null],"i"]', '[[""],"i"]']);
  });

  test.each([['"a"'], ['{"a":1}'], ['[{"a":1}]'], ['[1']])('key header %s is refused', async (header) => {
    const answer = await create({ id: 'i' }, { 'x-ms-documentdb-partitionkey': header });
    expect(answer).toMatchObject({ status: 400, json: { code: 'BadRequest' } });
  });

  test('what is not supported says so', async () => {
    await create({ id: 'i' });
    const headers = { 'x-ms-documentdb-pre-trigger-include': 'stamp' };
    const triggered = await ask('PATCH', `${DOCS}/i`, { headers, body: { operations: [] } });
    expect(triggered).toMatchObject({ status: 400 });
    expect(triggered.json.message).toContain('Triggers are not run by partial updates');
    const feed = await ask('GET', DOCS, { headers: { 'a-im': 'Incremental Feed' } });
    expect(feed).toMatchObject({ status: 400, json: { message: expect.stringContaining('change feed') } });
  });
});

describe('feeds and queries', () => {
  const scoped = {
    'x-ms-documentdb-partitionkeyrangeid': `${CONTAINER_RID},0`,
    'x-ms-start-epk': '0a',
    'x-ms-end-epk': '1F',
    'x-ms-max-item-count': '-1',
    'x-ms-continuation': 'token',
    'x-ms-session-token': '0:1#5',
    'x-ms-consistency-level': 'Eventual',
    'x-ms-cosmos-intended-collection-rid': CONTAINER_RID,
  };
  const scope = {
    path: { database: 'd', container: 'c' },
    rangeId: '0',
    epkRange: { min: '0A', max: '1F' },
    itemCountMax: -1,
    continuation: 'token',
    sessionToken: '0:1#5',
    consistency: 'Eventual',
    intendedContainerRid: CONTAINER_RID,
  };

  test('rows are passed on as they are', async () => {
    await create({ id: 'é', z: 1, a: 2 });
    await create({ id: 'j' });
    const { text, headers } = await ask('GET', DOCS, { headers: scoped });
    expect(text).toBe(
      `{"_rid":"${CONTAINER_RID}","Documents":[{"id":"é","z":1,"a":2},{"id":"j"}],"_count":2}`,
    );
    expect(headers).toMatchObject({ 'x-ms-item-count': '2', 'x-ms-continuation': 'next' });
    expect(items.scopes).toEqual([scope]);
  });

  test('an empty feed is still a list', async () => {
    expect((await ask('GET', DOCS)).json).toEqual({ _rid: CONTAINER_RID, Documents: [], _count: 0 });
  });

  test.each([
    { 'content-type': 'application/query+json' },
    { 'x-ms-documentdb-isquery': 'True', 'content-type': 'application/json' },
  ])('a query by %o', async (marks) => {
    const spec = { query: 'SELECT * FROM c WHERE c.a = @a', parameters: [{ name: '@a', value: [1] }] };
    const { status } = await ask('POST', DOCS, { headers: { ...marks, ...scoped }, body: spec });
    expect(status).toBe(200);
    expect(items.scopes).toEqual([{ ...scope, spec, staysInOneKey: true }]);
    const everywhere = { 'x-ms-documentdb-query-enablecrosspartition': 'True' };
    await ask('POST', DOCS, { headers: { ...marks, ...scoped, ...everywhere }, body: spec });
    expect(items.scopes.at(-1)).toEqual({ ...scope, spec });
  });

  test('metrics come when asked for, in parts of two', async () => {
    const headers = { 'x-ms-documentdb-isquery': 'true', 'x-ms-documentdb-populatequerymetrics': 'true' };
    const { headers: told } = await ask('POST', DOCS, { headers, body: { query: 'SELECT * FROM c' } });
    const parts = (told['x-ms-documentdb-query-metrics'] ?? '').split(';').map((part) => part.split('='));
    expect(parts.every((part) => part.length === 2)).toBe(true);
    expect(Object.fromEntries(parts)).toMatchObject({
      totalExecutionTimeInMs: '1.23',
      retrievedDocumentCount: '3',
    });
    expect(told['x-ms-continuation']).toBeUndefined();
    expect(told['x-ms-cosmos-index-utilization']).toBeUndefined();
  });

  test('used indexes and the plan come when asked for, as text that fits a header', async () => {
    const headers = {
      'x-ms-documentdb-isquery': 'true',
      'x-ms-cosmos-populateindexmetrics-v2': 'true',
      'x-orrery-explain': 'true',
    };
    const { headers: told } = await ask('POST', DOCS, { headers, body: { query: 'SELECT * FROM c' } });
    const read = (name: string) => JSON.parse(decodeURIComponent(told[name] ?? ''));
    expect(read('x-ms-cosmos-index-utilization')).toEqual({
      UtilizedIndexes: {
        SingleIndexes: [{ IndexSpec: '/a/?' }],
        CompositeIndexes: [{ IndexSpecs: ['/a ASC', '/b DESC'] }],
      },
      PotentialIndexes: { SingleIndexes: [{ IndexSpec: '/"ü b"/?' }], CompositeIndexes: [] },
    });
    expect(read('x-orrery-explain')).toMatchObject({ requestUnits: 2.29, plan: { path: '/a/?' } });
    expect(told['x-ms-documentdb-query-metrics']).toBeUndefined();
  });

  test.each(['{"query":1}', '{"query":"SELECT 1","parameters":[{"name":"a"}]}', '{', '[]'])(
    'query body %s is refused',
    async (body) => {
      const answer = await ask('POST', DOCS, { headers: { 'x-ms-documentdb-isquery': 'true' }, body });
      expect(answer).toMatchObject({ status: 400, json: { code: 'BadRequest' } });
    },
  );

  test.each(['0', '-2', '1.5', 'many'])('page size %s is refused', async (size) => {
    expect((await ask('GET', DOCS, { headers: { 'x-ms-max-item-count': size } })).status).toBe(400);
  });

  test('deleting a logical partition', async () => {
    const target = '/dbs/d/colls/c/operations/partitionkeydelete';
    const signed = ['colls', 'dbs/d/colls/c'] as const;
    expect(await ask('POST', target, { headers: PK, signed })).toMatchObject({ status: 200, text: '' });
    expect(items.scopes).toEqual([{ path: scope.path, partitionKey: ['p'] }]);
    expect((await ask('POST', target, { signed })).status).toBe(400);
  });
});

describe('metadata', () => {
  test('the account, as this client reaches it', async () => {
    const { json, headers } = await ask('GET', '/', { signed: ['', ''] });
    const locations = [
      { name: 'West US', databaseAccountEndpoint: 'http://here:1/' },
      { name: 'North Europe', databaseAccountEndpoint: 'http://far:2/' },
    ];
    expect(json).toMatchObject({ id: 'orrery', writableLocations: locations, readableLocations: locations });
    expect(headers['x-ms-max-media-storage-usage-mb']).toBeDefined();
  });

  test('databases: create with throughput, read, know unchanged, delete', async () => {
    const manual = { 'x-ms-offer-throughput': '500' };
    const made = await ask('POST', '/dbs', { headers: manual, body: { id: 'd' } });
    expect(made).toMatchObject({ status: 201, headers: { etag: '"d1"' } });
    expect(made.json.given).toEqual({ kind: 'manual', throughput: 500 });
    const autoscale = { 'x-ms-cosmos-offer-autopilot-settings': '{"maxThroughput":2000}' };
    const scaled = await ask('POST', '/dbs', { headers: autoscale, body: { id: 'd' } });
    expect(scaled.json.given).toEqual({ kind: 'autoscale', maxThroughput: 2000 });
    expect(
      (await ask('POST', '/dbs', { headers: { ...manual, ...autoscale }, body: { id: 'd' } })).status,
    ).toBe(400);
    expect((await ask('GET', '/dbs/d')).json).toEqual(DATABASE);
    expect((await ask('GET', '/dbs/d', { headers: { 'if-none-match': '"d1"' } })).status).toBe(304);
    expect((await ask('DELETE', '/dbs/d')).status).toBe(204);
    expect((await ask('PUT', '/dbs/d', { body: { id: 'd' } })).status).toBe(405);
    expect((await ask('GET', '/dbs/nobody')).json.code).toBe('NotFound');
  });

  test.each(['', '[]', '"d"', '{'])('create body %s is refused', async (body) => {
    expect(await ask('POST', '/dbs', { body })).toMatchObject({ status: 400, json: { code: 'BadRequest' } });
  });

  test('a body that nests too deep is refused', async () => {
    const body = (levels: number) => `{"id":"d","x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(await ask('POST', '/dbs', { body: body(200_000) })).toMatchObject({ status: 400 });
    expect(await ask('POST', '/dbs', { body: body(129) })).toMatchObject({ status: 400 });
    expect(await ask('POST', '/dbs', { body: body(128) })).toMatchObject({ status: 201 });
  });

  test('listing survives the deletion of what was listed', async () => {
    const ids: unknown[] = [];
    let continuation: string | undefined;
    const sizes: number[] = [];
    do {
      const headers: Record<string, string> = { 'x-ms-max-item-count': '125' };
      if (continuation !== undefined) headers['x-ms-continuation'] = continuation;
      const page = await ask('GET', '/dbs', { headers });
      const rows = page.json.Databases as JsonObject[];
      sizes.push(rows.length);
      ids.push(...rows.map(({ id }) => id));
      continuation = page.headers['x-ms-continuation'];
    } while (continuation !== undefined);
    expect(sizes).toEqual([125, 125, 0]);
    expect(ids).toEqual(Array.from({ length: 250 }, (_, n) => `d${n}`));
    expect((await ask('GET', '/dbs', { headers: { 'x-ms-continuation': 'junk' } })).json.message).toContain(
      'Invalid Continuation Token',
    );
  });

  test('containers', async () => {
    expect(await ask('POST', '/dbs/d/colls', { body: { id: 'c' } })).toMatchObject({ status: 201 });
    expect((await ask('GET', '/dbs/d/colls')).json).toEqual({
      _rid: 'kdY4AA==',
      DocumentCollections: [CONTAINER],
      _count: 1,
    });
    const read = await ask('GET', '/dbs/d/colls/c');
    expect(read.headers).toMatchObject({ 'x-ms-content-path': 'kdY4AA==', 'x-ms-alt-content-path': 'dbs/d' });
    expect(read.headers['x-ms-resource-quota']).toBeUndefined();
    const quota = await ask('GET', '/dbs/d/colls/c', {
      headers: { 'x-ms-documentdb-populatequotainfo': 'true' },
    });
    expect(quota.headers['x-ms-resource-quota']).toContain('collectionSize=10485760');
    expect(quota.headers['x-ms-resource-usage']).toContain('documentsCount=7;collectionSize=5;');
    expect(quota.headers['x-ms-documentdb-collection-index-transformation-progress']).toBe('100');
    expect((await ask('PUT', '/dbs/d/colls/c', { body: { id: 'c', more: 1 } })).json.more).toBe(1);
    expect((await ask('DELETE', '/dbs/d/colls/c')).status).toBe(204);
    const missing = await ask('GET', '/dbs/d/colls/x');
    expect([missing.status, missing.headers['x-ms-substatus']]).toEqual([404, '1003']);
  });

  test('ranges', async () => {
    const { json, headers } = await ask('GET', '/dbs/d/colls/c/pkranges');
    expect(json).toEqual({ _rid: CONTAINER_RID, PartitionKeyRanges: [{ ...RANGE, of: 'c' }], _count: 1 });
    const incremental = { 'a-im': 'Incremental feed', 'if-none-match': String(headers.etag) };
    expect((await ask('GET', '/dbs/d/colls/c/pkranges', { headers: incremental })).status).toBe(304);
  });

  test('offers', async () => {
    expect((await ask('GET', '/offers')).json).toMatchObject({ _rid: '', _count: 1 });
    const read = await ask('GET', '/offers/AbC-', { signed: ['offers', 'abc-'] });
    expect(read.headers).toMatchObject({
      'x-ms-offer-replace-pending': 'false',
      'x-ms-cosmos-min-throughput': '400',
    });
    const doubled = { signed: ['offers', 'offers/abc-'] as const, body: {} };
    expect((await ask('PUT', '/offers/offers/AbC-/', doubled)).status).toBe(400);
  });

  test('kinds of resource that are not kept here', async () => {
    expect((await ask('GET', '/dbs/d/users')).json).toMatchObject({ Users: [], _rid: 'kdY4AA==' });
  });
});

describe('refusals', () => {
  test('without sign-in, on every path', async () => {
    for (const target of ['/', '/dbs', DOCS, '/nothing']) {
      const request = { method: 'GET', target, headers: {}, body: Buffer.alloc(0), secure: false };
      const { status, json } = tell(await api.handler(request));
      expect([status, json.code]).toEqual([401, 'Unauthorized']);
      expect(json.message).toMatch(/^Required Header authorization is missing/);
    }
  });

  test('read-only keys', async () => {
    await create({ id: 'i' });
    const key = READ_KEY;
    expect((await ask('GET', `${DOCS}/i`, { headers: PK, key })).status).toBe(200);
    const query = { headers: { 'x-ms-documentdb-isquery': 'true' }, body: { query: 'SELECT * FROM c' }, key };
    expect((await ask('POST', DOCS, query)).status).toBe(200);
    expect((await ask('DELETE', `${DOCS}/i`, { headers: PK, key })).json.code).toBe('Forbidden');
    expect((await ask('POST', DOCS, { headers: PK, body: { id: 'j' }, key })).status).toBe(403);
  });

  test('unknown paths and verbs', async () => {
    expect(await ask('GET', '/nothing/here')).toMatchObject({ status: 404, json: { code: 'NotFound' } });
    expect(await ask('TRACE', `${DOCS}/i`, { headers: PK })).toMatchObject({ status: 405 });
    expect((await ask('DELETE', DOCS)).json.code).toBe('MethodNotAllowed');
    expect((await ask('POST', '/', { signed: ['', ''] })).status).toBe(405);
    expect((await ask('GET', '/dbs/%zz')).status).toBe(400);
  });

  test('a level that is none', async () => {
    const headers = { ...PK, 'x-ms-consistency-level': 'Perfect' };
    expect((await ask('GET', `${DOCS}/i`, { headers })).status).toBe(400);
  });

  test('retry hints and extra information', async () => {
    items.list = async () => {
      throw new DatabaseError('TooManyRequests', 'slow down', {
        retryAfterMs: 12.5,
        additionalInfo: '{"plan":1}',
      });
    };
    const { status, headers, json } = await ask('GET', DOCS);
    expect(status).toBe(429);
    expect(headers).toMatchObject({ 'x-ms-substatus': '3200', 'x-ms-retry-after-ms': '13' });
    expect(json).toMatchObject({ code: '429', additionalErrorInfo: '{"plan":1}' });
  });

  test('faults of a query text keep their form', async () => {
    items.query = async () => {
      throw new DatabaseError('BadRequest', '{"errors":[{"code":"SC1001"}]}');
    };
    const query = { headers: { 'x-ms-documentdb-isquery': 'true' }, body: { query: 'SELEC' } };
    expect((await ask('POST', DOCS, query)).json.message).toMatch(
      /^Message: \{"errors":\[\{"code":"SC1001"\}\]\}\r\n/,
    );
  });

  test('faults of our own tell nothing, and are told to the owner', async () => {
    items.read = () => {
      throw new TypeError('secret detail');
    };
    const { status, json } = await ask('GET', `${DOCS}/i`, { headers: PK });
    expect([status, json.code]).toEqual([500, 'InternalServerError']);
    expect(json.message).not.toContain('secret');
    expect(faults).toHaveLength(1);
  });

  test('what never reaches the handler', () => {
    const { status, json } = tell(api.refuse(413));
    expect([status, json.code]).toEqual([413, 'RequestEntityTooLarge']);
    expect(json.message).toMatch(/^Message: \{"Errors":\["Request size is too large"\]\}\r\n/);
    for (const other of [400, 408, 431] as const) expect(tell(api.refuse(other)).status).toBe(other);
  });
});

describe('bulk', () => {
  const BULK = {
    'x-ms-cosmos-is-batch-request': 'true',
    'x-ms-cosmos-batch-atomic': 'false',
    'x-ms-documentdb-partitionkeyrangeid': '0',
  };
  const GO_ON = { ...BULK, 'x-ms-cosmos-batch-continue-on-error': 'true' };
  const partitionKey = '["p"]';
  const operations = [
    { operationType: 'Create', resourceBody: { id: 'a', '2': 1, '1': 2 }, partitionKey },
    { operationType: 'Create', resourceBody: { id: 'a' }, partitionKey },
    { OperationType: 'Read', Id: 'a', PartitionKey: partitionKey },
    { operationType: 'Replace', id: 'a', resourceBody: { id: 'a', n: 1 }, partitionKey, ifMatch: '"0"' },
    { operationType: 'Delete', id: 'a', partitionKey },
    { operationType: 'Read', id: 'a', partitionKey },
    { operationType: 'Upsert', resourceBody: { id: 'b' }, partitionKey },
    { operationType: 'Patch', id: 'b', resourceBody: { operations: [] }, partitionKey },
  ];

  const told = ({ json }: Told) => json as unknown as JsonObject[];
  const statuses = (answer: Told) => told(answer).map(({ statusCode }) => statusCode);

  test('each operation stands alone, in the order given', async () => {
    const answer = await ask('POST', DOCS, { headers: GO_ON, body: operations });
    expect(answer.status).toBe(200);
    expect(statuses(answer)).toEqual([201, 409, 200, 412, 204, 404, 201, 200]);
    const results = told(answer);
    expect(results[0]).toMatchObject({ requestCharge: 4.95, eTag: '"1"' });
    expect(results[7]?.resourceBody).toEqual({ id: 'b', patch: { operations: [] } });
    expect(results[3]?.message).toContain('etag differs');
    const sum = results.reduce((total, { requestCharge }) => total + Number(requestCharge), 0);
    expect(Number(answer.headers['x-ms-request-charge'])).toBeCloseTo(sum, 2);
    expect(answer.headers['x-ms-session-token']).toBe('0:1#4#1=4');
  });

  test('bodies are kept byte for byte', async () => {
    const body =
      '[{"operationType":"Create","partitionKey":"[\\"p\\"]","resourceBody":{ "2":1,"1": 1e3,"id":"a\\u0022]}" }}]';
    await ask('POST', DOCS, { headers: GO_ON, body });
    expect(items.stored.get('[["p"],"a\\"]}"]')?.body.toString()).toBe(
      '{ "2":1,"1": 1e3,"id":"a\\u0022]}" }',
    );
  });

  test('stopping at the first failure', async () => {
    const answer = await ask('POST', DOCS, { headers: BULK, body: operations });
    expect(statuses(answer)).toEqual([201, 409, 424, 424, 424, 424, 424, 424]);
    expect([...items.stored.keys()]).toEqual(['[["p"],"a"]']);
  });

  test('without bodies, except of reads', async () => {
    const answer = await ask('POST', DOCS, {
      headers: { ...GO_ON, prefer: 'return=minimal' },
      body: operations,
    });
    expect(
      told(answer)
        .map(({ resourceBody }) => resourceBody !== undefined)
        .indexOf(true),
    ).toBe(2);
    expect(told(answer)[0]).toEqual({ statusCode: 201, requestCharge: 4.95, eTag: '"1"' });
  });

  test('refused as a whole', async () => {
    const refuse = async (body: unknown, headers: Record<string, string> = GO_ON) => {
      const { status, headers: answered } = await ask('POST', DOCS, { headers, body });
      return [status, answered['x-ms-substatus']];
    };
    const many = Array.from({ length: 101 }, () => operations[2]);
    expect(await refuse(many)).toEqual([400, undefined]);
    for (const body of [
      '',
      '{}',
      '[{}]',
      '[{"operationType":"Frob"}]',
      '[{"operationType":"Read"',
      '[] x',
      '[1]',
    ]) {
      expect(await refuse(body), body).toEqual([400, undefined]);
    }
    expect(await refuse([], { ...GO_ON, 'x-ms-documentdb-partitionkeyrangeid': '9' })).toEqual([410, '1002']);
    expect(items.stored.size).toBe(0);
  });

  test('an atomic batch goes to the engine whole, and its failure is no failure of the request', async () => {
    const headers = {
      'x-ms-cosmos-is-batch-request': 'true',
      'x-ms-cosmos-batch-atomic': 'True',
      'x-ms-documentdb-partitionkey': partitionKey,
    };
    const done = await ask('POST', DOCS, { headers, body: operations.slice(0, 2) });
    expect(done).toMatchObject({
      status: 200,
      json: [{ statusCode: 201, eTag: '"e"' }, { statusCode: 201 }],
    });
    expect(done.headers['x-ms-session-token']).toBe('0:1#0#1=0');
    expect(items.batches[0]).toMatchObject({ partitionKey: ['p'], operations: [{ kind: 'create' }, {}] });
    const failed = await ask('POST', DOCS, { headers, body: operations });
    expect(failed.status).toBe(207);
    expect(statuses(failed)).toEqual([424, 424, 424, 424, 404, 424, 424, 424]);
    const refused = async (body: unknown) => (await ask('POST', DOCS, { headers, body })).status;
    expect(await refused([])).toBe(400);
    expect(await refused([{ ...operations[0], partitionKey: '["q"]' }])).toBe(400);
    expect(await refused([{ operationType: 'Read' }])).toBe(400);
    expect(await refused(Array.from({ length: 101 }, () => operations[2]))).toBe(400);
    expect(await refused(`["${'x'.repeat(2 ** 21)}"]`)).toBe(413);
  });
});
