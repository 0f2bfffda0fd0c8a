import { describe, expect, test } from 'vitest';
import { ownServers } from './kit/own-servers.ts';
import { manage, pause, type Ready, ServerProcess } from './kit/server-process.ts';
import { keyHeader, SqlClient } from './kit/sql-client.ts';

/* What is promised of time, and what the metrics say of it, with one process for each region. */

const CONTAINER = '/dbs/d/colls/c';
const DOCS = `${CONTAINER}/docs`;

const own = ownServers();
const { running, clients } = own;

async function start(...flags: string[]) {
  const started = await ServerProcess.start('--data', own.data, '--isolation', 'process', ...flags);
  running.push(started.server);
  const views = started.ready.regions.map(({ endpoint }) => new SqlClient(endpoint));
  clients.push(...views);
  const [first] = views;
  if (first === undefined) throw new RangeError('a server has regions');
  await first.makeContainer('d', 'c');
  await manage(started.ready, 'POST', '/faults/quiesce', { timeoutMs: 10_000 });
  return { ...started, views, first };
}

/** The samples of one family: labels as they stand, and the value. */
async function samples({ management }: Ready, family: string): Promise<Map<string, number>> {
  const text = await (await fetch(new URL('/metrics', management))).text();
  const lines = [...text.matchAll(new RegExp(`^${family}\\{(.*)\\} (.*)$`, 'gm'))];
  return new Map(lines.map(([, labels = '', value]) => [labels, Number(value)]));
}

describe('every operation on items ends in time', () => {
  test("with a 408 at the limit of one's choice, counted as a time-out", async () => {
    const flags = ['--regions', 'One,Two', '--consistency', 'Strong', '--write', 'single'];
    const { ready, first } = await start(...flags, '--operation-timeout', '600');
    const collection = 'getContext().getCollection()';
    const upsert = `${collection}.upsertDocument(${collection}.getSelfLink(), { id: 'i', pk: 'i' });`;
    const procedure = { id: 'f', body: `function f() { ${upsert} }` };
    expect((await first.ask('POST', `${CONTAINER}/sprocs`, { body: procedure })).status).toBe(201);
    expect((await first.create(DOCS, 'i')).status).toBe(201);
    await manage(ready, 'POST', '/faults', { kind: 'isolate', region: 'Two' });

    const headers = keyHeader('i');
    const body = { id: 'i', pk: 'i', v: 1 };
    const item = `${DOCS}/i`;
    const batch = { ...headers, 'x-ms-cosmos-is-batch-request': 'True', 'x-ms-cosmos-batch-atomic': 'True' };
    const operations = {
      create: () => first.create(DOCS, 'new'),
      upsert: () =>
        first.ask('POST', DOCS, { headers: { ...headers, 'x-ms-documentdb-is-upsert': 'True' }, body }),
      replace: () => first.ask('PUT', item, { headers, body }),
      patch: () => first.ask('PATCH', item, { headers, body: [{ op: 'set', path: '/v', value: 2 }] }),
      batch: () =>
        first.ask('POST', DOCS, { headers: batch, body: [{ operationType: 'Upsert', resourceBody: body }] }),
      execute: () => first.ask('POST', `${CONTAINER}/sprocs/f`, { headers, body: [] }),
      delete: () => first.ask('DELETE', item, { headers }),
      read: () => first.read(DOCS, 'i'),
    };
    const ended = await Promise.all(
      Object.entries(operations).map(async ([name, operation]) => {
        const startMs = performance.now();
        const { status } = await operation();
        return { name, status, ms: performance.now() - startMs };
      }),
    );
    for (const { name, status, ms } of ended) {
      expect([name, status]).toEqual([name, 408]);
      expect(ms, name).toBeGreaterThan(590);
      expect(ms, name).toBeLessThan(3_000);
    }
    const requests = await samples(ready, 'orrery_requests_total');
    const timedOut = [...requests].filter(([labels, count]) => labels.includes('"timedOut"') && count > 0);
    expect(timedOut.map(([labels]) => /operation="(\w+)"/.exec(labels)?.[1]).sort()).toEqual(
      Object.keys(operations).sort(),
    );
    // Nobody knew what became of them; now all regions show the same.
    expect((await manage(ready, 'POST', '/faults/quiesce', { timeoutMs: 20_000 })).status).toBe(200);
    expect((await first.create(DOCS, 'later')).status).toBe(201);
  });
});

describe('how soon writes are visible elsewhere', () => {
  test('is measured between each two regions, and published once there is something to measure', async () => {
    const { ready, views } = await start('--latency', '150', '--regions', 'One,Two');
    const family = 'orrery_visible_probability';
    expect(await samples(ready, family)).toEqual(new Map());
    for (let round = 0; round < 20; round++) {
      await Promise.all(views.map((view, place) => view.create(DOCS, `${place}-${round}`)));
    }
    await manage(ready, 'POST', '/faults/quiesce', { timeoutMs: 10_000 });
    const chances = await samples(ready, family);
    for (const pair of ['from="One",to="Two"', 'from="Two",to="One"']) {
      const after = (ms: number) => chances.get(`${pair},ms="${ms}"`);
      // The way takes 150 ms.
      expect(after(0)).toBe(0);
      expect(after(100)).toBe(0);
      expect(after(5_000)).toBe(1);
      expect(after(1_000)).toBeGreaterThan(0.5);
      expect(after(500)).toBeLessThanOrEqual(after(1_000) ?? 0);
    }
    const counts = await samples(ready, 'orrery_visibility_ms_count');
    // One write at a time is followed on its way.
    for (const count of counts.values()) expect(count).toBeGreaterThan(2);
  });
});

describe('a wall clock that most regions contradict', () => {
  test('is announced and counted for as long as it is wrong', async () => {
    const { server, ready } = await start('--regions', 'One,Two,Three');
    const correction = async () =>
      (await samples(ready, 'orrery_clock_correction_ms')).get('region="Two"') ?? 0;
    expect(await correction()).toBe(0);
    const { json } = await manage(ready, 'POST', '/faults', { kind: 'skew', region: 'Two', ms: 3_600_000 });
    while ((await correction()) < 3_500_000) await pause(50);
    expect(await correction()).toBeLessThan(3_650_000);
    while (!/^region Two: its wall clock is \d+ ms too far ahead/m.test(server.stderr)) await pause(50);
    await manage(ready, 'DELETE', `/faults/${json.id}`);
    while ((await correction()) !== 0) await pause(50);
    while (!/^region Two: its wall clock is believed again/m.test(server.stderr)) await pause(50);
    expect(server.stderr).not.toMatch(/region (One|Three)/);
  });
});
