import { DatabaseError } from '../errors/index.ts';
import { LogDamagedError } from '../log/index.ts';
import { DiskOutdatedError } from '../replication/index.ts';

/** What lies on one region's disk cannot be used. Nothing else is wrong: the others can go on without it. */
export class RegionDamagedError extends DatabaseError {
  override name = 'RegionDamagedError';
  /** What was found, without the region's name. */
  readonly finding: string;

  constructor(region: string, finding: string, cause?: unknown) {
    super('ServiceUnavailable', `The region '${region}' cannot be used: ${finding}.`, { cause });
    this.finding = finding;
  }
}

/** Undefined for what concerns more than this region's disk, or may do so. */
export function regionDamage(region: string, reason: unknown): RegionDamagedError | undefined {
  if (reason instanceof RegionDamagedError) return reason;
  const isDamage = reason instanceof LogDamagedError || reason instanceof DiskOutdatedError;
  return isDamage ? new RegionDamagedError(region, reason.message, reason) : undefined;
}

/** For the person who runs the server. */
export function damageReport(region: string, finding: string): string {
  return (
    `region ${region} stays down: ${finding}. The other regions serve; wipe and start this region, which ` +
    'then takes what the others have. Do not put back a copy of its files: the others know what it had since'
  );
}

/**
 * Opens regions; gives those that are damaged, and stay down.
 * @throws RegionDamagedError when all are, and whatever else keeps one from opening.
 */
export async function openUndamaged(
  regions: readonly string[],
  open: (region: string) => Promise<void>,
): Promise<ReadonlyMap<string, RegionDamagedError>> {
  const damages = new Map<string, RegionDamagedError>();
  const opening = regions.map(async (region) => {
    try {
      await open(region);
    } catch (error) {
      if (!(error instanceof RegionDamagedError)) throw error;
      damages.set(region, error);
    }
  });
  await Promise.all(opening);
  const [first] = damages.values();
  if (first !== undefined && damages.size === regions.length) throw first;
  return damages;
}
