/**
 * The frames that two regions exchange on a channel between a *puller* and the *source* it pulls from.
 *
 * A frame starts with its lane and its number in that lane (from 1 on, per direction and channel):
 *   control: lane 0, number, kind, fields                     both directions
 *   entries: lane 1, number, count of entries, sections       source to puller
 * Two lanes, because entries may be held up by a slow link for long, while questions and reports, which
 * weigh nothing, pass by: a slow peer must not look like a dead one.
 */
import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type ClockReading, type Origin, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { ProtocolError } from './frame-sequence.ts';

export const PROTOCOL_VERSION = 5;

const LANE_CONTROL = 0;
const LANE_ENTRIES = 1;

/** A region's position in one partition. */
export interface PositionRow {
  readonly partition: PartitionNumber;
  readonly vector: VersionVector;
}

/** Where a puller is in one partition, and what it knows the source to have had there at some time. */
export interface SubscribedRow extends PositionRow {
  readonly known: VersionVector;
}

/** Another region's position, passed on. */
export interface RelayedRow extends PositionRow {
  readonly origin: Origin;
}

export type Message =
  /** Puller: opens the session. */
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly account: string;
      /** Membership epoch of both ends: what they tell each other of their positions counts in it alone. */
      readonly epoch: number;
      readonly region: string;
      readonly origin: Origin;
      readonly wants: readonly Origin[];
    }
  /** Source: the session stands. */
  | { readonly kind: 'welcome'; readonly region: string; readonly origin: Origin }
  /** Source: there will be no session. */
  | { readonly kind: 'refuse'; readonly reason: string }
  /**
   * Puller: send these partitions from these positions on. A source that lacks some of what it is known to
   * have had is on an older disk, and must send nothing.
   */
  | { readonly kind: 'subscribe'; readonly rows: readonly SubscribedRow[] }
  /** Source: instead of entries, what it knows a puller to have had that has subscribed with less. */
  | { readonly kind: 'known'; readonly rows: readonly PositionRow[] }
  | { readonly kind: 'unsubscribe'; readonly partitions: readonly PartitionNumber[] }
  /** Puller: replaces the set of origins whose entries it wants from here. */
  | { readonly kind: 'want'; readonly origins: readonly Origin[] }
  /**
   * Puller: bytes of entries it holds no longer, since the session began, and positions that changed. All
   * durable.
   */
  | { readonly kind: 'report'; readonly releasedBytes: number; readonly rows: readonly PositionRow[] }
  /** Source: positions of itself and of regions whose entries it relays. */
  | { readonly kind: 'rows'; readonly rows: readonly RelayedRow[] }
  /**
   * Puller: still here, and may it have a read lease? `askedAtMs` is its own monotonic clock's and comes back
   * as it was; `wallMs` its wall clock (Unix); `roundTripMs` what the last question and answer took, or -1.
   * `helpHops`: some region within so many is cut off from a neighbour, so any link is to be tried; 0: none.
   */
  | {
      readonly kind: 'ask';
      readonly askedAtMs: number;
      readonly wallMs: number;
      readonly roundTripMs: number;
      readonly helpHops: number;
    }
  /**
   * Source: its wall clock and those that it hears itself, the lease's length, counted from `askedAtMs` (0
   * for none), and how many frames of entries it has sent.
   */
  | {
      readonly kind: 'answer';
      readonly askedAtMs: number;
      readonly wallMs: number;
      readonly clocks: readonly ClockReading[];
      readonly leaseMs: number;
      readonly entryFrames: number;
    }
  /** Source, the write region: what every region that is waited for holds durably. */
  | { readonly kind: 'committed'; readonly rows: readonly PositionRow[] }
  /** Source: the log no longer reaches back to the puller's position. */
  | { readonly kind: 'unavailable'; readonly partition: PartitionNumber };

const KINDS: readonly Message['kind'][] = [
  'hello',
  'welcome',
  'refuse',
  'subscribe',
  'unsubscribe',
  'want',
  'report',
  'rows',
  'unavailable',
  'ask',
  'answer',
  'committed',
  'known',
];

/** Entries of one partition within a frame. */
export interface Section {
  readonly partition: PartitionNumber;
  readonly entries: readonly Uint8Array[];
}

/** Which lane a frame belongs to and its number there. @throws ProtocolError when the bytes are no frame. */
export function readFrameHead(frame: Uint8Array): { readonly isEntries: boolean; readonly seq: number } {
  return guard(() => {
    const reader = new ByteReader(frame);
    const lane = reader.u8();
    if (lane > LANE_ENTRIES) throw new RangeError(`unknown lane ${lane}`);
    return { isEntries: lane === LANE_ENTRIES, seq: reader.uint() };
  });
}

/**
 * How many entries a frame carries: what a throttled link counts. Frames of other protocols count for
 * none.
 */
export function countEntries(frame: Uint8Array): number {
  if (frame[0] !== LANE_ENTRIES) return 0;
  try {
    const reader = new ByteReader(frame, 1);
    reader.uint();
    return reader.uint();
  } catch {
    return 0;
  }
}

export function encodeMessage(seq: number, message: Message): Buffer {
  const writer = new ByteWriter(64).u8(LANE_CONTROL).uint(seq).u8(KINDS.indexOf(message.kind));
  writeFields(writer, message);
  return writer.finish();
}

function writeFields(writer: ByteWriter, message: Message): void {
  switch (message.kind) {
    case 'hello':
      writer.uint(message.version).string(message.account).uint(message.epoch);
      writer.string(message.region).uint(message.origin);
      writeNumbers(writer, message.wants);
      return;
    case 'welcome':
      writer.string(message.region).uint(message.origin);
      return;
    case 'refuse':
      writer.string(message.reason);
      return;
    case 'subscribe':
      writer.uint(message.rows.length);
      for (const { partition, vector, known } of message.rows) {
        vector.encode(writer.uint(partition));
        known.encode(writer);
      }
      return;
    case 'unsubscribe':
      writeNumbers(writer, message.partitions);
      return;
    case 'want':
      writeNumbers(writer, message.origins);
      return;
    case 'report':
      writer.uint(message.releasedBytes);
      writeRows(writer, message.rows);
      return;
    case 'rows':
      writer.uint(message.rows.length);
      for (const { partition, origin, vector } of message.rows)
        vector.encode(writer.uint(partition).uint(origin));
      return;
    case 'ask':
      writer.f64(message.askedAtMs).f64(message.wallMs).f64(message.roundTripMs);
      writer.uint(message.helpHops);
      return;
    case 'answer':
      writer.f64(message.askedAtMs).f64(message.wallMs).uint(message.clocks.length);
      for (const { origin, wallMs } of message.clocks) writer.uint(origin).f64(wallMs);
      writer.f64(message.leaseMs).uint(message.entryFrames);
      return;
    case 'committed':
    case 'known':
      writeRows(writer, message.rows);
      return;
    default:
      writer.uint(message.partition);
  }
}

function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.uint(numbers.length);
  for (const number of numbers) writer.uint(number);
}

function writeRows(writer: ByteWriter, rows: readonly PositionRow[]): void {
  writer.uint(rows.length);
  for (const { partition, vector } of rows) vector.encode(writer.uint(partition));
}

/** @throws ProtocolError when the frame is not one of the control lane, whole and of a known kind. */
export function decodeMessage(frame: Uint8Array): Message {
  return guard(() => {
    const reader = new ByteReader(frame, 1);
    reader.uint();
    const kind = KINDS[reader.u8()];
    if (kind === undefined) throw new RangeError('unknown kind of message');
    const message = readFields(reader, kind);
    if (reader.remaining > 0) throw new RangeError('message is too long');
    return message;
  });
}

function readFields(reader: ByteReader, kind: Message['kind']): Message {
  switch (kind) {
    case 'hello': {
      const version = reader.uint();
      // Nothing behind the version can be relied on when it is not ours.
      if (version !== PROTOCOL_VERSION)
        throw new RangeError(`protocol version ${version} is not ${PROTOCOL_VERSION}`);
      const hello = { version, account: reader.string(), epoch: reader.uint(), region: reader.string() };
      return { kind, ...hello, origin: reader.uint(), wants: readNumbers(reader) };
    }
    case 'welcome':
      return { kind, region: reader.string(), origin: reader.uint() };
    case 'refuse':
      return { kind, reason: reader.string() };
    case 'subscribe':
      return { kind, rows: readSubscribedRows(reader) };
    case 'unsubscribe':
      return { kind, partitions: readNumbers(reader) };
    case 'want':
      return { kind, origins: readNumbers(reader) };
    case 'report':
      return { kind, releasedBytes: reader.uint(), rows: readRows(reader) };
    case 'rows':
      return { kind, rows: readRelayedRows(reader) };
    case 'ask':
      return {
        kind,
        askedAtMs: reader.f64(),
        wallMs: reader.f64(),
        roundTripMs: reader.f64(),
        helpHops: reader.uint(),
      };
    case 'answer':
      return {
        kind,
        askedAtMs: reader.f64(),
        wallMs: reader.f64(),
        clocks: readClocks(reader),
        leaseMs: reader.f64(),
        entryFrames: reader.uint(),
      };
    case 'committed':
    case 'known':
      return { kind, rows: readRows(reader) };
    default:
      return { kind, partition: reader.uint() };
  }
}

function readNumbers(reader: ByteReader): number[] {
  const numbers: number[] = [];
  for (let left = reader.uint(); left > 0; left--) numbers.push(reader.uint());
  return numbers;
}

function readClocks(reader: ByteReader): ClockReading[] {
  const clocks: ClockReading[] = [];
  for (let left = reader.uint(); left > 0; left--)
    clocks.push({ origin: reader.uint(), wallMs: reader.f64() });
  return clocks;
}

function readRows(reader: ByteReader): PositionRow[] {
  const rows: PositionRow[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    rows.push({ partition: reader.uint(), vector: VersionVector.decode(reader) });
  }
  return rows;
}

function readSubscribedRows(reader: ByteReader): SubscribedRow[] {
  const rows: SubscribedRow[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const [partition, vector] = [reader.uint(), VersionVector.decode(reader)];
    rows.push({ partition, vector, known: VersionVector.decode(reader) });
  }
  return rows;
}

function readRelayedRows(reader: ByteReader): RelayedRow[] {
  const rows: RelayedRow[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    rows.push({ partition: reader.uint(), origin: reader.uint(), vector: VersionVector.decode(reader) });
  }
  return rows;
}

/** One frame with entries of any number of partitions. The entries' bytes are copied once, into it. */
export function encodeEntries(seq: number, sections: readonly Section[]): Buffer {
  let count = 0;
  let bytes = 0;
  for (const { entries } of sections) {
    count += entries.length;
    bytes += 8;
    for (const entry of entries) bytes += 4 + entry.length;
  }
  const head = new ByteWriter(24).u8(LANE_ENTRIES).uint(seq).uint(count).finish();
  const frame = Buffer.allocUnsafe(head.length + bytes);
  let at = head.copy(frame);
  for (const { partition, entries } of sections) {
    at = frame.writeUInt32BE(partition, at);
    at = frame.writeUInt32BE(entries.length, at);
    for (const entry of entries) {
      at = frame.writeUInt32BE(entry.length, at);
      frame.set(entry, at);
      at += entry.length;
    }
  }
  assert(at === frame.length, 'a frame is as long as was reckoned');
  return frame;
}

/** The sections of an entry frame; the entries are views of it. @throws ProtocolError when it is damaged. */
export function decodeEntries(frame: Uint8Array): Section[] {
  return guard(() => {
    const reader = new ByteReader(frame, 1);
    reader.uint();
    reader.uint();
    const sections: Section[] = [];
    while (reader.remaining > 0) {
      const partition = reader.u32be();
      const entries: Uint8Array[] = [];
      for (let left = reader.u32be(); left > 0; left--) entries.push(reader.raw(reader.u32be()));
      sections.push({ partition, entries });
    }
    return sections;
  });
}

/**
 * What comes from outside must not trip our asserts: whatever is wrong with the bytes ends the session
 * only.
 */
function guard<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ProtocolError(`a frame is damaged: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
