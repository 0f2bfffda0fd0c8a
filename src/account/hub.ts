import type { AccountState } from './state.ts';

/** Who decides what needs one order over all regions: conflicts with a merge procedure. */
export interface Hub {
  readonly region: string;
  /**
   * Fencing number, the account's membership epoch. Between two regions, or two storage lives of one, that
   * are the hub it rises, and the later may decide only when it has all that any member has of the earlier.
   */
  readonly epoch: number;
}

/** The first region by failover priority. */
export function hubOf({ regions, epoch }: AccountState): Hub {
  return { region: regions[0]?.name ?? '', epoch };
}
