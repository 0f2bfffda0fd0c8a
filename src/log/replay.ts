import type { DiskFile } from '../runtime/index.ts';
import { type Checkpoint, decodeCheckpoint, type SegmentRecord } from './checkpoint.ts';
import { FRAME_HEADER_BYTES, FrameKind, frameEnd, kindAt, lsnAt, partitionAt } from './frame.ts';
import { PartitionState, PartitionTable } from './partition-table.ts';
import { type FooterRow, isSameExtent, type SegmentExtent } from './segment-footer.ts';
import { damage, type SegmentHeader, segmentName } from './segment-header.ts';
import { FileWindow, type ScannedGroup, scanGroups } from './segment-scan.ts';

interface ScannedFrame {
  readonly kind: number;
  readonly partition: number;
  readonly lsn: number;
  /** In the file. */
  readonly offset: number;
  readonly payload: Buffer;
}

/** The state of a log, from the checkpoint and the groups of its newest segment. */
export class Replay {
  readonly #name: string;
  readonly #discarded = new Set<number>();
  #checkpoint: Checkpoint | undefined;

  /** `name`: of the segment, for reports. */
  constructor(name: string) {
    this.#name = name;
  }

  get table(): PartitionTable {
    this.#checkpoint ??= { segments: [], table: new PartitionTable() };
    return this.#checkpoint.table;
  }

  /** The older segments that must exist. */
  get segments(): SegmentRecord[] {
    const all = this.#checkpoint?.segments ?? [];
    return all.filter((segment) => !this.#discarded.has(segment.number));
  }

  visit(group: ScannedGroup): void {
    for (const frame of frames(group)) this.#apply(frame);
  }

  #apply(frame: ScannedFrame): void {
    const { kind, partition, lsn, offset } = frame;
    if ((kind === FrameKind.checkpoint) !== (this.#checkpoint === undefined)) {
      throw damage(this.#name, offset, 'a segment has one checkpoint, at its beginning');
    }
    switch (kind) {
      case FrameKind.checkpoint:
        this.#checkpoint = this.#decodeCheckpoint(frame);
        return;
      case FrameKind.entry:
        this.#append(frame);
        return;
      case FrameKind.trim: {
        const state = this.table.get(partition);
        if (state !== undefined) state.head = Math.max(state.head, lsn + 1);
        return;
      }
      case FrameKind.drop:
        this.table.drop(partition);
        return;
      case FrameKind.discard:
        this.#discarded.add(lsn);
        return;
      case FrameKind.close:
        return;
      default:
        throw damage(this.#name, offset, `a frame has the unknown kind ${kind}`);
    }
  }

  #append({ partition, lsn, offset }: ScannedFrame): void {
    const expected = (this.table.get(partition)?.tail ?? 0) + 1;
    if (this.table.isDropped(partition) || lsn !== expected) {
      throw damage(this.#name, offset, `partition ${partition} goes on with ${lsn} instead of ${expected}`);
    }
    const state = this.table.obtain(partition);
    state.tail = lsn;
    state.acceptedTail = lsn;
    state.place(lsn, offset);
  }

  #decodeCheckpoint({ payload, offset }: ScannedFrame): Checkpoint {
    try {
      return decodeCheckpoint(payload);
    } catch (error) {
      if (error instanceof RangeError) throw damage(this.#name, offset, 'its checkpoint makes no sense');
      throw error;
    }
  }
}

/**
 * The rows of a segment's footer, from its groups. @throws LogDamagedError where the groups end too early.
 */
export async function collectRows(
  file: Pick<DiskFile, 'read'>,
  header: SegmentHeader,
  extent: SegmentExtent,
): Promise<FooterRow[]> {
  const states = new Map<number, PartitionState>();
  const found = await scanGroups(new FileWindow(file, extent.dataEnd), header, (group) => {
    for (const { kind, partition, lsn, offset } of frames(group)) {
      if (kind !== FrameKind.entry) continue;
      const state = states.get(partition) ?? new PartitionState(partition);
      states.set(partition, state);
      state.place(lsn, offset);
      state.tail = lsn;
    }
  });
  if (found.firstGroup === undefined || !isSameExtent({ ...found, firstGroup: found.firstGroup }, extent)) {
    throw damage(segmentName(header.number), found.dataEnd, `its groups should go on to ${extent.dataEnd}`);
  }
  return [...states.values()]
    .map((state) => ({ partition: state.number, lastLsn: state.tail, points: state.points ?? [] }))
    .sort((a, b) => a.partition - b.partition);
}

/** The frames of a group whose checksums were found right. */
function* frames(group: ScannedGroup): Generator<ScannedFrame> {
  const { buffer, start } = group;
  let position = start;
  while (position < group.end) {
    const end = frameEnd(buffer, position) ?? group.end;
    yield {
      kind: kindAt(buffer, position),
      partition: partitionAt(buffer, position),
      lsn: lsnAt(buffer, position),
      offset: group.offset + position - start,
      payload: buffer.subarray(position + FRAME_HEADER_BYTES, end),
    };
    position = end;
  }
}
