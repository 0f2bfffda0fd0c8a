import { crc32 } from 'node:zlib';
import type { Disk, DiskFile } from '../runtime/index.ts';
import type { SegmentRecord } from './checkpoint.ts';
import type { PartitionTable } from './partition-table.ts';
import { collectRows, Replay } from './replay.ts';
import { SealedSegment } from './sealed-segment.ts';
import { decodeTrailer, encodeFooter, isSameExtent, TRAILER_BYTES, type Trailer } from './segment-footer.ts';
import {
  DATA_START,
  damage,
  decodeSegmentHeader,
  HEADER_BYTES,
  type SegmentHeader,
  segmentName,
  segmentNumber,
  segmentPath,
} from './segment-header.ts';
import { FileWindow, inspectRemains, scanGroups, writeZeros } from './segment-scan.ts';
import { type ActiveSegment, writeFooter } from './stream-writer.ts';

/**
 * Makes sense of the files of a log.
 *
 * The newest segment that holds a group is the active one. Its first frame is a checkpoint: which older
 * segments there must be, and the state of every partition at its beginning. Its other frames bring that up
 * to date. Of the older segments only the footers are read; those without one are scanned.
 *
 * Nothing is dropped but the torn remains of the one group that was under way, which was never acknowledged,
 * because groups are written one at a time. That this group is the last one is proved by there being no
 * group behind it; otherwise what cannot be read was durable once, and the log refuses to open.
 */
export interface RecoveredLog {
  readonly logId: Buffer;
  readonly table: PartitionTable;
  readonly sealed: SealedSegment[];
  readonly active: ActiveSegment;
}

interface Place {
  readonly disk: Disk;
  readonly directory: string;
}

/** How many old segments are opened at once. */
const PARALLEL = 8;

/** Undefined when the folder holds no log. @throws LogDamagedError, LogVersionError */
export async function recover(place: Place): Promise<RecoveredLog | undefined> {
  const names = await place.disk.list(place.directory);
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined);
  if (numbers.length === 0) return undefined;
  const { active, replay } = await findActive(place, numbers);
  try {
    const sealed = await openSealed(place, active.header, replay.segments);
    const wanted = new Set([active.header.number, ...sealed.map((segment) => segment.number)]);
    // Deleted on record, but the power went before the folder said so.
    for (const number of numbers) {
      if (!wanted.has(number)) await place.disk.remove(segmentPath(place.directory, number));
    }
    await place.disk.syncDirectory(place.directory);
    return { logId: active.header.logId, table: replay.table, sealed, active };
  } catch (error) {
    await active.file.close();
    throw error;
  }
}

interface Newest {
  readonly active: ActiveSegment;
  readonly replay: Replay;
}

/** The newest segment that holds a group; what was made ahead after it is removed. */
async function findActive(place: Place, numbers: readonly number[]): Promise<Newest> {
  let ahead: number | undefined;
  for (const number of numbers.toReversed()) {
    const newest = await openNewest(place, number, ahead);
    const isHolding = newest.active.firstGroup !== undefined;
    // A log that was made and never written to is one empty segment.
    if (isHolding || (number === 1 && ahead === undefined)) {
      if (ahead !== undefined) await place.disk.remove(segmentPath(place.directory, ahead));
      return newest;
    }
    await newest.active.file.close();
    // One segment is made ahead; of two without any group one has lost what it held.
    if (ahead !== undefined) throw damage(segmentName(number), DATA_START, 'its first group is gone');
    ahead = number;
  }
  const oldest = numbers[0] ?? 1;
  throw damage(segmentName(oldest - 1), 0, 'it is missing');
}

/** `ahead`: number of the empty segment that was found after this one. */
async function openNewest(place: Place, number: number, ahead: number | undefined): Promise<Newest> {
  const name = segmentName(number);
  if (ahead !== undefined && ahead !== number + 1) throw damage(segmentName(ahead - 1), 0, 'it is missing');
  const file = await place.disk.open(segmentPath(place.directory, number), 'write');
  try {
    const header = await readHeader(file, number);
    const window = await FileWindow.over(file);
    if ((await readTrailer(window, header)) !== undefined) {
      const missing = ahead === undefined ? 'it is missing' : 'its first group is gone';
      throw damage(segmentName(number + 1), 0, missing);
    }
    const replay = new Replay(name);
    const extent = await scanGroups(window, header, (group) => replay.visit(group));
    const remains = await inspectRemains(window, header, extent);
    if (remains.laterGroup !== undefined) {
      throw damage(name, extent.dataEnd, `a later group stands at ${remains.laterGroup}`);
    }
    await writeZeros(file, extent.dataEnd, remains.dirtyEnd);
    // What a killed process wrote without a sync is whole here, and not yet durable.
    await file.sync();
    const { firstGroup, lastGroup, dataEnd: end } = extent;
    return { active: { header, file, capacity: window.size, firstGroup, lastGroup, end }, replay };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openSealed(
  place: Place,
  newest: SegmentHeader,
  records: readonly SegmentRecord[],
): Promise<SealedSegment[]> {
  const sealed: SealedSegment[] = [];
  for (let start = 0; start < records.length; start += PARALLEL) {
    const batch = records.slice(start, start + PARALLEL);
    sealed.push(...(await Promise.all(batch.map((record) => openOneSealed(place, newest, record)))));
  }
  return sealed;
}

async function openOneSealed(
  place: Place,
  newest: SegmentHeader,
  record: SegmentRecord,
): Promise<SealedSegment> {
  const name = segmentName(record.number);
  const path = segmentPath(place.directory, record.number);
  const file = await place.disk.open(path, 'write').catch((error) => {
    throw error?.code === 'ENOENT' ? damage(name, 0, 'it is missing') : error;
  });
  try {
    const header = await readHeader(file, record.number);
    if (!header.logId.equals(newest.logId)) throw damage(name, 0, 'it belongs to another log');
    const window = await FileWindow.over(file);
    return (await readFooter(window, header, record)) ?? (await rebuildFooter(file, header, record));
  } finally {
    await file.close();
  }
}

async function readFooter(
  window: FileWindow,
  header: SegmentHeader,
  { extent }: SegmentRecord,
): Promise<SealedSegment | undefined> {
  const trailer = await readTrailer(window, header);
  if (trailer === undefined || !isSameExtent(trailer, extent)) return undefined;
  const rows = await window.file.read(extent.dataEnd, trailer.rowsBytes);
  if (rows.length !== trailer.rowsBytes || crc32(rows) !== trailer.rowsCrc) return undefined;
  return new SealedSegment(header, extent, { ...trailer, rows });
}

async function rebuildFooter(
  file: DiskFile,
  header: SegmentHeader,
  { extent }: SegmentRecord,
): Promise<SealedSegment> {
  const footer = encodeFooter(await collectRows(file, header, extent), extent, header.mark);
  await writeFooter(file, extent, footer);
  const segment = SealedSegment.of(header, extent, footer);
  segment.points = undefined;
  return segment;
}

async function readHeader(file: DiskFile, number: number): Promise<SegmentHeader> {
  const name = segmentName(number);
  const header = decodeSegmentHeader(await file.read(0, HEADER_BYTES), name);
  if (header.number !== number) throw damage(name, 0, `it says that it is segment ${header.number}`);
  return header;
}

async function readTrailer(window: FileWindow, header: SegmentHeader): Promise<Trailer | undefined> {
  if (window.size < DATA_START + TRAILER_BYTES) return undefined;
  return decodeTrailer(await window.file.read(window.size - TRAILER_BYTES, TRAILER_BYTES), header.mark);
}
