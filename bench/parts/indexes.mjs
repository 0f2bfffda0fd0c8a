// Queries that indexes answer, or begin to answer, over many items: what they cost should not grow with the items.
import { runLoad } from '../lib/load.mjs';
import { startOrrery } from '../lib/servers.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

const GROUPS = 1000;

const QUERIES = {
  countTenth: `SELECT VALUE COUNT(1) FROM c WHERE c["group"] < ${GROUPS / 10}`,
  countHalf: 'SELECT VALUE COUNT(1) FROM c WHERE c.active = true',
  top100: 'SELECT TOP 100 * FROM c ORDER BY c.name',
};

export async function measureIndexes(items, { seconds }) {
  const server = await startOrrery({ regions: 1 });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'indexes');
  const common = { port: server.port, serverPid: server.pid, containerLink, groups: GROUPS };
  const figures = { items, load: await runLoad({ ...common, scenario: 'create', count: items }) };
  for (const [name, sql] of Object.entries(QUERIES)) {
    figures[name] = await runLoad({
      ...common,
      scenario: 'sql',
      sql,
      seconds,
      connections: 1,
      warmupSeconds: 0.5,
    });
  }
  await server.dispose();
  return figures;
}
