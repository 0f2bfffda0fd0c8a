import { type Runtime, sleep } from '../runtime/index.ts';

/** How long whoever starts a region is kept waiting for it to answer clients. */
const PATIENCE_MS = 10_000;

/**
 * Settles as `admission` does, or resolves when that takes long: a region can wait for others for as long as
 * those are down, and whoever starts the regions may start the others next.
 */
export async function patiently(runtime: Runtime, admission: Promise<void>): Promise<void> {
  // Told to nobody once the patience has run out: its status says that it does not serve.
  admission.catch(() => undefined);
  await Promise.race([admission, sleep(runtime, PATIENCE_MS)]);
}
