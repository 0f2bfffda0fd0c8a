// Point reads, upserts of known ids and durable creates, beside a bare HTTP server.
import { runLoad } from '../lib/load.mjs';
import { startBare, startOrrery, startPeer } from '../lib/servers.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

/** Known items; all fit into any cache, as the hot items of an application do. */
const ITEMS = 1000;

export async function measureBare({ seconds }) {
  const server = await startBare();
  const common = { port: server.port, serverPid: server.pid, seconds };
  const get = await runLoad({ ...common, scenario: 'get' });
  const post = await runLoad({ ...common, scenario: 'post' });
  const figures = { get, post, firstAnswerSeconds: server.firstAnswerSeconds, ...server.memory() };
  await server.dispose();
  return figures;
}

export async function measureOrrery(regions, { seconds }) {
  return measurePoints(await startOrrery({ regions }), seconds);
}

export async function measurePeer({ seconds }) {
  return measurePoints(await startPeer(), seconds);
}

async function measurePoints(server, seconds) {
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'points');
  const common = { port: server.port, serverPid: server.pid, seconds, containerLink, items: ITEMS };
  await runLoad({ ...common, scenario: 'create', count: ITEMS });
  const read = await runLoad({ ...common, scenario: 'read' });
  const upsert = await runLoad({ ...common, scenario: 'upsert' });
  const create = await runLoad({ ...common, scenario: 'create', from: ITEMS });
  const figures = { read, upsert, create, firstAnswerSeconds: server.firstAnswerSeconds, ...server.memory() };
  await server.dispose();
  return figures;
}
