// A million items of 1 KB: loading them, starting again after an orderly stop, and after kill -9.
import { runLoad } from '../lib/load.mjs';
import { startOrrery } from '../lib/servers.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

export async function measureMillion({ items = 1_000_000, seconds }) {
  const server = await startOrrery({ regions: 1 });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'million');
  const job = { containerLink, groups: 1000, items: 1000 };
  const load = await runLoad({
    ...job,
    port: server.port,
    serverPid: server.pid,
    scenario: 'create',
    count: items,
  });
  const loaded = server.memory();
  await server.stop();
  const second = await startOrrery({ regions: 1, data: server.data });
  const read = await runLoad({ ...job, port: second.port, serverPid: second.pid, scenario: 'read', seconds });
  await second.stop('SIGKILL');
  const third = await startOrrery({ regions: 1, data: server.data });
  const restarted = third.memory();
  await third.dispose();
  return {
    items,
    load,
    ...loaded,
    restartSeconds: second.firstAnswerSeconds,
    restartAfterKillSeconds: third.firstAnswerSeconds,
    restartedMb: restarted.privateMb,
    read,
  };
}
