/**
 * The terms of read leases. A region that holds one is waited for: by every write of a Strong account, by the
 * bound of a BoundedStaleness one. So the lease must have run out for its holder before anybody stops
 * waiting, whatever the two clocks do.
 *
 * The holder counts from the moment at which it asked, the giver from the later one at which it
 * answered, each on its own monotonic clock; no clock reading is ever compared with another machine's.
 */

/** Length of a Strong lease, by the holder's clock. */
export const STRONG_LEASE_MS = 2_000;

/** Monotonic clocks of two machines run apart by less than this share. */
const DRIFT_MAX = 0.02;

/** For how long the giver of a lease must assume that it is held, by its own clock. */
export function assumedMs(leaseMs: number): number {
  return (leaseMs * (1 + DRIFT_MAX)) / (1 - DRIFT_MAX);
}

/**
 * Length of a lease for a region that lacks no write older than `ageMs` (0: lacks none), when nothing older
 * than `boundMs` may be missing while it reads. At most half the bound, so that whoever takes the region out
 * of the account need not wait for all of it.
 */
export function boundedLeaseMs(ageMs: number, boundMs: number): number {
  return Math.max(0, Math.min(boundMs / 2, (boundMs - ageMs) * (1 - 2 * DRIFT_MAX)));
}
