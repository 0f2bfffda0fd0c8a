import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { explain } from './explain-command.ts';
import { fault } from './fault-command.ts';
import { start } from './start-command.ts';
import { status } from './status-command.ts';
import type { Terminal } from './terminal.ts';

// A management listener that notes what it is asked and answers what the test says.
const asked: string[] = [];
let answers: Record<string, { status: number; body?: unknown }> = {};
let server: Server;
let management = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const key = `${request.method} ${request.url}`;
      asked.push(body === '' ? key : `${key} ${body}`);
      const answer = answers[key] ?? { status: 200, body: { id: '7' } };
      response.writeHead(answer.status).end(answer.body === undefined ? '' : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  management = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

beforeEach(() => {
  asked.length = 0;
  answers = {};
});

async function run(
  command: (argv: readonly string[], terminal: Terminal) => Promise<number>,
  argv: string[],
): Promise<{ code: number; out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await command(argv, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out, err };
}

const faultHere = (...argv: string[]) => run(fault, [...argv, '--management', management]);

describe('orrery fault', () => {
  test.each([
    [
      ['add', 'cut', '--from', 'West US', '--to', 'North Europe', '--direction', 'one'],
      '{"kind":"cut","from":"West US","to":"North Europe","direction":"one"}',
    ],
    [
      ['add', 'delay', '--from', 'A', '--to', 'B', '--ms', '300', '--jitter-ms', '50'],
      '{"kind":"delay","from":"A","to":"B","ms":300,"jitterMs":50}',
    ],
    [
      ['add', 'throttle', '--from', 'A', '--to', 'B', '--entries-per-second', '3'],
      '{"kind":"throttle","from":"A","to":"B","entriesPerSecond":3}',
    ],
    [['add', 'skew', '--region', 'A', '--ms', '-30000'], '{"kind":"skew","region":"A","ms":-30000}'],
    [['add', 'drift', '--region', 'A', '--ppm', '200'], '{"kind":"drift","region":"A","ppm":200}'],
    [
      ['add', 'reorder', '--from', 'A', '--to', 'B', '--probability', '0.3'],
      '{"kind":"reorder","from":"A","to":"B","probability":0.3}',
    ],
  ])('%j', async (argv, body) => {
    expect(await faultHere(...argv)).toEqual({ code: 0, out: ['fault 7 added'], err: [] });
    expect(asked).toEqual([`POST /faults ${body}`]);
  });

  test('regions go down, come back and are wiped by name', async () => {
    for (const action of ['kill', 'wipe', 'start', 'collect']) await faultHere(action, 'West US');
    expect(asked).toEqual(
      ['kill', 'wipe', 'start', 'collect'].map((action) => `POST /faults/${action} {"region":"West US"}`),
    );
  });

  test('remove takes an id or all, never neither', async () => {
    expect((await faultHere('remove', 'a/b')).code).toBe(0);
    expect((await faultHere('remove', '--all')).out).toEqual(['all faults removed']);
    expect((await faultHere('remove')).code).toBe(2);
    expect(asked).toEqual(['DELETE /faults/a%2Fb', 'DELETE /faults']);
  });

  test('what regions still differ in is told when they do not come to rest', async () => {
    answers['POST /faults/quiesce'] = { status: 504, body: { message: 'West US lacks 3 entries' } };
    const result = await faultHere('quiesce', '--timeout-ms', '50');
    expect(result).toEqual({
      code: 1,
      out: [],
      err: ['orrery: the server answered 504: West US lacks 3 entries'],
    });
    expect(asked).toEqual(['POST /faults/quiesce {"timeoutMs":50}']);
  });

  test('--json passes the answer on', async () => {
    answers['GET /faults'] = { status: 200, body: [{ id: '1', kind: 'pause', region: 'A' }] };
    expect((await faultHere('list', '--json')).out).toEqual(['[{"id":"1","kind":"pause","region":"A"}]']);
    expect((await faultHere('list')).out).toEqual(['{"id":"1","kind":"pause","region":"A"}']);
  });

  test.each([
    [['add', 'melt'], /needs one of cut, isolate/],
    [['add', 'constructor'], /needs one of cut, isolate/],
    [['add', 'cut', '--from', 'A'], /fault add cut needs --to/],
    [['add', 'isolate', '--region', 'A', '--ppm', '1'], /isolate has no --ppm/],
    [['kill'], /fault kill needs a region/],
    [['kill', 'West', 'US'], /unexpected argument 'US'/],
    [['explode'], /unknown fault command 'explode'/],
    [[], /fault needs one of list/],
  ])('%j is refused before anybody is asked', async (argv, message) => {
    const result = await faultHere(...argv);
    expect(result.code).toBe(2);
    expect(result.err.join('\n')).toMatch(message);
    expect(asked).toEqual([]);
  });
});

describe('orrery status', () => {
  const line = { role: 'read/write', siblings: 1, tombstones: 0, conflicts: 0 };

  test('one line for each region, with the worst lag', async () => {
    answers['GET /readyz'] = { status: 200, body: { status: 'ready' } };
    answers['GET /replication'] = {
      status: 200,
      body: [
        { ...line, region: 'West US', lag: { 'North Europe': { operations: 3, ms: 40 } } },
        { ...line, region: 'North Europe', lag: {} },
        { ...line, region: 'West US', lag: { 'North Europe': { operations: 9, ms: 10 } } },
      ],
    };
    expect((await run(status, ['--management', management])).out).toEqual([
      'ready',
      'West US       read/write  partitions 2  lag 9 operations 40 ms  siblings 2  tombstones 0  conflicts 0',
      'North Europe  read/write  partitions 1  lag 0 operations 0 ms  siblings 1  tombstones 0  conflicts 0',
    ]);
  });

  test('a server that is not ready is told with its reason and exit code 1', async () => {
    answers['GET /readyz'] = { status: 503, body: { reason: 'recovering' } };
    answers['GET /replication'] = { status: 200, body: [] };
    const result = await run(status, ['--management', management]);
    expect(result).toEqual({ code: 1, out: ['not ready: {"reason":"recovering"}'], err: [] });
  });

  test('nobody there: one line', async () => {
    const result = await run(status, ['--management', 'http://127.0.0.1:1']);
    expect(result.code).toBe(1);
    expect(result.err).toHaveLength(1);
    expect(result.err[0]).toMatch(
      /^orrery: no server answers at http:\/\/127\.0\.0\.1:1 \(.+\); is it running there\?$/,
    );
  });
});

test('start tells every bad flag at once and exits 2, as JSON when asked', async () => {
  const bad = ['--port', 'x', '--wat'];
  expect(await run(start, bad)).toEqual({
    code: 2,
    out: [],
    err: ['orrery: unknown flag --wat', "orrery: --port must be a whole number from 0 to 65535, not 'x'"],
  });
  const asJson = await run(start, [...bad, '--json']);
  expect(JSON.parse(asJson.err[0] ?? '')).toMatchObject({
    event: 'refused',
    problems: [/wat/, /port/].map((part) => expect.stringMatching(part)),
  });
});

describe('orrery explain', () => {
  const explanation = {
    ...{ rows: 2, requestUnits: 2.5, totalMs: 3, compileMs: 1, retrievedCount: 4, retrievedBytes: 99 },
    plan: {
      operator: 'intersection',
      isExact: false,
      estimate: { atLeast: 0, atMost: 9 },
      terms: [
        {
          ...{ operator: 'index', path: '/a/?', values: '1', isExact: true },
          estimate: { atLeast: 4, atMost: 4 },
        },
        { operator: 'union', isExact: true, estimate: { atLeast: 5, atMost: 5 }, terms: [] },
      ],
      further: 3,
    },
    steps: [{ kind: 'index scan', path: '/a/?', calls: 1, entries: 4, bytes: 0, ms: 0.5 }],
    usedIndexes: ['/a/?'],
    missingIndexes: ['/b/?'],
  };
  let seen: IncomingHttpHeaders = {};
  let sql: Server;
  let endpoint = '';

  beforeAll(async () => {
    sql = createServer((request, response) => {
      request.resume();
      if (request.method === 'GET') return response.writeHead(401).end();
      seen = request.headers;
      if (request.url !== '/dbs/d/colls/c%20c/docs') return response.writeHead(404).end('{"message":"no"}');
      const header = encodeURIComponent(JSON.stringify(explanation));
      return response.writeHead(200, { 'x-orrery-explain': header }).end('{"Documents":[]}');
    });
    await new Promise<void>((resolve) => sql.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(sql.address() as AddressInfo).port}`;
  });
  afterAll(() => sql.close());

  const here = (...argv: string[]) => run(explain, [...argv, '--endpoint', endpoint]);

  test('shows steps and plan as a tree', async () => {
    const { code, out } = await here('d/c c', 'SELECT 1', '--partition-key', '["p"]');
    expect(code).toBe(0);
    expect(out).toEqual([
      'page of 2 rows  2.50 RU  3.00 ms',
      '├─ compile  1.00 ms',
      '├─ filter, sort and write 4 items of 99 bytes  1.50 ms',
      '├─ index scan /a/?  4 entries in 1 read  0.50 ms',
      '└─ condition',
      '   └─ intersection  (0 to 9 entries, items have to be looked at)',
      '      ├─ index /a/? 1  (4 entries)',
      '      ├─ union  (5 entries)',
      '      └─ 3 more',
      'no index on /b/?',
    ]);
    expect(seen['x-ms-documentdb-partitionkey']).toBe('["p"]');
    expect(seen['x-ms-date']).toMatch(/GMT$/);
    const key = Buffer.from(
      'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==',
      'base64',
    );
    const payload = `post\ndocs\ndbs/d/colls/c c\n${String(seen['x-ms-date']).toLowerCase()}\n\n`;
    const signature = createHmac('sha256', key).update(payload).digest('base64');
    expect(decodeURIComponent(seen.authorization ?? '')).toBe(`type=master&ver=1.0&sig=${signature}`);
  });

  test('as JSON, and when the server says no', async () => {
    expect(JSON.parse((await here('d/c c', 'SELECT 1', '--json')).out[0] ?? '')).toEqual(explanation);
    expect(await here('d/x', 'SELECT 1')).toEqual({
      code: 1,
      out: [],
      err: ['orrery: the server answered 404: no'],
    });
  });

  test.each([[[]], [['d']], [['d/c']], [['d/c/x', 'SELECT 1']], [['d/c', 'SELECT', '1']]])(
    'words %j are refused',
    async (words) => {
      expect((await here(...words)).code).toBe(2);
    },
  );
});
