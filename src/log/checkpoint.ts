import { ByteReader, ByteWriter } from '../base/index.ts';
import { PartitionTable } from './partition-table.ts';
import type { SegmentExtent } from './segment-footer.ts';

/**
 * What a segment says of everything before it, in its first frame: which older segments must exist and how
 * far each of them goes, and the marks and tails of all partitions. So the newest segment alone tells the
 * state of the log, a missing or shortened older one is noticed, and old frames need not be kept.
 */
export interface Checkpoint {
  readonly segments: readonly SegmentRecord[];
  readonly table: PartitionTable;
}

export interface SegmentRecord {
  readonly number: number;
  readonly extent: SegmentExtent;
}

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const writer = new ByteWriter(4096);
  writer.uint(checkpoint.segments.length);
  for (const { number, extent } of checkpoint.segments) {
    writer.uint(number).uint(extent.firstGroup).uint(extent.lastGroup).uint(extent.dataEnd);
  }
  checkpoint.table.encode(writer);
  return writer.finish();
}

export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const reader = new ByteReader(bytes);
  const segments: SegmentRecord[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const number = reader.uint();
    const extent = { firstGroup: reader.uint(), lastGroup: reader.uint(), dataEnd: reader.uint() };
    segments.push({ number, extent });
  }
  return { segments, table: PartitionTable.decode(reader) };
}
