/** What the parent asks of a region's process, and what that process is told at birth. */
import type { RegionMetrics, RegionStatus } from '../api/fault/index.ts';
import type { LinkFault, ListedLinkFault } from '../replication/index.ts';
import type { ClockError } from './fault-book.ts';
import type { LocalRegionOptions } from './local-region.ts';
import type { RegionAddresses } from './region.ts';

/** One line of JSON on the child's standard input. */
export interface RegionBirth {
  readonly region: string;
  readonly paths: LocalRegionOptions['paths'];
  /** Where the parent serves the directory, and where it waits for the child's control channel. */
  readonly directoryAddress: string;
  readonly controlAddress: string;
  readonly host: string;
  /** 0: any free one, told in the answer to `open`. */
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string };
  readonly keys: LocalRegionOptions['keys'];
  readonly operationTimeoutMs: number;
  /** One-way milliseconds, by sender and receiver. */
  readonly latencies: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export type ControlQuestion =
  /** Opens the region and its listener. */
  | { readonly kind: 'open'; readonly faults: readonly ListedLinkFault[]; readonly clock: ClockError }
  /** Lets clients in. */
  | { readonly kind: 'admit' }
  /** Where everybody listens now: for the other regions, and for clients. */
  | { readonly kind: 'places'; readonly places: readonly RegionPlace[] }
  | { readonly kind: 'add-fault'; readonly id: string; readonly fault: LinkFault }
  | { readonly kind: 'remove-fault'; readonly id: string }
  | { readonly kind: 'clock'; readonly error: ClockError }
  | { readonly kind: 'status' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'collect' }
  | { readonly kind: 'close' };

export interface RegionPlace {
  readonly region: string;
  readonly port: number;
  readonly addresses: RegionAddresses;
}

export type ControlAnswer =
  | { readonly kind: 'place'; readonly place: RegionPlace }
  | { readonly kind: 'status'; readonly status: RegionStatus }
  | { readonly kind: 'metrics'; readonly metrics: RegionMetrics }
  | { readonly kind: 'done' }
  /** See RegionDamagedError; the process ends after it. */
  | { readonly kind: 'damaged'; readonly finding: string }
  | { readonly kind: 'failed'; readonly message: string };
