// What several write regions cost a write in its own region: vectors, contexts and tokens that name them all.
import { runLoad } from '../lib/load.mjs';
import { processTree } from '../lib/process-figures.mjs';
import { startOrrery } from '../lib/servers.mjs';
import { median } from '../lib/statistics.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

const ITEMS = 1000;
/** Each round measures both, one after the other: what else the machine does strikes both. */
const ROUNDS = 3;
const FIRST_REGION = 'West US';

export async function measureBookkeeping({ seconds }) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const single = await measureUpserts(1, ['--write', 'single'], seconds);
    const multi = await measureUpserts(3, ['--write', 'multi', '--isolation', 'process'], seconds);
    rounds.push({ single, multi });
  }
  return {
    rounds,
    throughputRatio: median(rounds.map(({ single, multi }) => multi.perSecond / single.perSecond)),
    cpuRatio: median(rounds.map(({ single, multi }) => multi.cpuUs / single.cpuUs)),
  };
}

/**
 * The other regions are processes of their own and cut off while it is measured: with the machine's few cores, what
 * they do for themselves with each write would count as a cost of this one's.
 */
async function measureUpserts(regions, flags, seconds) {
  const server = await startOrrery({ regions, flags });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'bookkeeping');
  if (regions > 1) await isolateFirst(server);
  const [parent, first] = processTree(server.pid);
  const serverPid = regions > 1 ? first : parent;
  const common = { port: server.regionPort(0), serverPid, seconds, containerLink, items: ITEMS };
  await runLoad({ ...common, scenario: 'create', count: ITEMS });
  const figures = await runLoad({ ...common, scenario: 'upsert' });
  await server.dispose();
  return figures;
}

async function isolateFirst(server) {
  const body = JSON.stringify({ kind: 'isolate', region: FIRST_REGION });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${server.managementPort}/faults`, {
    method: 'POST',
    headers,
    body,
  });
  if (!answer.ok) throw new Error(`isolating the first region: ${answer.status} ${await answer.text()}`);
}
