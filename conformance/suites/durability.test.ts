import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect, KEY, makeContainer, makeDatabase, SDKS, type Sdk } from '../harness/sdks.ts';
import { makeDataFolder, runCommand, ServerProcess } from '../harness/server-process.ts';
import { send } from '../harness/wire.ts';

const KILL_ROUNDS = 5;
const WRITERS = 8;

const [{ sdk: currentSdk }] = SDKS;

/** What the clients were told, which the server must remember. */
interface Ledger {
  /** Ids of creates that were acknowledged. */
  readonly created: string[];
  /** Per counter: the last acknowledged value, and the last that was sent. */
  readonly counters: Map<string, { acknowledged: number; sent: number }>;
}

async function write(
  endpoint: string,
  containerLink: string,
  body: { id: string; pk: string; [name: string]: unknown },
): Promise<boolean> {
  try {
    const answer = await send(endpoint, {
      method: 'POST',
      target: `/${containerLink}/docs`,
      resourceType: 'docs',
      resourceLink: containerLink,
      headers: {
        'content-type': 'application/json',
        'x-ms-documentdb-partitionkey': JSON.stringify([body.pk]),
        'x-ms-documentdb-is-upsert': 'True',
      },
      body: JSON.stringify(body),
    });
    return answer.status === 200 || answer.status === 201;
  } catch {
    // The server was killed under our hands: nobody knows whether this write happened.
    return false;
  }
}

/** Writes until told to stop; notes only what was acknowledged. */
async function load(
  endpoints: readonly string[],
  containerLink: string,
  round: number,
  ledger: Ledger,
  isOver: () => boolean,
): Promise<void> {
  const writer = async (worker: number): Promise<void> => {
    const endpoint = endpoints[worker % endpoints.length] ?? '';
    const id = `counter-${worker}`;
    const counter = ledger.counters.get(id) ?? { acknowledged: 0, sent: 0 };
    ledger.counters.set(id, counter);
    for (let n = 0; !isOver(); n++) {
      const created = `item-${round}-${worker}-${n}`;
      const filler = 'x'.repeat(200 + ((n * 97) % 3000));
      if (await write(endpoint, containerLink, { id: created, pk: `p${n % 5}`, filler }))
        ledger.created.push(created);
      counter.sent++;
      const value = counter.sent;
      if (await write(endpoint, containerLink, { id, pk: 'counters', value })) counter.acknowledged = value;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, worker) => writer(worker)));
}

async function check(
  sdk: Sdk,
  server: ServerProcess,
  containerLink: string,
  ledger: Ledger,
): Promise<number> {
  const [, database, , container] = containerLink.split('/');
  const items = connect(sdk, { endpoint: server.endpoint })
    .database(String(database))
    .container(String(container)).items;
  const { resources } = await items
    .query('SELECT c.id, c["value"], LENGTH(c.filler) AS size FROM c')
    .fetchAll();
  const found = new Map(resources.map((row) => [row.id, row]));
  const lost = ledger.created.filter((id) => !found.has(id));
  expect(lost, 'acknowledged creates that are gone').toEqual([]);
  for (const [id, row] of found) {
    const n = Number(/^item-\d+-\d+-(\d+)$/.exec(id)?.[1] ?? Number.NaN);
    if (!Number.isNaN(n)) expect(row.size, `${id} is whole`).toBe(200 + ((n * 97) % 3000));
  }
  for (const [id, { acknowledged, sent }] of ledger.counters) {
    const value = found.get(id)?.value ?? 0;
    expect(value, `${id} kept its last acknowledged value`).toBeGreaterThanOrEqual(acknowledged);
    expect(value, `${id} was never sent more`).toBeLessThanOrEqual(sent);
  }
  return ledger.created.length;
}

describe('kill -9 under load', () => {
  test.each([
    ['one region', ['--regions', 'West US'], currentSdk],
    ['three regions, writes in each', [], currentSdk],
  ])('%s: no acknowledged write is lost', { timeout: 90_000 }, async (_, flags, sdk) => {
    let server = await ServerProcess.start({ flags });
    const { data } = server;
    const made = await makeContainer(await makeDatabase(connect(sdk, { endpoint: server.endpoint })));
    const link = `dbs/${made.database.id}/colls/${made.id}`;
    const ledger: Ledger = { created: [], counters: new Map() };
    try {
      for (let round = 0; round < KILL_ROUNDS; round++) {
        let isOver = false;
        const endpoints = server.regions.map((region) => region.endpoint);
        const loading = load(endpoints, link, round, ledger, () => isOver);
        // A different moment of the write path in each round.
        await new Promise((resolve) => setTimeout(resolve, 300 + round * 170));
        await server.kill();
        isOver = true;
        await loading;
        server = await ServerProcess.start({ data, flags });
        if (flags.length === 0) {
          // A counter belongs to one region; the query below asks the first, so wait for the others' entries.
          const quiesce = await fetch(`${server.management}/faults/quiesce`, {
            method: 'POST',
            body: '{"timeoutMs":20000}',
          });
          expect(quiesce.status, await quiesce.text()).toBe(200);
        }
        const kept = await check(sdk, server, link, ledger);
        expect(kept, 'the load must have written something').toBeGreaterThan(round * 10);
      }
      console.log(`${KILL_ROUNDS} kills, ${ledger.created.length} acknowledged creates, none lost`);
    } finally {
      await server.dispose();
    }
  });
});

describe('an orderly stop', () => {
  test('answers what is in flight, exits 0, and everything is there afterwards', async () => {
    const server = await ServerProcess.start();
    const made = await makeContainer(await makeDatabase(connect(currentSdk, { endpoint: server.endpoint })));
    const link = `dbs/${made.database.id}/colls/${made.id}`;
    let isOver = false;
    const ledger: Ledger = { created: [], counters: new Map() };
    const loading = load([server.endpoint], link, 0, ledger, () => isOver);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    isOver = true;
    await loading;
    const again = await ServerProcess.start({ data: server.data });
    expect(await check(currentSdk, again, link, ledger)).toBeGreaterThan(0);
    expect((await again.stop()).code).toBe(0);
    await again.dispose();
  });

  test('a second signal ends the process at once', async () => {
    const server = await ServerProcess.start();
    process.kill(server.pid, 'SIGINT');
    process.kill(server.pid, 'SIGINT');
    const { code } = await server.exited;
    expect([0, 1]).toContain(code);
    await server.dispose();
  });

  test('ephemeral state leaves nothing behind', async () => {
    const temporary = await makeDataFolder();
    const child = spawn(
      process.execPath,
      [new URL('../../dist/cli/main.js', import.meta.url).pathname, 'start', '--ephemeral', '--port', '0'],
      { env: { ...process.env, TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const firstLine = await new Promise<string>((resolve) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    expect(firstLine).toMatch(/^orrery ready https?:\/\/\S+ \(\d+(\.\d+)? s\)\n/);
    expect((await readdir(temporary)).length).toBeGreaterThan(0);
    child.kill('SIGTERM');
    const code = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('starting', () => {
  test('a data folder serves one server at a time, and says so in one line', async () => {
    const server = await ServerProcess.start();
    const second = await runCommand(['start', '--port', '0', '--data', server.data]);
    expect(second.code).toBe(1);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect(second.stderr).toMatch(/in use/);
    // The first one is not disturbed.
    expect((await send(server.endpoint, { method: 'GET', target: '/' })).status).toBe(200);
    await server.dispose();
  });

  test('a taken port is named in one line', async () => {
    const server = await ServerProcess.start();
    const port = Number(new URL(server.endpoint).port);
    const data = await makeDataFolder();
    const second = await runCommand(['start', '--port', String(Math.min(port, 65_526)), '--data', data]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/port \d+ is taken/);
    await server.dispose();
  });

  test('every bad flag is told at once, with exit code 2', async () => {
    const result = await runCommand(['start', '--port', 'x', '--wat', '--latency', 'slow']);
    expect(result.code).toBe(2);
    expect(result.stderr.trim().split('\n')).toHaveLength(3);
    expect((await runCommand(['dance'])).code).toBe(2);
  });

  test('help and version', async () => {
    const help = await runCommand(['--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('--isolation none|process');
    expect((await runCommand([])).stdout).toBe(help.stdout);
    expect((await runCommand(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('another key locks out the well-known one', async () => {
    const key = Buffer.from('a key of our own, 32 bytes long!').toString('base64');
    const server = await ServerProcess.start({ flags: ['--regions', 'West US'], env: { ORRERY_KEY: key } });
    const account = { method: 'GET', target: '/' };
    expect((await send(server.endpoint, { ...account, key })).status).toBe(200);
    expect((await send(server.endpoint, { ...account, key: KEY })).status).toBe(401);
    await server.dispose();
  });

  test('a server can be asked from the command line', async () => {
    const server = await ServerProcess.start();
    const { management } = server;
    const status = await runCommand(['status', '--management', management]);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ready/) });
    const added = await runCommand([
      'fault',
      'add',
      'isolate',
      '--region',
      'West US',
      '--management',
      management,
    ]);
    expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^fault \S+ added$/) });
    const list = await runCommand(['fault', 'list', '--json', '--management', management]);
    expect(list.stdout).toContain('isolate');
    expect((await runCommand(['fault', 'quiesce', '--management', management])).code).toBe(0);
    await server.dispose();
  });
});

describe('HTTPS on the same port', () => {
  test.each(SDKS)('@azure/cosmos $version with the written CA', async ({ sdk }) => {
    const server = await ServerProcess.start();
    const ca = await readFile(join(server.data, 'tls', 'ca.pem'), 'utf8');
    const endpoint = server.endpoint.replace(/^http:/, 'https:');
    const client = connect(sdk, { endpoint, agent: new Agent({ ca }) as never });
    const container = await makeContainer(await makeDatabase(client));
    await container.items.create({ id: 'secure', pk: 'p' });
    expect((await container.item('secure', 'p').read()).statusCode).toBe(200);
    // The advertised regions must be reachable the way the request came in.
    const { resource } = await client.getDatabaseAccount();
    for (const { databaseAccountEndpoint } of resource?.readableLocations ?? []) {
      expect(databaseAccountEndpoint).toMatch(/^https:/);
    }
    // The same port still answers plain HTTP.
    const plain = await send(server.endpoint.replace(/^https:/, 'http:'), { method: 'GET', target: '/' });
    expect(plain.status).toBe(200);
    await server.dispose();
  });

  test('a client that does not trust the CA refuses', async () => {
    const server = await ServerProcess.start({ flags: ['--regions', 'West US'] });
    const { hostname, port } = new URL(server.endpoint);
    const attempt = new Promise((resolve, reject) => {
      httpsRequest({ hostname, port, path: '/' }, resolve).on('error', reject).end();
    });
    await expect(attempt).rejects.toThrow(/certificate/i);
    await server.dispose();
  });
});
