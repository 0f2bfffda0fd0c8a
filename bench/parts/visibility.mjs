// How long a write needs until a connected region shows it: written in the first, watched in the second.

import { startOrrery } from '../lib/servers.mjs';
import { percentile } from '../lib/statistics.mjs';
import { call, makeContainer, makeDatabase } from '../lib/wire.mjs';

const SAMPLES = 300;

export async function measureVisibility() {
  const server = await startOrrery({ regions: 3 });
  await makeDatabase(server.port);
  const link = await makeContainer(server.port, 'visible');
  const headers = { 'content-type': 'application/json', 'x-ms-documentdb-partitionkey': '["p"]' };
  const delays = [];
  for (let n = 0; n < SAMPLES; n++) {
    const id = `item-${n}`;
    const body = { id, pk: 'p', filler: 'x'.repeat(900) };
    await call(server.regionPort(0), {
      method: 'POST',
      target: `/${link}/docs`,
      type: 'docs',
      link,
      headers,
      body,
    });
    const acknowledgedAt = performance.now();
    while (!(await isVisible(server.regionPort(1), `${link}/docs/${id}`, headers))) {
      if (performance.now() - acknowledgedAt > 10_000) throw new Error(`${id} does not arrive`);
    }
    delays.push(performance.now() - acknowledgedAt);
  }
  await server.dispose();
  return { p50Ms: percentile(delays, 0.5), p99Ms: percentile(delays, 0.99), samples: SAMPLES };
}

async function isVisible(port, link, headers) {
  try {
    await call(port, { method: 'GET', target: `/${link}`, type: 'docs', link, headers });
    return true;
  } catch (error) {
    if (/: 404 /.test(error.message)) return false;
    throw error;
  }
}
