import { assert } from '../base/index.ts';
import type { DiskFile } from '../runtime/index.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { FrameKind, GROUP_HEADER_BYTES, writeFrame, writeGroupHeader } from './frame.ts';
import { type LogRecord, recordBytes } from './log-record.ts';
import type { PartitionTable } from './partition-table.ts';
import { SealedSegment } from './sealed-segment.ts';
import { encodeFooter, type Footer, type FooterRow, type SegmentExtent } from './segment-footer.ts';
import { DATA_START, type SegmentHeader } from './segment-header.ts';
import type { NewSegment, SegmentSupply } from './segment-supply.ts';
import type { TailCache } from './tail-cache.ts';

/** The segment that is being written. */
export interface ActiveSegment {
  readonly header: SegmentHeader;
  readonly file: DiskFile;
  readonly capacity: number;
  /** Undefined until its first group, which carries the checkpoint. */
  firstGroup: number | undefined;
  /** Number of the last group of the log. */
  lastGroup: number;
  /** Where the last durable group ends. */
  end: number;
}

const FIRST_SEGMENT_BYTES = 4 << 20;

/** Length of the segment after one of `bytes`: logs begin small, so that an idle one takes little space. */
export function nextSegmentBytes(bytes: number, segmentBytes: number): number {
  return Math.min(segmentBytes, Math.max(FIRST_SEGMENT_BYTES, 2 * bytes));
}

/** A new segment in which nothing is written yet. */
export function activate(segment: NewSegment, lastGroup: number): ActiveSegment {
  return { ...segment, firstGroup: undefined, lastGroup, end: DATA_START };
}

/**
 * Puts a footer behind the last group and ends the file there. The trailer goes last, alone: where it is
 * whole, so is all that it speaks of, and opening a log need not read that to be sure.
 */
export async function writeFooter(file: DiskFile, extent: SegmentExtent, footer: Footer): Promise<void> {
  const { rows, points, trailer } = footer;
  const end = extent.dataEnd + rows.length + points.length;
  await file.write(extent.dataEnd, [rows, points]);
  await file.truncate(end + trailer.length);
  await file.sync();
  await file.write(end, [trailer]);
  await file.sync();
}

/** Writes groups one after the other, one sync each, into one segment after the other. */
export class StreamWriter {
  /** Oldest first. */
  readonly sealed: SealedSegment[];
  readonly #supply: SegmentSupply;
  readonly #cache: TailCache;
  readonly #table: PartitionTable;
  readonly #segmentBytes: number;
  readonly #onSealFailed: (reason: unknown) => void;
  #active: ActiveSegment;
  #sealing: Promise<void> = Promise.resolve();

  constructor(parts: {
    supply: SegmentSupply;
    cache: TailCache;
    table: PartitionTable;
    segmentBytes: number;
    sealed: SealedSegment[];
    active: ActiveSegment;
    onSealFailed: (reason: unknown) => void;
  }) {
    this.#supply = parts.supply;
    this.#cache = parts.cache;
    this.#table = parts.table;
    this.#segmentBytes = parts.segmentBytes;
    this.sealed = parts.sealed;
    this.#active = parts.active;
    this.#onSealFailed = parts.onSealFailed;
  }

  get active(): ActiveSegment {
    return this.#active;
  }

  /** Writes all records as one group; they are durable when it resolves. One call at a time. */
  async commit(records: readonly LogRecord[]): Promise<void> {
    let bytes = GROUP_HEADER_BYTES;
    for (const record of records) bytes += recordBytes(record);
    const full = this.#active;
    const footer = await this.#makeRoom(bytes);
    const active = this.#active;
    const checkpoint = active.firstGroup === undefined ? this.#checkpoint() : undefined;
    if (checkpoint !== undefined) bytes += recordBytes(checkpoint);
    const buffer = this.#cache.reserve(active.header.number, active.end, bytes);
    const number = active.lastGroup + 1;
    composeGroup(buffer, active, number, checkpoint === undefined ? records : [checkpoint, ...records]);
    await active.file.writeDurably(active.end, buffer);
    active.end += bytes;
    active.lastGroup = number;
    active.firstGroup ??= number;
    // Not before the new segment's first group is durable: a footer is proof that a next segment exists.
    if (footer !== undefined) this.#seal(full, footer);
    if (active.end > active.capacity / 2) {
      const next = nextSegmentBytes(active.capacity, this.#segmentBytes);
      this.#supply.prepare(active.header.number + 1, next);
    }
  }

  /** Resolves once no footer is being written any more. */
  async settled(): Promise<void> {
    await this.#sealing;
  }

  remove(number: number): void {
    const index = this.sealed.findIndex((segment) => segment.number === number);
    assert(index >= 0, 'a segment is removed once');
    this.sealed.splice(index, 1);
  }

  async close(): Promise<void> {
    await this.#sealing;
    await this.#active.file.close();
  }

  /** Goes to a new segment if the active one cannot take `bytes` more; returns the old one's footer if so. */
  async #makeRoom(bytes: number): Promise<Footer | undefined> {
    const full = this.#active;
    const { header, end, firstGroup, lastGroup, capacity } = full;
    if (firstGroup === undefined || end + bytes <= capacity) return undefined;
    const wanted = Math.max(nextSegmentBytes(capacity, this.#segmentBytes), DATA_START + bytes);
    const next = await this.#supply.take(header.number + 1, wanted);
    const extent = { firstGroup, lastGroup, dataEnd: end };
    const footer = encodeFooter(takeRows(this.#table), extent, header.mark);
    this.sealed.push(SealedSegment.of(header, extent, footer));
    this.#active = activate(next, lastGroup);
    return footer;
  }

  #checkpoint(): LogRecord {
    const segments = this.sealed.map(({ number, extent }) => ({ number, extent }));
    const payloads = [encodeCheckpoint({ segments, table: this.#table })];
    return { kind: FrameKind.checkpoint, partition: 0, lsn: 0, payloads };
  }

  #seal(full: ActiveSegment, footer: Footer): void {
    const segment = this.sealed.at(-1);
    assert(segment?.number === full.header.number, 'the newest sealed segment is the one that was just full');
    this.#sealing = this.#sealing
      .then(async () => {
        await writeFooter(full.file, segment.extent, footer);
        await full.file.close();
        segment.points = undefined;
      })
      .catch(this.#onSealFailed);
  }
}

/** The footer rows of all partitions with entries in the active segment, which starts anew after this. */
function takeRows(table: PartitionTable): FooterRow[] {
  const rows: FooterRow[] = [];
  for (const state of table.states()) {
    if (state.points === undefined) continue;
    rows.push({ partition: state.number, lastLsn: state.tail, points: state.points });
    state.points = undefined;
  }
  return rows.sort((a, b) => a.partition - b.partition);
}

function composeGroup(
  buffer: Buffer,
  active: ActiveSegment,
  number: number,
  records: readonly LogRecord[],
): void {
  const { header, end } = active;
  const bodyBytes = buffer.length - GROUP_HEADER_BYTES;
  let position = writeGroupHeader(buffer, 0, header, { number, bodyBytes });
  for (const { kind, partition, lsn: firstLsn, payloads, state } of records) {
    let lsn = firstLsn;
    for (const payload of payloads ?? [undefined]) {
      state?.place(lsn, end + position);
      position = writeFrame(buffer, position, header.seed, { kind, partition, lsn }, payload);
      lsn++;
    }
  }
  assert(position === buffer.length, 'a group fills exactly the space that was reserved for it');
}
