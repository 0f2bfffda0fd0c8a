import type { Origin } from '../causality/index.ts';
import type { Disk } from '../runtime/index.ts';

/**
 * Deletes a region's durable state. `renew` must give the region a new origin: it comes first, since a region
 * that finds its disk empty would otherwise begin to number its writes anew under the old one.
 */
export async function wipeRegion(disk: Disk, root: string, renew: () => Promise<unknown>): Promise<void> {
  const trash = `${root}.wiped`;
  await disk.removeTree(trash);
  await renew();
  await disk.makeDirectory(root);
  // In one step: half a log would be taken for damage.
  await disk.rename(root, trash);
  await disk.removeTree(trash);
}

/** Beside the log, so that it goes with it. */
const CAUGHT_UP = /^caught-up-(\d+)$/;

/** The storage life that had learnt what the others knew when it began; undefined for none. */
export async function caughtUpOrigin(disk: Disk, root: string): Promise<Origin | undefined> {
  const origins = (await disk.list(root)).map((name) => Number(CAUGHT_UP.exec(name)?.[1] ?? 0));
  const last = Math.max(0, ...origins);
  return last === 0 ? undefined : last;
}

/** Takes note that this storage life has caught up, so that it need not wait for the others ever again. */
export async function markCaughtUp(disk: Disk, root: string, origin: Origin): Promise<void> {
  if ((await caughtUpOrigin(disk, root)) === origin) return;
  const file = await disk.open(`${root}/caught-up-${origin}`, 'create');
  await file.close();
  await disk.syncDirectory(root);
}
