import type { AccountState, Directory, RegionRecord } from '../account/index.ts';
import type { RegionStatus } from '../api/fault/index.ts';
import type { Disk, Runtime } from '../runtime/index.ts';
import { sleep } from '../runtime/index.ts';
import { catchUp, needsCatchingUp } from './catching-up.ts';
import { caughtUpOrigin, markCaughtUp } from './region-files.ts';

/** What it takes to judge whether a region may answer clients. */
export interface AdmissionOptions {
  readonly runtime: Runtime;
  readonly disk: Disk;
  readonly directory: Directory;
  readonly regions: readonly string[];
  /** Where the region's durable state lies. */
  readonly rootOf: (region: string) => string;
  /** The last that is known of a running region, without waiting. */
  readonly latest: (region: string) => RegionStatus | undefined;
  readonly ask: (region: string) => Promise<RegionStatus | undefined>;
}

const POLL_MS = 50;

/**
 * Resolves when a running region may answer clients: at once, unless it began a new storage life and has not
 * learnt yet what the others know. `isWanted`: false once the region was stopped meanwhile.
 * @throws DatabaseError `ServiceUnavailable` as `catchUp`.
 */
export async function awaitAdmission(
  options: AdmissionOptions,
  region: string,
  isWanted: () => boolean,
): Promise<void> {
  const { runtime, disk, directory, regions, rootOf, latest, ask } = options;
  if (!(await isIgnorant(options, region))) return;
  const others = regions.filter((name) => name !== region);
  const elders = new Set<string>();
  for (const other of knowing(directory.state)) {
    if (other !== region && !(await isIgnorant(options, other))) elders.add(other);
  }
  const learn = async () => {
    for (;;) {
      const answers = await Promise.all(others.map(ask));
      const hasAnswered = others.some((other, at) => elders.has(other) && answers[at] !== undefined);
      // The silence of those who know something is not the same as their knowing nothing. Where every region
      // has lost its disk there is nothing to be learnt.
      if (hasAnswered || elders.size === 0 || !isWanted()) return answers;
      await sleep(runtime, POLL_MS);
    }
  };
  await catchUp({
    runtime,
    own: () => latest(region),
    others: learn,
    epoch: () => directory.state.epoch,
    isWanted,
  });
  const { origin } = directory.state.regions.find(({ name }) => name === region) ?? {};
  if (origin !== undefined) await markCaughtUp(disk, rootOf(region), origin);
}

/**
 * Regions of which each one has everything that was ever answered, as far as the account's level promises
 * it.
 */
function knowing({ consistency, quorum, regions }: AccountState): string[] {
  const isKnowing = ({ origin }: RegionRecord) =>
    consistency.level !== 'Strong' || quorum.origins.includes(origin);
  return regions.filter(isKnowing).map(({ name }) => name);
}

/** Whether the region's storage life is new, and has not caught up with the others yet. */
async function isIgnorant({ disk, directory, rootOf }: AdmissionOptions, region: string): Promise<boolean> {
  if (!needsCatchingUp(directory.state, region)) return false;
  const { origin } = directory.state.regions.find(({ name }) => name === region) ?? {};
  return origin !== (await caughtUpOrigin(disk, rootOf(region)));
}
