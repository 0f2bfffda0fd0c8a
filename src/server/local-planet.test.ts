import { createHmac } from 'node:crypto';
import { mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initialAccountState, openEmbeddedDirectory } from '../account/index.ts';
import { createManagementApi } from '../api/fault/index.ts';
import type { JsonObject } from '../base/index.ts';
import { createMemoryLog, type Log, openFileLog } from '../log/index.ts';
import { createNodeDisk, createNodeRuntime, type HttpResponse } from '../runtime/index.ts';
import { LocalPlanet } from './local-planet.ts';

const REGIONS = ['One', 'Two', 'Three'];
const runtime = createNodeRuntime({ timersHoldProcess: true });

let folder: string;
let accountLog: Log;
let planet: LocalPlanet;
let fatal: unknown[];
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-planet-'));
  accountLog = createMemoryLog({ runtime });
  fatal = [];
  lines = [];
  const initial = initialAccountState({
    id: 'tested',
    regions: REGIONS,
    multipleWriteRegions: true,
    consistency: { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 },
  });
  const directory = await openEmbeddedDirectory({ runtime, log: accountLog, initial });
  planet = new LocalPlanet({
    runtime,
    disk: createNodeDisk(),
    directory,
    regions: REGIONS,
    pathsOf: (region) => {
      const root = join(folder, region);
      return { root, log: join(root, 'log'), store: join(root, 'store') };
    },
    latencyMs: () => 0,
    keys: { primary: KEY },
    operationTimeoutMs: 5_000,
    endpoints: () => [],
    log: (line) => lines.push(line),
    onFatal: (reason) => fatal.push(reason),
  });
  await planet.open();
});
afterEach(async () => {
  await planet.close();
  await accountLog.close();
  await rm(folder, { recursive: true });
  expect(fatal).toEqual([]);
});

/** Asks the management listener. */
async function manage(method: string, target: string, body?: unknown) {
  const api = createManagementApi({ runtime, planet, allowFaults: true });
  const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  const answer = await api({ method, target, headers: {}, body: bytes, secure: false });
  return { status: answer.status, json: JSON.parse(String(answer.body)) as JsonObject };
}

const KEY = Buffer.from('a key').toString('base64');

/** A signed request to a region. */
async function ask(
  region: string,
  method: string,
  target: string,
  given: { body?: unknown; headers?: object },
) {
  const parts = target.split('/').slice(1);
  const isFeed = parts.length % 2 === 1;
  const [type, link] = [parts.at(isFeed ? -1 : -2), (isFeed ? parts.slice(0, -1) : parts).join('/')];
  const date = new Date().toUTCString();
  const payload = `${method.toLowerCase()}\n${type}\n${link}\n${date.toLowerCase()}\n\n`;
  const digest = createHmac('sha256', Buffer.from(KEY, 'base64')).update(payload).digest('base64');
  const authorization = encodeURIComponent(`type=master&ver=1.0&sig=${digest}`);
  const answer = await planet.listenerOf(region).handle({
    method,
    target,
    headers: { authorization, 'x-ms-date': date, ...given.headers },
    body: Buffer.from(given.body === undefined ? '' : JSON.stringify(given.body)),
    secure: false,
  });
  return answer.status;
}

/** Without a signature: 401 from a region that answers, 503 from one that does not. */
async function statusOf(region: string): Promise<number> {
  const request = { method: 'GET', target: '/dbs', headers: {}, body: Buffer.alloc(0), secure: false };
  const answer: HttpResponse = await planet.listenerOf(region).handle(request);
  return answer.status;
}

const isWaiting = async (answer: Promise<unknown>) =>
  (await Promise.race([answer, new Promise((resolve) => setTimeout(() => resolve('waits'), 50))])) ===
  'waits';

describe('a region', () => {
  test('that is killed answers 503, and answers again when started', async () => {
    expect(await statusOf('One')).toBe(401);
    await planet.kill('One');
    expect(await statusOf('One')).toBe(503);
    expect((await manage('GET', '/readyz')).json.reason).toBe('not running: One');
    await planet.start('One');
    expect(await statusOf('One')).toBe(401);
    expect((await manage('GET', '/readyz')).status).toBe(200);
  });

  test('is started once, however many ask for it at a time', async () => {
    await planet.kill('One');
    const starts = await Promise.allSettled([1, 2, 3].map(() => planet.start('One')));
    expect(starts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await statusOf('One')).toBe(401);
  });

  test('that is killed while it opens is killed after', async () => {
    await planet.kill('One');
    const starting = planet.start('One').catch(() => undefined);
    await planet.kill('One');
    await starting;
    expect(await statusOf('One')).toBe(503);
    expect(await planet.status('One')).toBeUndefined();
  });

  test('can only be wiped while it is down, and is another origin then', async () => {
    await expect(planet.wipe('One')).rejects.toMatchObject({ code: 'Conflict' });
    await planet.kill('One');
    await planet.wipe('One');
    expect((await readdir(folder)).sort()).toEqual(['Three', 'Two']);
    await planet.start('One');
    expect((await planet.status('One'))?.origin).toBe(4);
    expect(await statusOf('One')).toBe(401);
  });

  test('that is killed answers requests under way with 503, and takes part in nothing more', async () => {
    const container = { id: 'c', partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 } };
    expect(await ask('One', 'POST', '/dbs', { body: { id: 'd' } })).toBe(201);
    expect(await ask('One', 'POST', '/dbs/d/colls', { body: container })).toBe(201);
    const headers = {
      'x-ms-documentdb-partitionkey': '["p"]',
      // Nobody ever gets there, so the request waits.
      'x-ms-session-token': '0:1#9#1=9#2=0#3=0',
    };
    const body = { id: 'i', pk: 'p' };
    const writing = ask('One', 'POST', '/dbs/d/colls/c/docs', { headers, body });
    const reading = ask('One', 'GET', '/dbs/d/colls/c/docs/i', { headers });
    expect(await isWaiting(writing)).toBe(true);
    await planet.kill('One');
    expect(await Promise.all([writing, reading])).toEqual([503, 503]);
    // What the dead region's objects still do when their wait is over must reach nobody.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(fatal).toEqual([]);
    await planet.start('One');
    const again = { 'x-ms-documentdb-partitionkey': '["p"]' };
    expect(await ask('One', 'POST', '/dbs/d/colls/c/docs', { headers: again, body })).toBe(201);
  });

  test('that fails to start can be started once the cause is gone', async () => {
    await planet.kill('One');
    const log = join(folder, 'One', 'log');
    await rename(log, `${log}.away`);
    await writeFile(log, 'a file in the place of a folder');
    await expect(planet.start('One')).rejects.toThrow();
    expect(await statusOf('One')).toBe(503);
    await rm(log);
    await rename(`${log}.away`, log);
    await planet.start('One');
    expect(await statusOf('One')).toBe(401);
  });

  test('drops what was deleted while it was down', async () => {
    const container = { id: 'c', partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 } };
    await ask('One', 'POST', '/dbs', { body: { id: 'd' } });
    await ask('One', 'POST', '/dbs/d/colls', { body: container });
    const headers = { 'x-ms-documentdb-partitionkey': '["p"]' };
    await ask('One', 'POST', '/dbs/d/colls/c/docs', { headers, body: { id: 'i', pk: 'p' } });
    await planet.kill('One');
    expect(await ask('Two', 'DELETE', '/dbs/d/colls/c', {})).toBe(204);
    await planet.start('One');
    expect(await ask('One', 'GET', '/dbs/d/colls/c', {})).toBe(404);
    await planet.kill('One');
    const left = await openFileLog({
      runtime,
      disk: createNodeDisk(),
      directory: join(folder, 'One', 'log'),
    });
    expect(left.partitions()).toEqual([]);
    await left.close();
  });

  test('whose log has rotted where nobody reads says so and serves', async () => {
    await planet.kill('One');
    const directory = join(folder, 'One', 'log');
    const log = await openFileLog({ runtime, disk: createNodeDisk(), directory });
    for (let tail = 0; tail < 6; ) tail = await log.append(1_000_000, tail, [Buffer.alloc(1 << 20, 'x')]);
    await log.close();
    const [first = ''] = (await readdir(directory)).filter((name) => name.endsWith('.segment')).sort();
    const file = await open(join(directory, first), 'r+');
    await file.write('!', 2 << 20);
    await file.close();
    await planet.start('One');
    await expect
      .poll(() => lines.join('\n'), { timeout: 10_000 })
      .toContain('It serves, but can bring no other');
    expect(lines.join('\n')).toContain(`region One: log segment ${first} is damaged at offset`);
    expect(await statusOf('One')).toBe(401);
  });

  test('refuses what needs it while it is down', async () => {
    await planet.kill('One');
    await expect(planet.kill('One')).rejects.toMatchObject({ code: 'Conflict' });
    await expect(planet.collect('One')).rejects.toMatchObject({ code: 'Conflict' });
  });
});

describe('a pause', () => {
  test('holds requests until its end', async () => {
    const id = await planet.faults.add({ kind: 'pause', region: 'One' });
    const answer = statusOf('One');
    expect(await isWaiting(answer)).toBe(true);
    expect(await planet.faults.remove(id)).toBe(true);
    expect(await answer).toBe(401);
  });

  test('ends for those who wait when the region is killed, and comes again with it', async () => {
    const id = await planet.faults.add({ kind: 'pause', region: 'One' });
    const answer = statusOf('One');
    await planet.kill('One');
    expect(await answer).toBe(503);
    expect(await statusOf('One')).toBe(503);
    await planet.start('One');
    const later = statusOf('One');
    expect(await isWaiting(later)).toBe(true);
    await planet.faults.remove(id);
    expect(await later).toBe(401);
  });

  test('of a region that is down pauses it when it comes', async () => {
    await planet.kill('One');
    await planet.faults.add({ kind: 'pause', region: 'One' });
    expect(await statusOf('One')).toBe(503);
    await planet.start('One');
    const answer = statusOf('One');
    expect(await isWaiting(answer)).toBe(true);
    await planet.faults.clear();
    expect(await answer).toBe(401);
  });
});

describe('quiescence', () => {
  test('heals, starts and waits', async () => {
    await planet.faults.add({ kind: 'isolate', region: 'Two' });
    await planet.faults.add({ kind: 'pause', region: 'Three' });
    await planet.kill('One');
    await planet.wipe('One');
    expect(await manage('POST', '/faults/quiesce', { timeoutMs: 10_000 })).toEqual({
      status: 200,
      json: { equal: true },
    });
    expect(planet.faults.list()).toEqual([]);
    for (const region of REGIONS) expect(await statusOf(region)).toBe(401);
  });

  test('all of whose regions lost their disks finds that there is nothing to learn', async () => {
    for (const region of REGIONS) {
      await planet.kill(region);
      await planet.wipe(region);
    }
    expect((await manage('POST', '/faults/quiesce', { timeoutMs: 10_000 })).status).toBe(200);
  });
});

test('a new life waits for somebody who knows, and only once', async () => {
  for (const region of REGIONS) await planet.kill(region);
  await planet.wipe('One');
  const starting = planet.start('One');
  while ((await planet.status('One')) === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  // Two and Three know something, and are silent.
  expect(await isWaiting(starting)).toBe(true);
  expect(await statusOf('One')).toBe(503);
  expect((await manage('GET', '/readyz')).json.reason).toBe('not running: Two, Three; catching up: One');
  await planet.start('Two');
  await starting;
  expect(await statusOf('One')).toBe(401);

  await planet.kill('Two');
  await planet.kill('One');
  await planet.start('One');
  expect(await statusOf('One')).toBe(401);
});

test('the global endpoint answers as the first region that serves', async () => {
  const request = { method: 'GET', target: '/dbs', headers: {}, body: Buffer.alloc(0), secure: false };
  await planet.faults.add({ kind: 'pause', region: 'One' });
  await planet.kill('Two');
  expect((await planet.handleGlobal(request)).status).toBe(401);
  await planet.kill('Three');
  await planet.kill('One');
  expect((await planet.handleGlobal(request)).status).toBe(503);
});
