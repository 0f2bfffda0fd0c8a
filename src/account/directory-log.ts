import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type Log, LogDamagedError, type Lsn } from '../log/index.ts';
import { type AccountChange, withChanges } from './account-change.ts';
import { wholeQuorum } from './quorum.ts';
import type { AccountState } from './state.ts';

/**
 * How the directory stands in its log: a snapshot of the whole state in one or more parts, appended as one
 * group, and after it an entry for each change. All bodies are JSON.
 *
 * Layout: format, kind, then by kind
 *   change:        body
 *   snapshot part: index, count, body (a slice of the state's bytes)
 */
const FORMAT = 1;
const KIND_CHANGE = 1;
const KIND_SNAPSHOT_PART = 2;

/** Log entries may have 16 MiB. */
const PART_BYTES_MAX = 8 * 1024 * 1024;
const READ_BYTES = 4 * 1024 * 1024;

/** The number of the directory's log; a node's data partitions have higher ones. */
export const DIRECTORY_PARTITION = 1;

export function encodeChange(change: AccountChange): Buffer {
  return frame(KIND_CHANGE, Buffer.from(JSON.stringify(change)));
}

/** `partBytes`: the most that one entry may hold of the state. */
export function encodeSnapshot(state: AccountState, partBytes = PART_BYTES_MAX): Buffer[] {
  const body = Buffer.from(JSON.stringify(state));
  const count = Math.ceil(body.length / partBytes);
  return Array.from({ length: count }, (_, index) => {
    const part = body.subarray(index * partBytes, (index + 1) * partBytes);
    return frame(KIND_SNAPSHOT_PART, part, [index, count]);
  });
}

function frame(kind: number, body: Uint8Array, numbers: readonly number[] = []): Buffer {
  const writer = new ByteWriter(body.length + 16).u8(FORMAT).u8(kind);
  for (const number of numbers) writer.uint(number);
  return writer.raw(body).finish();
}

export interface RecoveredState {
  readonly state: AccountState;
  /** Of all changes since the snapshot that the state was made from. */
  readonly changeBytes: number;
  readonly snapshotBytes: number;
}

/**
 * The state that the directory's log leads to; undefined when the log is empty.
 * @throws LogDamagedError when it has no whole snapshot, a gap, or was written by a newer version.
 */
export async function recoverState(log: Log): Promise<RecoveredState | undefined> {
  const recovery = new Recovery();
  const tail = log.tail(DIRECTORY_PARTITION);
  for (let next: Lsn = log.head(DIRECTORY_PARTITION); next <= tail; ) {
    const entries = await log.read(DIRECTORY_PARTITION, next, READ_BYTES);
    assert(entries.length > 0, 'a log has entries up to its tail');
    for (const entry of entries) recovery.add(entry);
    next += entries.length;
  }
  return tail === 0 ? undefined : recovery.finish();
}

/** A snapshot of an earlier version lacks what that version did not know of. */
function withDefaults(snapshot: AccountState): AccountState {
  const { regions, quorum, topology } = snapshot as Partial<AccountState>;
  return {
    ...snapshot,
    quorum: quorum ?? wholeQuorum(regions ?? [], 1),
    topology: topology ?? { kind: 'auto' },
  };
}

/**
 * Keeps the latest whole snapshot and what came after it, and parses only that: logs are trimmed by whole
 * segments, so much older entries may come first.
 */
class Recovery {
  #snapshot: Uint8Array[] = [];
  #parts: Uint8Array[] = [];
  #changes: Uint8Array[] = [];

  add(entry: Uint8Array): void {
    const reader = new ByteReader(entry);
    const format = reader.u8();
    const kind = reader.u8();
    if (format !== FORMAT || (kind !== KIND_CHANGE && kind !== KIND_SNAPSHOT_PART)) {
      throw new LogDamagedError(`directory entry has unknown format ${format} or kind ${kind}`);
    }
    if (kind === KIND_CHANGE) {
      this.#changes.push(reader.rest());
      return;
    }
    const index = reader.uint();
    const count = reader.uint();
    if (index === 0) this.#parts = [];
    // The log may have been trimmed in the middle of an older snapshot.
    if (index !== this.#parts.length) return;
    this.#parts.push(reader.rest());
    if (this.#parts.length < count) return;
    this.#snapshot = this.#parts;
    this.#parts = [];
    this.#changes = [];
  }

  finish(): RecoveredState {
    if (this.#snapshot.length === 0) throw new LogDamagedError('the directory log has no whole snapshot');
    const body = Buffer.concat(this.#snapshot);
    const snapshot = completed(JSON.parse(body.toString()) as AccountState);
    const changes = this.#changes.map((bytes) => JSON.parse(bytes.toString()) as AccountChange);
    for (const [index, { revision }] of changes.entries()) {
      if (revision === snapshot.revision + 1 + index) continue;
      throw new LogDamagedError(`the directory log lacks what leads to revision ${revision}`);
    }
    const changeBytes = this.#changes.reduce((sum, bytes) => sum + bytes.length, 0);
    const state = withChanges(withDefaults(snapshot), changes);
    return { state, changeBytes, snapshotBytes: body.length };
  }
}

/** Accounts of the first version knew no scripts. */
function completed(state: AccountState): AccountState {
  const older: Partial<AccountState> = state;
  if (older.scripts !== undefined) return state;
  return { ...state, scripts: {}, next: { ...state.next, script: 1 } };
}
