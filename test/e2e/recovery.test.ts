import { cp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownServers } from './kit/own-servers.ts';
import { manage, pause, type Ready, ServerProcess } from './kit/server-process.ts';
import { keyHeader, SqlClient } from './kit/sql-client.ts';

const DOCS = '/dbs/d/colls/c/docs';
const REGIONS = ['--regions', 'One,Two'];

const own = ownServers();
const { running, clients } = own;

async function start(
  ...flags: string[]
): Promise<{ server: ServerProcess; ready: Ready; client: SqlClient }> {
  const regions = flags.includes('--regions') ? [] : REGIONS;
  const started = await ServerProcess.start('--data', own.data, ...regions, ...flags);
  running.push(started.server);
  return { ...started, client: clientOf(started.ready.endpoint) };
}

function clientOf(endpoint: string): SqlClient {
  const client = new SqlClient(endpoint);
  clients.push(client);
  return client;
}

/** Creates items at every region, as fast as they are answered, until the server is gone; the acknowledged ids. */
async function writeUntilGone(ready: Ready, writers: number, acknowledged: Set<string>): Promise<void> {
  const write = async (client: SqlClient, name: string): Promise<void> => {
    for (let n = 0; ; n++) {
      const id = `${name}-${n}`;
      try {
        const { status } = await client.create(DOCS, id, { v: n });
        expect(status).toBe(201);
      } catch (error) {
        if ((error as { code?: string }).code === undefined) throw error;
        return;
      }
      acknowledged.add(id);
    }
  };
  await Promise.all(
    ready.regions.flatMap(({ name, endpoint }) =>
      Array.from({ length: writers }, (_, place) => write(clientOf(endpoint), `${name}-${place}`)),
    ),
  );
}

async function idsIn(endpoint: string): Promise<Set<string>> {
  const ids = new Set<string>();
  const client = clientOf(endpoint);
  for (let continuation = ''; ; ) {
    const headers = {
      'x-ms-max-item-count': '1000',
      ...(continuation && { 'x-ms-continuation': continuation }),
    };
    const page = await client.ask('GET', DOCS, { headers });
    for (const { id } of page.json.Documents as { id: string }[]) ids.add(id);
    continuation = String(page.headers['x-ms-continuation'] ?? '');
    if (continuation === '') return ids;
  }
}

/** Until both regions hold every one of `ids`. */
async function expectEverywhere(ready: Ready, ids: ReadonlySet<string>): Promise<void> {
  for (const { endpoint } of ready.regions) {
    const deadline = Date.now() + 10_000;
    let missing: string[];
    do {
      const found = await idsIn(endpoint);
      missing = [...ids].filter((id) => !found.has(id));
      if (missing.length > 0) await pause(100);
    } while (missing.length > 0 && Date.now() < deadline);
    expect(missing).toEqual([]);
  }
}

describe('kill -9 of the whole process under load', () => {
  test.each(['none', 'process'])('keeps every acknowledged write (isolation %s)', async (isolation) => {
    const acknowledged = new Set<string>();
    const flags = ['--isolation', isolation];
    await (await start(...flags)).client.makeContainer('d', 'c', 13_000);
    for (let life = 0; life < 3; life++) {
      const server = running.at(-1) as ServerProcess;
      const ready = JSON.parse(server.stdout.split('\n')[0] ?? '') as Ready;
      const written = new Set<string>();
      const writing = writeUntilGone({ ...ready, regions: named(ready, life) }, 4, written);
      await pause(400);
      await server.stop('SIGKILL');
      await writing;
      expect(written.size).toBeGreaterThan(20);
      for (const id of written) acknowledged.add(id);
      const again = await startAgain(flags);
      await expectEverywhere(again.ready, acknowledged);
    }
  });

  /** Writers of another life write under other names. */
  function named(ready: Ready, life: number) {
    return ready.regions.map(({ name, endpoint }) => ({ name: `${name}${life}`, endpoint }));
  }

  /** Regions in processes of their own notice a little later that their parent is gone. */
  async function startAgain(flags: readonly string[]): ReturnType<typeof start> {
    for (let left = 20; ; left--) {
      try {
        return await start(...flags);
      } catch (error) {
        if (left === 0 || !/open already|is taken/.test(String(error))) throw error;
        await pause(100);
      }
    }
  }
});

describe('the store is only a view', () => {
  async function fill(): Promise<Set<string>> {
    const { server, client } = await start();
    await client.makeContainer('d', 'c');
    const ids = new Set<string>();
    for (let n = 0; n < 200; n++) {
      const { status } = await client.create(DOCS, `i${n}`, { n });
      expect(status).toBe(201);
      ids.add(`i${n}`);
    }
    await server.stop();
    return ids;
  }
  const storeOf = (region: string) => join(own.data, 'regions', region, 'store');

  test('deleted, it is made again from the log', async () => {
    const ids = await fill();
    for (const region of ['One', 'Two']) await rm(storeOf(region), { recursive: true });
    const { ready } = await start();
    await expectEverywhere(ready, ids);
  });

  test('damaged where its items lie, it is found out and made again', async () => {
    const ids = await fill();
    const tables = (await readdir(storeOf('One'))).filter((name) => /\.(ldb|log)$/.test(name));
    for (const name of tables) {
      const path = join(storeOf('One'), name);
      const { size } = await stat(path);
      await writeFile(path, Buffer.alloc(size, 0xab));
    }
    const { ready } = await start();
    await expectEverywhere(ready, ids);
  });

  test('damaged beyond opening, it is thrown away and made again', async () => {
    const ids = await fill();
    for (const name of await readdir(storeOf('One'))) {
      if (/^(MANIFEST|CURRENT)/.test(name)) await writeFile(join(storeOf('One'), name), 'garbage');
    }
    const { ready, server } = await start();
    await expectEverywhere(ready, ids);
    expect(server.stderr).toContain('building it anew from the log');
  });
});

describe('a log that is damaged in the middle', () => {
  /** Overwrites bytes amid the items of a region, of which many more follow; gives segment and size. */
  async function damage(region: string): Promise<{ path: string; segment: string; size: number }> {
    const folder = join(own.data, 'regions', region, 'log');
    const segment = (await readdir(folder)).filter((name) => name !== 'lock').sort()[0] ?? '';
    const path = join(folder, segment);
    const file = await open(path, 'r+');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1 << 20), 0, 1 << 20, 0);
    const offset = buffer.subarray(0, bytesRead).indexOf('"i40"') + 2;
    await file.write(Buffer.from('!'), 0, 1, offset);
    await file.close();
    return { path, segment, size: (await stat(path)).size };
  }

  async function fill(...flags: string[]): Promise<Set<string>> {
    const { server, ready, client } = await start(...flags);
    await client.makeContainer('d', 'c');
    const ids = new Set<string>();
    for (let n = 0; n < 100; n++) {
      await client.create(DOCS, `i${n}`, { filler: 'x'.repeat(1000) });
      ids.add(`i${n}`);
    }
    await expectEverywhere(ready, ids);
    await server.stop();
    return ids;
  }

  test.each(['none', 'process'])('keeps that region down, and no other (isolation %s)', async (isolation) => {
    const flags = ['--isolation', isolation];
    const ids = await fill(...flags);
    const { path, segment, size } = await damage('One');

    const { server, ready, client } = await start(...flags);
    const found = new RegExp(`log segment ${segment} is damaged at offset \\d+`);
    expect(ready.down).toEqual([{ name: 'One', reason: expect.stringMatching(found) }]);
    expect(server.stderr).toMatch(new RegExp(`^region One stays down: ${found.source}`));
    const readiness = await manage(ready, 'GET', '/readyz');
    expect(readiness.status).toBe(503);
    expect(readiness.json.reason).toMatch(new RegExp(`^not running: One \\(${found.source}`));
    expect((await manage(ready, 'GET', '/healthz')).status).toBe(200);
    // The other one answers, also at the global endpoint.
    expect((await client.read(DOCS, 'i40')).status).toBe(200);
    expect((await client.create(DOCS, 'later')).status).toBe(201);
    // Nothing was cut off or mended behind the operator's back, and it is found again.
    expect((await stat(path)).size).toBe(size);
    const again = await manage(ready, 'POST', '/faults/start', { region: 'One' });
    expect([again.status, again.json.message]).toEqual([503, expect.stringMatching(found)]);
    const quiet = await manage(ready, 'POST', '/faults/quiesce', { timeoutMs: 300 });
    expect([quiet.status, quiet.json.differences]).toEqual([
      504,
      [{ region: 'One', reason: expect.stringMatching(found) }],
    ]);

    // Given up, it takes everything from the other one.
    expect((await manage(ready, 'POST', '/faults/wipe', { region: 'One' })).status).toBe(200);
    expect((await manage(ready, 'GET', '/readyz')).json.reason).toBe('not running: One');
    expect((await manage(ready, 'POST', '/faults/start', { region: 'One' })).status).toBe(200);
    expect((await manage(ready, 'GET', '/readyz')).status).toBe(200);
    const account = await client.ask('GET', '/');
    const places = account.json.writableLocations as { name: string; databaseAccountEndpoint: string }[];
    const endpoint = places.find(({ name }) => name === 'One')?.databaseAccountEndpoint ?? '';
    await expectEverywhere({ ...ready, regions: [{ name: 'One', endpoint }] }, new Set([...ids, 'later']));
  });

  test('and found while the region serves takes it down alone; who was reading from it reads on elsewhere', async () => {
    const flags = ['--regions', 'One,Two,Three'];
    const first = await start(...flags);
    await first.client.makeContainer('d', 'c');
    const ids = new Set<string>();
    // More than a first segment holds: those that are full are looked at when they are read.
    for (let n = 0; n < 8; n++) {
      const { status } = await first.client.create(DOCS, `i${n}`, { filler: 'x'.repeat(1_000_000) });
      expect(status).toBe(201);
      ids.add(`i${n}`);
    }
    await expectEverywhere(first.ready, ids);
    await first.server.stop();
    const folder = join(own.data, 'regions', 'One', 'log');
    const segments = (await readdir(folder)).filter((name) => name !== 'lock').sort();
    expect(segments.length).toBeGreaterThan(1);
    const file = await open(join(folder, segments[0] ?? ''), 'r+');
    await file.write(Buffer.from('!'), 0, 1, 2_000_000);
    await file.close();

    const { server, ready } = await start(...flags);
    expect(ready.down).toBeUndefined();
    for (const action of ['kill', 'wipe', 'start'])
      expect((await manage(ready, 'POST', `/faults/${action}`, { region: 'Two' })).status).toBe(200);
    const reason = async () => String((await manage(ready, 'GET', '/readyz')).json.reason);
    await expect
      .poll(reason)
      .toMatch(/^not running: One \(log segment \d+\.segment is damaged at offset \d+/);
    await expectEverywhere({ ...ready, regions: ready.regions.slice(1) }, ids);
    await expect.poll(reason).not.toContain('catching up');
    expect(server.stderr).toContain('region One stays down: log segment');
  });

  test('in every region refuses to start, naming segment and offset', async () => {
    await fill();
    const { path, segment, size } = await damage('One');
    await damage('Two');
    const refused = new ServerProcess(['--port', '0', '--data', own.data, ...REGIONS]);
    running.push(refused);
    expect((await refused.exited).code).toBe(1);
    expect(refused.stderr).toContain(segment);
    expect(refused.stderr).toMatch(/offset \d+/);
    expect((await stat(path)).size).toBe(size);
  });
});

test.each(['none', 'process'])(
  'an older copy of one region takes it down alone (isolation %s)',
  async (isolation) => {
    const flags = ['--isolation', isolation];
    const one = join(own.data, 'regions', 'One');
    const first = await start(...flags);
    await first.client.makeContainer('d', 'c');
    await first.client.create(DOCS, 'before');
    await first.server.stop();
    await cp(one, `${one}.copy`, { recursive: true });
    const second = await start(...flags);
    await second.client.create(DOCS, 'after');
    await expectEverywhere(second.ready, new Set(['before', 'after']));
    await second.server.stop();
    await rm(one, { recursive: true });
    await rename(`${one}.copy`, one);

    const { server, ready } = await start(...flags);
    const reason = async () => String((await manage(ready, 'GET', '/readyz')).json.reason);
    while (!(await reason()).startsWith('not running: One')) await pause(50);
    expect(server.stderr).toContain('the disk is a copy from an earlier time');
    expect((await manage(ready, 'POST', '/faults/wipe', { region: 'One' })).status).toBe(200);
    expect((await manage(ready, 'POST', '/faults/start', { region: 'One' })).status).toBe(200);
    await expectEverywhere(ready, new Set(['before', 'after']));
  },
);

test('a region makes its views anew for what an older disk led to and nobody remembered in time', async () => {
  const [last, ids] = [join(own.data, 'regions', 'Three'), new Set(['x', 'y'])];
  const { server, ready, client } = await start('--regions', 'One,Two,Three');
  const post = async (path: string, body: object) => {
    const { status, json } = await manage(ready, 'POST', path, body);
    expect([path, status]).toEqual([path, 200]);
    return json;
  };
  const restart = async (region: string, between: () => Promise<unknown>) => {
    await post('/faults/kill', { region });
    await between();
    await post('/faults/start', { region });
  };
  await client.makeContainer('d', 'c');
  for (const id of ids) await client.create(DOCS, id);
  await expectEverywhere(ready, ids);
  await restart('Three', () => cp(last, `${last}.copy`, { recursive: true }));
  expect((await client.ask('DELETE', `${DOCS}/x`, { headers: keyHeader('x') })).status).toBe(204);
  const marks = async () => {
    const rows = (await manage(ready, 'GET', '/replication')).json as unknown as { tombstones: number }[];
    return [rows.length, ...rows.map(({ tombstones }) => tombstones)];
  };
  await expect.poll(marks, { timeout: 10_000 }).toEqual([3, 0, 0, 0]);

  await restart('Three', async () => {
    await rm(last, { recursive: true });
    await rename(`${last}.copy`, last);
    await restart('Two', () => post('/faults/wipe', { region: 'Two' }));
    await post('/faults', { kind: 'cut', from: 'One', to: 'Three', direction: 'both' });
    await post('/faults', { kind: 'cut', from: 'Two', to: 'Three', direction: 'both' });
  });
  const atThree = clientOf(ready.regions[2]?.endpoint ?? '');
  const headers = { ...keyHeader('x'), 'x-ms-documentdb-is-upsert': 'true' };
  const body = { id: 'x', pk: 'x', of: 'the dead' };
  expect((await atThree.ask('POST', DOCS, { headers, body })).status).toBe(200);
  const [, second] = (await manage(ready, 'GET', '/faults')).json as unknown as { id: string }[];
  await manage(ready, 'DELETE', `/faults/${second?.id}`);
  await expect
    .poll(() => server.stderr, { timeout: 10_000 })
    .toMatch(/region One: write .* building the store/);
  expect(await post('/faults/quiesce', { timeoutMs: 20_000 })).toEqual({ equal: true });
  for (const { endpoint } of ready.regions) expect(await idsIn(endpoint)).toEqual(new Set(['y']));
});
