import type { HistogramSnapshot } from '../base/index.ts';
import type { Origin } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Feed } from './feed.ts';
import type { PullLink } from './pull-link.ts';
import type { Lag } from './reports.ts';
import type { Visibility } from './visibility.ts';

export interface PeerStatus {
  readonly region: string;
  readonly origin: Origin;
  /** This region pulls from it. */
  readonly isConnected: boolean;
  /** It pulls from this region. */
  readonly isPulling: boolean;
  /** Since anything at all was heard of it; undefined if never. */
  readonly lastHeardMs: number | undefined;
  /** Why the last session with it as the source ended, while there is none. */
  readonly lastError: string | undefined;
  /** Whose entries it is asked for. */
  readonly wants: readonly Origin[];
  /** Bytes of its entries that came and are not yet durable here. */
  readonly unreleasedBytes: number;
  /** Bytes sent to it that it has not said to hold durably. */
  readonly unacknowledgedBytes: number;
  /** Entries sent to it in its present session. */
  readonly entriesSent: number;
  /** Partitions that only a copy can bring up to date: its log starts after our position. */
  readonly unavailable: readonly PartitionNumber[];
  /** How far we are behind its own writes, over all partitions: operations summed, the longest time. */
  readonly lag: Lag;
  /** Of the last question and answer; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** How long after they were durable here our writes were durable there; see Visibility. */
  readonly visibility: HistogramSnapshot | undefined;
}

export interface ReplicationStatus {
  readonly isPaused: boolean;
  readonly peers: readonly PeerStatus[];
  /** Entries that came before something they depend on. */
  readonly waitingEntries: number;
  readonly waitingBytes: number;
  /** Bytes being made durable. */
  readonly receivingBytes: number;
}

export function peerStatus(of: {
  readonly region: string;
  readonly origin: Origin;
  readonly link: PullLink | undefined;
  readonly feeds: readonly Feed[];
  readonly lag: Lag;
  readonly visibility: Visibility;
  readonly nowMs: number;
}): PeerStatus {
  const { region, origin, link, feeds, lag, visibility, nowMs } = of;
  const heardAtMs = Math.max(link?.heardAtMs ?? 0, ...feeds.map((feed) => feed.heardAtMs));
  return {
    region,
    origin,
    isConnected: link?.isLive ?? false,
    isPulling: feeds.length > 0,
    lastHeardMs: link?.heardAtMs === undefined && feeds.length === 0 ? undefined : nowMs - heardAtMs,
    lastError: link?.lastError,
    wants: link?.wants ?? [],
    unreleasedBytes: link?.unreleasedBytes ?? 0,
    unacknowledgedBytes: feeds.reduce((sum, feed) => sum + feed.session.unreleasedBytes, 0),
    entriesSent: feeds.reduce((sum, feed) => sum + feed.session.entriesSent, 0),
    unavailable: [...(link?.unavailable ?? [])],
    lag,
    roundTripMs: visibility.roundTripMs(origin),
    visibility: visibility.snapshot(origin),
  };
}
