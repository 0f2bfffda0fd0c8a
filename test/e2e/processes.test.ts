import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manage, pause, type Ready, ServerProcess } from './kit/server-process.ts';
import { SqlClient } from './kit/sql-client.ts';

const DOCS = '/dbs/d/colls/c/docs';

/** One server for all: each test leaves it healed and whole. */
let data: string;
let server: ServerProcess;
let ready: Ready;
let everybody: SqlClient[];

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'orrery-e2e-'));
  const flags = ['--regions', 'One,Two,Three', '--isolation', 'process', '--data', data];
  ({ server, ready } = await ServerProcess.start(...flags));
  everybody = [ready.endpoint, ...ready.regions.map(({ endpoint }) => endpoint)].map(
    (endpoint) => new SqlClient(endpoint),
  );
  await client(0).makeContainer('d', 'c', 13_000);
});
afterAll(async () => {
  for (const each of everybody) each.close();
  const { code } = await server.stop();
  await rm(data, { recursive: true, force: true });
  expect(code).toBe(0);
});

/** 0: by the global endpoint; else of that region. */
function client(place: number): SqlClient {
  const found = everybody[place];
  if (found === undefined) throw new RangeError(`there is no region ${place}`);
  return found;
}

async function post(path: string, body: unknown): Promise<void> {
  const { status, json } = await manage(ready, 'POST', path, body);
  expect([status, json]).toEqual([200, expect.anything()]);
}

async function fault(body: unknown): Promise<() => Promise<void>> {
  const { json } = await manage(ready, 'POST', '/faults', body);
  return async () => {
    expect((await manage(ready, 'DELETE', `/faults/${json.id}`)).status).toBe(200);
  };
}

const quiesce = () => post('/faults/quiesce', { timeoutMs: 20_000 });
const readiness = async () => (await manage(ready, 'GET', '/readyz')).status;

/** Waits until `isSo`, for five seconds at most. */
async function soon(isSo: () => Promise<boolean>): Promise<void> {
  for (let left = 100; left > 0 && !(await isSo()); left--) await pause(50);
  expect(await isSo()).toBe(true);
}

/** Ids of the processes that the server started. */
function children(): number[] {
  const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(server.pid)]).toString();
  return listed
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}

test('each region is a process, and what one takes all get', async () => {
  expect(children()).toHaveLength(3);
  expect((await client(1).create(DOCS, 'one')).status).toBe(201);
  expect((await client(3).create(DOCS, 'three')).status).toBe(201);
  await quiesce();
  for (const place of [0, 1, 2, 3]) {
    expect((await client(place).read(DOCS, 'one')).status).toBe(200);
    expect((await client(place).read(DOCS, 'three')).status).toBe(200);
  }
});

test('killed, the region is away and the global endpoint goes on; started, it has what it had', async () => {
  await post('/faults/kill', { region: 'One' });
  expect(await readiness()).toBe(503);
  expect((await manage(ready, 'POST', '/faults/kill', { region: 'One' })).status).toBe(409);
  await expect(client(1).read(DOCS, 'one')).rejects.toMatchObject({ code: expect.stringMatching(/^ECONN/) });
  expect((await client(0).create(DOCS, 'meanwhile')).status).toBe(201);
  // Two at once are no more than one.
  const starts = [1, 2].map(() => manage(ready, 'POST', '/faults/start', { region: 'One' }));
  expect((await Promise.all(starts)).map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(await readiness()).toBe(200);
  await quiesce();
  expect((await client(1).read(DOCS, 'one')).status).toBe(200);
  expect((await client(1).read(DOCS, 'meanwhile')).status).toBe(200);
});

test('wiped, it learns everything from the others before it answers', async () => {
  expect((await manage(ready, 'POST', '/faults/wipe', { region: 'Two' })).status).toBe(409);
  await post('/faults/kill', { region: 'Two' });
  await post('/faults/wipe', { region: 'Two' });
  await post('/faults/start', { region: 'Two' });
  expect((await client(2).read(DOCS, 'one')).status).toBe(200);
  expect((await client(2).create(DOCS, 'after-the-wipe')).status).toBe(201);
  await quiesce();
  expect((await client(1).read(DOCS, 'after-the-wipe')).status).toBe(200);
});

test('having learnt it once, it starts although nobody can be reached', async () => {
  const heal = await fault({ kind: 'isolate', region: 'Two' });
  await client(1).create(DOCS, 'not-for-two');
  await post('/faults/kill', { region: 'Two' });
  await post('/faults/start', { region: 'Two' });
  expect((await client(2).read(DOCS, 'one')).status).toBe(200);
  await heal();
  await quiesce();
});

test('a cut is in force when it is answered, and faults last over the life of a process', async () => {
  await fault({ kind: 'cut', from: 'One', to: 'Three', direction: 'both' });
  await fault({ kind: 'cut', from: 'Two', to: 'Three', direction: 'both' });
  await client(1).create(DOCS, 'cut-off');
  await post('/faults/kill', { region: 'Three' });
  await post('/faults/start', { region: 'Three' });
  await pause(300);
  expect((await client(3).read(DOCS, 'cut-off')).status).toBe(404);
  const differing = await manage(ready, 'GET', '/replication');
  expect(JSON.stringify(differing.json)).toContain('"region":"Three"');
  await quiesce();
  expect((await client(3).read(DOCS, 'cut-off')).status).toBe(200);
});

test('a paused process holds up neither the start of another nor the global endpoint', async () => {
  const heal = await fault({ kind: 'pause', region: 'One' });
  expect((await client(0).read(DOCS, 'one')).status).toBe(200);
  await post('/faults/kill', { region: 'Two' });
  const startMs = Date.now();
  await post('/faults/start', { region: 'Two' });
  expect(Date.now() - startMs).toBeLessThan(8_000);
  const waiting = client(1).read(DOCS, 'one');
  expect(await Promise.race([waiting, pause(300).then(() => 'waits')])).toBe('waits');
  await heal();
  expect((await waiting).status).toBe(200);
  await quiesce();
});

test('what is paused when it is killed is paused again when it is started', async () => {
  const heal = await fault({ kind: 'pause', region: 'Three' });
  await post('/faults/kill', { region: 'Three' });
  await post('/faults/start', { region: 'Three' });
  const waiting = client(3).read(DOCS, 'one');
  expect(await Promise.race([waiting, pause(300).then(() => 'waits')])).toBe('waits');
  await heal();
  expect((await waiting).status).toBe(200);
});

test('a process that dies by itself is told of, and started again by hand', async () => {
  const [victim] = children();
  process.kill(victim ?? 0, 'SIGKILL');
  await soon(async () => (await readiness()) === 503);
  expect(server.stderr).toMatch(/region (One|Two|Three): its process ended \(code null, signal SIGKILL\)/);
  await quiesce();
  expect(await readiness()).toBe(200);
  expect(children()).toHaveLength(3);
});
