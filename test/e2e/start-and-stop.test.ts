import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownServers } from './kit/own-servers.ts';
import { manage, pause, ServerProcess } from './kit/server-process.ts';
import { SqlClient } from './kit/sql-client.ts';

const DOCS = '/dbs/d/colls/c/docs';

const own = ownServers();
const { running, clients } = own;

async function start(...flags: string[]) {
  const started = await ServerProcess.start('--data', own.data, ...flags);
  running.push(started.server);
  const client = new SqlClient(started.ready.endpoint);
  clients.push(client);
  return { ...started, client };
}

/** A start that is expected to fail: its exit code and what it said. */
async function fail(...flags: string[]): Promise<{ code: number | null; said: string }> {
  const server = new ServerProcess(flags);
  running.push(server);
  const { code } = await server.exited;
  return { code, said: server.stderr + server.stdout };
}

const onData = (...flags: string[]) => fail('--port', '0', '--data', own.data, ...flags);

describe('a start that cannot be', () => {
  test('bad flags: every problem at once, exit 2', async () => {
    const { code, said } = await fail('--write', 'sometimes', '--port', 'x', '--nonsense');
    expect(code).toBe(2);
    for (const problem of ['--write', '--port', '--nonsense']) expect(said).toContain(problem);
  });

  test('a port that is taken, and a second server on the same data', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    // The first region listens on the taken port.
    const blocked = await fail('--port', String(port - 1), '--data', own.data);
    taken.close();
    expect(blocked).toEqual({ code: 1, said: expect.stringContaining(`port ${port} is taken`) });

    await start();
    expect(await onData()).toEqual({ code: 1, said: expect.stringContaining('in use by another process') });
  });

  test('a data directory of another account, of a newer version, or of no known one', async () => {
    const { server } = await start('--regions', 'One');
    await server.stop();
    const other = await onData('--regions', 'Two');
    expect(other).toEqual({ code: 1, said: expect.stringContaining('with the regions "One", not "Two"') });
    const single = await onData('--regions', 'One', '--write', 'single');
    expect(single).toEqual({ code: 1, said: expect.stringContaining('--write multi') });

    await writeFile(join(own.data, 'format'), '99\n');
    const newer = await onData('--regions', 'One');
    expect(newer).toEqual({ code: 1, said: expect.stringContaining('format 99') });
    await writeFile(join(own.data, 'format'), 'what?\n');
    const unknown = await onData('--regions', 'One');
    expect(unknown).toEqual({ code: 1, said: expect.stringContaining("unreadable format file ('what?')") });
  });
});

describe('a server', () => {
  test('prints one ready line, keeps its data, and stops with 0 at either signal', async () => {
    const server = new ServerProcess(['--port', '0', '--data', own.data, '--regions', 'One,Two']);
    running.push(server);
    expect(await server.firstLine()).toMatch(/^orrery ready http:\/\/127\.0\.0\.1:\d+\/ \(\d+\.\d\d s\)$/);
    expect(await server.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect(server.stdout.trim().split('\n')).toHaveLength(1);
    expect(server.stderr).toBe('');

    const first = await start('--regions', 'One,Two');
    expect(first.ready.regions.map(({ name }) => name)).toEqual(['One', 'Two']);
    await first.client.makeContainer('d', 'c');
    const { status } = await first.client.create(DOCS, 'kept', { v: 1 });
    expect(status).toBe(201);
    const before = await first.client.read(DOCS, 'kept');
    expect(await first.server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(first.server.stderr).toBe('');

    const second = await start('--regions', 'One,Two');
    const after = await second.client.read(DOCS, 'kept');
    expect([after.status, after.text]).toEqual([200, before.text]);
    expect(after.headers['x-ms-session-token']).toBe(before.headers['x-ms-session-token']);
    // Nothing of the former life stands in the way of the next write.
    expect((await second.client.create(DOCS, 'more')).status).toBe(201);
    expect((await second.client.create(DOCS, 'kept')).status).toBe(409);
  });

  test.each(['none', 'process'])('finishes requests in flight (isolation %s)', async (isolation) => {
    const { server, client } = await start('--regions', 'One', '--isolation', isolation);
    await client.makeContainer('d', 'c');
    // A position that nobody will ever reach is waited for, about a second.
    const headers = { 'x-ms-session-token': '0:1#99#1=99' };
    const waiting = Array.from({ length: 5 }, () => client.read(DOCS, 'x', headers));
    await pause(300);
    const stopping = server.stop();
    for (const { status, headers: answered } of await Promise.all(waiting))
      expect([status, answered['x-ms-substatus']]).toEqual([404, '1002']);
    expect(await stopping).toEqual({ code: 0, signal: null });
  });

  test('stops in good time although a region is paused and asked', async () => {
    const { server, ready, client } = await start('--regions', 'One,Two');
    await client.makeContainer('d', 'c');
    const second = new SqlClient(ready.regions[1]?.endpoint ?? '');
    clients.push(second);
    await manage(ready, 'POST', '/faults', { kind: 'pause', region: 'Two' });
    const asked = second.read(DOCS, 'x');
    await pause(100);
    const startMs = Date.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(Date.now() - startMs).toBeLessThan(5_000);
    expect([404, 503]).toContain((await asked).status);
  });

  test('deletes what is ephemeral at its exit', async () => {
    await mkdir(join(own.data, 'tmp'));
    const server = new ServerProcess(['--port', '0', '--ephemeral', '--regions', 'One'], {
      TMPDIR: join(own.data, 'tmp'),
    });
    running.push(server);
    await server.firstLine();
    expect(await readdir(join(own.data, 'tmp'))).toHaveLength(1);
    expect((await server.stop()).code).toBe(0);
    expect(await readdir(join(own.data, 'tmp'))).toEqual([]);
  });
});
