// An indexed filter on a property that is not the key: 50 whole items of 1 KB out of many.
import { runLoad } from '../lib/load.mjs';
import { startOrrery, startPeer } from '../lib/servers.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

const MATCHES = 50;

export async function measureFilter(kind, total, { seconds }) {
  const server = kind === 'peer' ? await startPeer() : await startOrrery();
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'filter');
  const groups = total / MATCHES;
  const common = { port: server.port, serverPid: server.pid, containerLink, groups };
  const load = await runLoad({ ...common, scenario: 'create', count: total });
  // The peer looks at every item for every query: 32 callers at once would wait for many minutes.
  const isTooSlow = kind === 'peer' && total > 10_000;
  const query = isTooSlow ? undefined : await runLoad({ ...common, scenario: 'query', seconds });
  // One at a time, to see what a single caller waits for.
  const alone = await runLoad({ ...common, scenario: 'query', seconds, connections: 1, warmupSeconds: 0.5 });
  const figures = { load, query, alone, ...server.memory() };
  await server.dispose();
  return figures;
}
