// From the start of the process to its first answer, with nothing stored.

import { startBare, startOrrery, startPeer } from '../lib/servers.mjs';
import { median } from '../lib/statistics.mjs';

const ROUNDS = 5;

export async function measureStart() {
  return {
    bareSeconds: await medianStart(startBare),
    orreryOneSeconds: await medianStart(() => startOrrery({ regions: 1 })),
    orreryThreeSeconds: await medianStart(() => startOrrery({ regions: 3 })),
    peerSeconds: await medianStart(startPeer),
  };
}

async function medianStart(start) {
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const server = await start();
    times.push(server.firstAnswerSeconds);
    await server.dispose();
  }
  return median(times);
}
