import { FRAME_HEADER_BYTES, type FrameKind } from './frame.ts';
import type { PartitionState } from './partition-table.ts';

/** One thing to make durable: consecutive entries of a partition, or a note of the log's own. */
export interface LogRecord {
  readonly kind: FrameKind;
  readonly partition: number;
  /** Of the first payload. */
  readonly lsn: number;
  /** One frame for each; undefined: one frame without payload. */
  readonly payloads?: readonly Uint8Array[];
  /** Of the partition, for entries. */
  readonly state?: PartitionState;
}

/** Bytes that a record takes in the stream. */
export function recordBytes(record: Pick<LogRecord, 'payloads'>): number {
  if (record.payloads === undefined) return FRAME_HEADER_BYTES;
  let bytes = record.payloads.length * FRAME_HEADER_BYTES;
  for (const payload of record.payloads) bytes += payload.length;
  return bytes;
}
