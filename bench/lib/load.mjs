import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('./load-client.mjs', import.meta.url));
const CONNECTIONS = 32;

/** Above this share of its core the client, and not the server, may set the pace. */
const CLIENT_BOUND_CORES = 0.9;

/** Runs one job in a process of its own and gives its figures; see load-client.mjs. */
export async function runLoad(job) {
  const child = fork(CLIENT, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const result = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the load client ended with ${code}`)));
    child.send({ connections: CONNECTIONS, warmupSeconds: 5, seconds: 5, groups: 20, ...job });
  });
  if (result.error !== undefined) throw new Error(`${job.scenario}: ${result.error}`);
  const failures = Object.values(result.failures).reduce((sum, count) => sum + count, 0);
  if (failures > 0.001 * result.operations) {
    throw new Error(
      `${job.scenario}: too many failures ${JSON.stringify(result.failures)} of ${result.operations}`,
    );
  }
  const isClientBound = result.clientCores > CLIENT_BOUND_CORES && result.serverCores < CLIENT_BOUND_CORES;
  return { ...result, isClientBound };
}
