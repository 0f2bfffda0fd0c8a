// Many small containers: what making one takes, and what 2,000 empty ones cost in memory and start-up time.

import { startOrrery } from '../lib/servers.mjs';
import { median, percentile } from '../lib/statistics.mjs';
import { makeContainer, makeDatabase } from '../lib/wire.mjs';

export async function measureContainers({ containers = 2000 }) {
  const server = await startOrrery({ regions: 1 });
  await makeDatabase(server.port);
  const before = server.memory();
  const times = [];
  for (let n = 0; n < containers; n++) {
    const startedAt = performance.now();
    await makeContainer(server.port, `c${n}`);
    times.push(performance.now() - startedAt);
  }
  const after = server.memory();
  await server.stop();
  const again = await startOrrery({ regions: 1, data: server.data });
  const restarted = again.memory();
  await again.dispose();
  return {
    containers,
    creationMedianMs: median(times),
    creationP99Ms: percentile(times, 0.99),
    grownMb: after.privateMb - before.privateMb,
    restartSeconds: again.firstAnswerSeconds,
    restartedMb: restarted.privateMb,
  };
}
