import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { ServerProcess } from '../harness/server-process.ts';
import { TestedServer } from '../harness/tested-server.ts';
import { QUERY_HEADERS, send, sign, type WireAnswer, type WireRequest } from '../harness/wire.ts';

// What clients other than the official one send, by mistake or on purpose, as plain HTTP.

const LINK = 'dbs/wire/colls/c';
const MINUTE_MS = 60_000;

const server = TestedServer.during();

beforeAll(async () => {
  await post('dbs', '', { id: 'wire' }, 'dbs');
  await post(
    'dbs/wire/colls',
    'dbs/wire',
    { id: 'c', partitionKey: { paths: ['/pk'], version: 2 } },
    'colls',
  );
  expect((await createItem({ id: 'known', pk: 'p', n: 1 })).status).toBe(201);
});

const ask = (request: WireRequest): Promise<WireAnswer> => send(server.endpoint, request);

function post(path: string, resourceLink: string, body: unknown, resourceType: string): Promise<WireAnswer> {
  return ask({ method: 'POST', target: `/${path}`, resourceLink, resourceType, body: JSON.stringify(body) });
}

function createRaw(body: string | Buffer, headers: Record<string, string> = {}): Promise<WireAnswer> {
  return ask({
    method: 'POST',
    target: `/${LINK}/docs`,
    resourceType: 'docs',
    resourceLink: LINK,
    headers: { 'content-type': 'application/json', 'x-ms-documentdb-partitionkey': '["p"]', ...headers },
    body,
  });
}

function createItem(
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<WireAnswer> {
  return createRaw(JSON.stringify(body), {
    'x-ms-documentdb-partitionkey': JSON.stringify([body.pk]),
    ...headers,
  });
}

/** `encodedId` as it stands in the target; the signature is over the decoded path. */
function readItem(encodedId: string, headers: Record<string, string> = {}): Promise<WireAnswer> {
  return ask({
    method: 'GET',
    target: `/${LINK}/docs/${encodedId}`,
    resourceType: 'docs',
    resourceLink: `${LINK}/docs/${decodeURIComponent(encodedId)}`,
    headers: { 'x-ms-documentdb-partitionkey': '["p"]', ...headers },
  });
}

function query(text: string, headers: Record<string, string> = {}): Promise<WireAnswer> {
  const body = JSON.stringify({ query: text, parameters: [] });
  return createRaw(body, { ...QUERY_HEADERS, ...headers });
}

/** Clients throw away every answer that is not this. */
function expectError(answer: WireAnswer, status: number, substatus?: number): void {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(answer.json.code).toEqual(expect.any(String));
  expect(answer.json.message).toEqual(expect.stringMatching(/\S/));
  expect(answer.headers['x-ms-activity-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.headers['x-ms-request-charge']).toMatch(/^\d+(\.\d+)?$/);
  if (substatus !== undefined) expect(answer.headers['x-ms-substatus']).toBe(String(substatus));
}

/** After whatever was sent, the server serves. */
async function expectAlive(): Promise<void> {
  expect((await readItem('known')).status).toBe(200);
}

describe('signatures', () => {
  const account: WireRequest = { method: 'GET', target: '/' };

  test.each<[string, Partial<WireRequest>, number]>([
    ['none', { authorization: null }, 401],
    ['empty', { authorization: '' }, 401],
    ['nonsense', { authorization: 'let me in' }, 401],
    ['bad base64', { authorization: encodeURIComponent('type=master&ver=1.0&sig=!!!') }, 401],
    ['a wrong key', { key: Buffer.from('x'.repeat(64)).toString('base64') }, 401],
    ['another path', { resourceLink: 'dbs/other' }, 401],
    ['a date 20 minutes old', { date: new Date(Date.now() - 20 * MINUTE_MS) }, 403],
    ['a date 20 minutes ahead', { date: new Date(Date.now() + 20 * MINUTE_MS) }, 403],
    ['a date 10 minutes old', { date: new Date(Date.now() - 10 * MINUTE_MS) }, 200],
  ])('%s: %#', async (_, change, status) => {
    const answer = await ask({ ...account, ...change });
    if (status === 200) expect(answer.status).toBe(200);
    else expectError(answer, status);
  });

  test('a wrong signature is told what was expected to be signed', async () => {
    const { json } = await ask({ ...account, resourceLink: 'dbs/other' });
    expect(json.message).toContain("The input authorization token can't serve the request");
  });

  test('a signature may stand unencoded', async () => {
    const date = new Date();
    const authorization = decodeURIComponent(sign(account, date.toUTCString()));
    expect((await ask({ ...account, date, authorization })).status).toBe(200);
  });

  test('what is not there is 404 for those who may ask, 401 for others', async () => {
    const missing: WireRequest = {
      method: 'GET',
      target: '/dbs/nobody',
      resourceType: 'dbs',
      resourceLink: 'dbs/nobody',
    };
    expectError(await ask(missing), 404);
    expectError(await ask({ ...missing, authorization: 'nonsense' }), 401);
  });

  test('the published vector', () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
    const request = {
      method: 'GET',
      target: '',
      resourceType: 'docs',
      resourceLink: 'dbs/Db1/colls/Coll1/docs/Doc 1',
      key,
    };
    expect(decodeURIComponent(sign(request, 'Tue, 02 Jan 2024 03:04:05 GMT'))).toContain(
      'sig=Bk3l2kOn04RrLzltJ0PPBIAaniP1mm7TLCl19XUgbJw=',
    );
  });
});

describe('the account document', () => {
  test('names what clients look for', async () => {
    const { status, json } = await ask({ method: 'GET', target: '/' });
    expect(status).toBe(200);
    expect(json.id).not.toBe('localhost');
    expect(json).toMatchObject({
      enableMultipleWriteLocations: true,
      userConsistencyPolicy: { defaultConsistencyLevel: 'Session' },
      queryEngineConfiguration: expect.any(String),
    });
    expect(JSON.parse(String(json.queryEngineConfiguration))).toMatchObject({
      maxSqlQueryInputLength: 524_288,
    });
  });

  test('advertises the address that the request came in on', async () => {
    const { port } = new URL(server.endpoint);
    const { json } = await ask({ method: 'GET', target: '/', headers: { host: `localhost:${port}` } });
    const [first] = json.writableLocations as { databaseAccountEndpoint: string }[];
    expect(new URL(first?.databaseAccountEndpoint ?? '').hostname).toBe('localhost');
  });
});

describe('bodies', () => {
  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['no JSON', '{"id": "x", '],
    ['trailing garbage', '{"id":"x","pk":"p"}}'],
    ['an array', '[{"id":"x","pk":"p"}]'],
    ['null', 'null'],
    ['a number', '5'],
    ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['an id that is no text', '{"id":5,"pk":"p"}'],
    ['no id', '{"pk":"p"}'],
    ['an empty id', '{"id":"","pk":"p"}'],
    ['an id with a slash', '{"id":"a/b","pk":"p"}'],
    ['an id with a backslash', '{"id":"a\\\\b","pk":"p"}'],
    ['an id with a hash', '{"id":"a#b","pk":"p"}'],
    ['nesting of 200', `{"id":"deep","pk":"p","d":${'['.repeat(200)}${']'.repeat(200)}}`],
    ['nesting of 100,000', `{"id":"deep","pk":"p","d":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('%s: 400', async (_, body) => {
    expectError(await createRaw(body), 400);
    await expectAlive();
  });

  test('names that mean something in JavaScript mean nothing here', async () => {
    const text =
      '{"id":"proto","pk":"p","__proto__":{"a":1},"constructor":2,"toString":3,"hasOwnProperty":4}';
    const created = await createRaw(text);
    expect(created.status).toBe(201);
    expect((await readItem('proto')).text).toContain(text.slice(0, -1));
    const found = await query(
      'SELECT VALUE c["__proto__"].a FROM c WHERE c.constructor = 2 AND c["toString"] = 3',
    );
    expect(found.json.Documents).toEqual([1]);
    expect((await createRaw('{"id":"__proto__","pk":"p"}')).status).toBe(201);
    expect((await readItem('__proto__')).status).toBe(200);
  });

  test('an item over 2 MB is 413, one just under passes', async () => {
    const body = (bytes: number) => `{"id":"big","pk":"p","filler":"${'x'.repeat(bytes - 34)}"}`;
    expectError(await createRaw(body(2 * 1024 * 1024 + 1024)), 413);
    expectError(await createRaw(body(30 * 1024 * 1024)).catch(closedEarly), 413);
    const large = await createRaw(body(2_000_000), { 'x-ms-documentdb-is-upsert': 'True' });
    expect(large.status).toBe(201);
    expect((await readItem('big')).text.length).toBeGreaterThan(1_999_000);
    await expectAlive();
  });

  test('a body in chunks, without its length', async () => {
    const request: WireRequest = {
      method: 'POST',
      target: `/${LINK}/docs`,
      resourceType: 'docs',
      resourceLink: LINK,
      headers: { 'x-ms-documentdb-partitionkey': '["p"]', 'content-type': 'application/json' },
      body: '{"id":"chunked","pk":"p"}',
      isChunked: true,
    };
    expect((await ask(request)).status).toBe(201);
    expectError(await ask({ ...request, body: 'x'.repeat(5_000_000) }).catch(closedEarly), 413);
  });

  test('PATCH comes without a content type', async () => {
    const answer = await ask({
      method: 'PATCH',
      target: `/${LINK}/docs/known`,
      resourceType: 'docs',
      resourceLink: `${LINK}/docs/known`,
      headers: { 'x-ms-documentdb-partitionkey': '["p"]' },
      body: '[{"op":"set","path":"/patched","value":true}]',
    });
    expect(answer.status).toBe(200);
    expect(answer.json.patched).toBe(true);
  });

  /** A server may close on a sender that goes on for too long; the sender then sees a reset, or the answer. */
  function closedEarly(error: NodeJS.ErrnoException): WireAnswer {
    expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
    const headers = {
      'content-type': 'application/json',
      'x-ms-activity-id': '0'.repeat(36),
      'x-ms-request-charge': '0',
    };
    return { status: 413, headers, text: '', json: { code: 'closed', message: 'closed' } };
  }
});

describe('targets', () => {
  test.each<[string, string, number]>([
    ['GET', '/nothing', 404],
    ['GET', '/dbs/wire/nothing', 404],
    ['GET', '/dbs/wire/colls/c/docs/known/more', 404],
    ['GET', '/dbs/wire/colls/nobody/docs', 404],
    ['GET', '//', 404],
  ])('%s %s: an error that clients can read', async (method, target, status) => {
    const answer = await ask({ method, target });
    // Who cannot tell what is addressed cannot check a signature either.
    expect([status, 400, 401]).toContain(answer.status);
    expectError(answer, answer.status);
  });

  test.each<[string, string, string, string]>([
    ['PUT', '/dbs/wire', 'dbs', 'dbs/wire'],
    ['PATCH', '/dbs/wire/colls/c', 'colls', 'dbs/wire/colls/c'],
    ['DELETE', '/dbs', 'dbs', ''],
    ['PUT', `/${LINK}/docs`, 'docs', LINK],
    ['DELETE', '/', '', ''],
  ])('%s %s: 405', async (method, target, resourceType, resourceLink) => {
    expectError(await ask({ method, target, resourceType, resourceLink }), 405);
  });

  test('a verb that nobody registered is refused by the HTTP parser, readably', async () => {
    const answer = await ask({ method: 'BREW', target: '/' });
    expect([400, 405]).toContain(answer.status);
    expectError(answer, answer.status);
  });

  test('percent escapes are decoded once; ? and + belong to the id', async () => {
    for (const id of ['A', 'a?b+%', '%41', 'x y']) await createItem({ id, pk: 'p' });
    expect((await readItem('%41')).json.id).toBe('A');
    expect((await readItem('%2541')).json.id).toBe('%41');
    expect((await readItem('a%3Fb%2B%25')).json.id).toBe('a?b+%');
    const raw = await ask({
      method: 'GET',
      target: `/${LINK}/docs/a?b+%25`,
      resourceType: 'docs',
      resourceLink: `${LINK}/docs/a?b+%`,
      headers: { 'x-ms-documentdb-partitionkey': '["p"]' },
    });
    expect(raw.json.id).toBe('a?b+%');
  });

  test('a broken percent escape is 400', async () => {
    const answer = await ask({
      method: 'GET',
      target: `/${LINK}/docs/%zz`,
      resourceType: 'docs',
      resourceLink: LINK,
    });
    expectError(answer, 400);
  });

  test('a trailing slash is tolerated', async () => {
    const answer = await ask({
      method: 'GET',
      target: `/${LINK}/`,
      resourceType: 'colls',
      resourceLink: LINK,
    });
    expect(answer.json.id).toBe('c');
  });

  test('resources answer to their rids as well', async () => {
    const { json: item } = await readItem('known');
    const self = String(item._self).replace(/\/$/, '');
    const answer = await ask({
      method: 'GET',
      target: `/${self}`,
      resourceType: 'docs',
      resourceLink: String(item._rid).toLowerCase(),
      headers: { 'x-ms-documentdb-partitionkey': '["p"]' },
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json.id).toBe('known');
  });
});

describe('headers', () => {
  test.each<[string, Record<string, string>]>([
    ['a key that is no JSON', { 'x-ms-documentdb-partitionkey': 'p' }],
    ['a key that is no list', { 'x-ms-documentdb-partitionkey': '"p"' }],
    ['a malformed session token', { 'x-ms-session-token': '0:garbage' }],
    ['an unknown consistency level', { 'x-ms-consistency-level': 'Perfect' }],
    ['a level above the account', { 'x-ms-consistency-level': 'Strong' }],
  ])('%s: 400', async (_, headers) => {
    expectError(await readItem('known', headers), 400);
  });

  test.each(['0', '-5', 'ten', '1e9'])('a page size of %s does not break the server', async (size) => {
    const answer = await query('SELECT * FROM c', { 'x-ms-max-item-count': size });
    expect([200, 400]).toContain(answer.status);
    if (answer.status === 400) expectError(answer, 400);
  });

  test('a weaker level than the account is fine', async () => {
    expect((await readItem('known', { 'x-ms-consistency-level': 'Eventual' })).status).toBe(200);
  });

  test('objects and arrays as key values count as absent', async () => {
    for (const [id, pk] of Object.entries({ object: '{"a":1}', list: '[1]' })) {
      const absent = { 'x-ms-documentdb-partitionkey': '[{}]' };
      expect((await createRaw(`{"id":"${id}","pk":${pk}}`, absent)).status).toBe(201);
      expect((await readItem(id, absent)).status).toBe(200);
    }
  });

  test('a key that differs from the body is 400/1001', async () => {
    const answer = await createRaw('{"id":"elsewhere","pk":"q"}', {
      'x-ms-documentdb-partitionkey': '["p"]',
    });
    expectError(answer, 400, 1001);
    const arity = await createRaw('{"id":"elsewhere","pk":"q"}', {
      'x-ms-documentdb-partitionkey': '["q","r"]',
    });
    expectError(arity, 400, 1001);
  });

  test('a container other than the intended one is 400/1024', async () => {
    expectError(
      await readItem('known', { 'x-ms-cosmos-intended-collection-rid': 'AAAAAAAAAAA=' }),
      400,
      1024,
    );
  });

  test('a token from the future is 404/1002, and told soon', async () => {
    const written = await createItem({ id: 'token', pk: 'p' });
    const token = String(written.headers['x-ms-session-token']);
    const future = token
      .replaceAll(/=(\d+)/g, (_, lsn) => `=${Number(lsn) + 1000}`)
      .replace(/#(\d+)/, '#999999');
    const startedAt = performance.now();
    expectError(await readItem('token', { 'x-ms-session-token': future }), 404, 1002);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test('answers carry what clients build on', async () => {
    const created = await createItem({ id: 'headers', pk: 'p' });
    const container = await ask({
      method: 'GET',
      target: `/${LINK}`,
      resourceType: 'colls',
      resourceLink: LINK,
    });
    expect(created.headers).toMatchObject({
      etag: created.json._etag,
      'x-ms-session-token': expect.stringMatching(/^0:\d+#\d+(#\d+=\d+)+$/),
      'x-ms-content-path': container.json._rid,
      'x-ms-alt-content-path': LINK,
      'x-ms-documentdb-partitionkeyrangeid': '0',
      'x-ms-request-charge': expect.stringMatching(/^\d+(\.\d+)?$/),
    });
    expect(created.headers['content-encoding']).toBeUndefined();
    const missing = await readItem('nobody');
    expectError(missing, 404);
    expect(missing.headers['x-ms-session-token']).toMatch(/^0:/);
  });

  test('every answer has an activity id of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => readItem('known')));
    expect(new Set(answers.map((one) => one.headers['x-ms-activity-id'])).size).toBe(20);
  });

  test('headers of 20 KB pass, of 200 KB are refused, and the server goes on', async () => {
    expect((await readItem('known', { 'x-filler': 'x'.repeat(20_000) })).status).toBe(200);
    const answer = await readItem('known', { 'x-filler': 'x'.repeat(200_000) }).catch(() => undefined);
    expect(answer?.status ?? 431).toBe(431);
    await expectAlive();
  });
});

describe('queries', () => {
  test('a plan is given on request', async () => {
    const answer = await query('SELECT VALUE c.n FROM c ORDER BY c.n DESC', {
      'x-ms-cosmos-is-query-plan-request': 'True',
      'x-ms-cosmos-query-version': '1.4',
      'x-ms-cosmos-supported-query-features':
        'Aggregate, Distinct, MultipleOrderBy, OffsetAndLimit, OrderBy, Top',
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({
      partitionedQueryExecutionInfoVersion: 2,
      queryInfo: {
        distinctType: 'None',
        orderBy: ['Descending'],
        orderByExpressions: ['c.n'],
        aggregates: [],
        hasSelectValue: true,
        rewrittenQuery: expect.stringContaining('{documentdb-formattableorderbyquery-filter}'),
      },
      queryRanges: [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }],
    });
  });

  test('a feed is an envelope with rid, name and count', async () => {
    const { json, headers } = await query("SELECT * FROM c WHERE c.id = 'known'");
    expect(Object.keys(json)).toEqual(['_rid', 'Documents', '_count']);
    expect(json._count).toBe(1);
    expect(headers['x-ms-item-count']).toBe('1');
  });

  test.each<[string, string]>([
    ['very long', `SELECT * FROM c WHERE c.a = '${'x'.repeat(600_000)}'`],
    ['very nested', `SELECT * FROM c WHERE ${'('.repeat(20_000)}true${')'.repeat(20_000)}`],
    ['long minus chain', `SELECT * FROM c WHERE ${'-'.repeat(50_000)}1 = 1`],
  ])('a %s text is refused, not suffered', async (_, text) => {
    const answer = await query(text);
    expect([400, 413]).toContain(answer.status);
    expectError(answer, answer.status);
    await expectAlive();
  });
});

describe('sockets', () => {
  async function sendRaw(bytes: string | Buffer): Promise<string> {
    const { hostname, port } = new URL(server.endpoint);
    const socket = connectSocket(Number(port), hostname);
    await once(socket, 'connect');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    socket.end(bytes);
    await closed;
    return Buffer.concat(chunks).toString('latin1');
  }

  test.each<[string, string | Buffer]>([
    ['garbage', 'GARBAGE\r\n\r\n'],
    ['half a request', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['a broken TLS hello', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5])],
    ['a body shorter than told', 'POST /dbs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"id'],
    [
      'both length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n'],
    ['nothing', ''],
  ])('%s gets no success, and the server goes on', async (_, bytes) => {
    expect(await sendRaw(bytes)).not.toMatch(/^HTTP\/1\.1 2/);
    await expectAlive();
  });

  test('requests sent without waiting are answered in order', async () => {
    const date = new Date().toUTCString();
    const requests = ['/', '/nothing', '/'].map((target) => {
      const authorization = sign({ method: 'GET', target }, date);
      return `GET ${target} HTTP/1.1\r\nHost: x\r\nx-ms-date: ${date}\r\nauthorization: ${authorization}\r\n`;
    });
    const text = await sendRaw(`${requests.join('\r\n')}Connection: close\r\n\r\n`);
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d)/g)].map((match) => match[1]);
    expect(statuses).toEqual(['2', '4', '2']);
  });
});

describe('management', () => {
  const get = (path: string) => fetch(server.management + path);

  test('health, readiness and replication are told as JSON', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const lines = (await (await get('/replication')).json()) as Record<string, unknown>[];
    const own = lines.filter((line) => line.pkRangeId === '0');
    expect(own.length).toBeGreaterThanOrEqual(3);
    expect(new Set(own.map((line) => line.region))).toEqual(
      new Set(server.regions.map((region) => region.name)),
    );
    expect(own[0]).toMatchObject({
      vector: expect.any(Object),
      lsn: expect.any(Number),
      lag: expect.any(Object),
    });
  });

  test('the fault interface can be closed', async () => {
    const closed = await ServerProcess.start({ flags: ['--no-allow-faults'] });
    const answer = await fetch(`${closed.management}/faults`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    await closed.dispose();
  });

  test('a fault body that is no JSON is 400', async () => {
    const answer = await fetch(`${server.management}/faults`, { method: 'POST', body: '{' });
    expect(answer.status).toBe(400);
  });
});
