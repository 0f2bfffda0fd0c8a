// What a caller waits for at half of what the server can do, with requests that do not wait for each other.
import { runLoad } from '../lib/load.mjs';
import { startBare, startBareDurable, startOrrery } from '../lib/servers.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

const ITEMS = 1000;

/** `maximum`: operations per second that points.mjs found, or undefined to find them here. */
export async function measureHalfLoad(regions, maximum, { seconds }) {
  const server = await startOrrery({ regions });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'half');
  const common = { port: server.port, serverPid: server.pid, seconds, containerLink, items: ITEMS };
  await runLoad({ ...common, scenario: 'create', count: ITEMS });
  const figures = {};
  for (const scenario of ['read', 'upsert']) {
    const top = maximum?.[scenario]?.perSecond ?? (await runLoad({ ...common, scenario })).perSecond;
    figures[scenario] = await runLoad({ ...common, scenario, rate: top / 2 });
  }
  await server.dispose();
  return figures;
}

/**
 * The control: what the same rates cost in waiting when nothing is behind the HTTP server, and when there is
 * nothing but a group commit, on this machine, now.
 */
export async function measureSameRateBare(half, { seconds }) {
  if (half === undefined) return undefined;
  const read = await sameRate(await startBare(), { scenario: 'get', rate: half.read.perSecond, seconds });
  const write = { scenario: 'post', rate: half.upsert.perSecond, seconds };
  const upsert = await sameRate(await startBare(), write);
  const synced = await sameRate(await startBareDurable(), write);
  return { read, upsert, synced };
}

async function sameRate(server, job) {
  const figures = await runLoad({ ...job, port: server.port, serverPid: server.pid });
  await server.dispose();
  return figures;
}
