import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { ServerProcess } from './server-process.ts';
import type { SqlClient } from './sql-client.ts';

/** What a test has to itself: a data directory, and what it puts here to be stopped or closed after it. */
export interface OwnServers {
  readonly data: string;
  readonly running: ServerProcess[];
  readonly clients: SqlClient[];
}

/** Call it once in a file, outside of its tests. */
export function ownServers(): OwnServers {
  const own = { data: '', running: [] as ServerProcess[], clients: [] as SqlClient[] };
  beforeEach(async () => {
    own.data = await mkdtemp(join(tmpdir(), 'orrery-e2e-'));
  });
  afterEach(async () => {
    for (const client of own.clients.splice(0)) client.close();
    for (const server of own.running.splice(0)) await server.stop('SIGKILL');
    await rm(own.data, { recursive: true, force: true });
  });
  return own;
}
