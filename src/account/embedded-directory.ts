import { DatabaseError } from '../errors/index.ts';
import type { Log, Lsn } from '../log/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { type AccountChange, withChanges } from './account-change.ts';
import { AccountView } from './account-view.ts';
import { decide } from './apply-command.ts';
import type { Command, CommandResult } from './command.ts';
import type { Directory } from './directory.ts';
import {
  DIRECTORY_PARTITION,
  encodeChange,
  encodeSnapshot,
  type RecoveredState,
  recoverState,
} from './directory-log.ts';
import type { AccountState } from './state.ts';

export interface EmbeddedDirectoryOptions {
  readonly runtime: Pick<Runtime, 'soon'>;
  /**
   * Its partition 1 belongs to the directory, which is the only one to append to it. Not closed by the
   * directory.
   */
  readonly log: Log;
  /** What a new account starts with; an account that the log already holds stays as it is. */
  readonly initial: AccountState;
  /**
   * Changes are logged for at least this many bytes between two snapshots of the state, and for as many as
   * the state itself has: so snapshots never cost more than the changes did. Smaller ones are for tests.
   */
  readonly snapshotBytesMin?: number;
}

const SNAPSHOT_BYTES_MIN = 1024 * 1024;

/**
 * The directory of an account whose regions all live on one machine: one process decides, one log keeps.
 * Rejects with LogDamagedError when the log cannot be read.
 */
export async function openEmbeddedDirectory(options: EmbeddedDirectoryOptions): Promise<Directory> {
  const { log, initial } = options;
  let recovered = await recoverState(log);
  if (recovered === undefined) {
    const snapshot = encodeSnapshot(initial);
    await log.append(DIRECTORY_PARTITION, 0, snapshot);
    recovered = { state: initial, changeBytes: 0, snapshotBytes: sizeOf(snapshot) };
  }
  return new EmbeddedDirectory(options, recovered);
}

function sizeOf(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, entry) => sum + entry.length, 0);
}

/**
 * A command is decided at once, on top of all commands before it, also those that are not durable yet: many
 * can share one fsync. Nothing of it is shown, not even a refusal, before all that it rests on is durable.
 */
class EmbeddedDirectory extends AccountView implements Directory {
  readonly closed: Promise<unknown>;
  readonly #runtime: EmbeddedDirectoryOptions['runtime'];
  readonly #log: Log;
  readonly #snapshotBytesMin: number;
  /** With every command that was accepted; the directory itself follows as they become durable. */
  readonly #head: AccountView;
  readonly #resolveClosed: (reason: unknown) => void;
  #tail: Lsn;
  #changeBytes: number;
  #snapshotBytes: number;
  #isSnapshotDue = false;
  #isClosed = false;
  /** Settles when all that was appended so far is durable and shown, or rejects for ever. */
  #durable: Promise<void> = Promise.resolve();

  constructor(options: EmbeddedDirectoryOptions, recovered: RecoveredState) {
    super(recovered.state);
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#snapshotBytesMin = options.snapshotBytesMin ?? SNAPSHOT_BYTES_MIN;
    this.#head = new AccountView(recovered.state);
    this.#tail = options.log.tail(DIRECTORY_PARTITION);
    this.#changeBytes = recovered.changeBytes;
    this.#snapshotBytes = recovered.snapshotBytes;
    let resolveClosed: (reason: unknown) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
    void options.log.failed.then((reason) => this.#end(reason));
    this.#planSnapshot();
  }

  async execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    if (this.#isClosed) throw new DatabaseError('ServiceUnavailable', 'The account directory is closed.');
    const decision = this.#decide(command);
    await this.#durable;
    if ('refusal' in decision) throw decision.refusal;
    return decision.result;
  }

  #decide<C extends Command>(command: C): { result: CommandResult<C> } | { refusal: unknown } {
    let decision: { change: AccountChange; result: CommandResult<C> };
    try {
      decision = decide(this.#head, command);
    } catch (refusal) {
      return { refusal };
    }
    const { change, result } = decision;
    const state = withChanges(this.#head.state, [change]);
    this.#head.moveTo(state, change);
    const entry = encodeChange(change);
    this.#append([entry], () => this.moveTo(state, change));
    this.#changeBytes += entry.length;
    this.#planSnapshot();
    return { result };
  }

  #append(entries: readonly Uint8Array[], then: () => void): void {
    const appended = this.#log.append(DIRECTORY_PARTITION, this.#tail, entries);
    this.#tail += entries.length;
    this.#durable = this.#inOrder(this.#durable, appended, then);
    this.#durable.catch((reason) => this.#end(reason));
  }

  async #inOrder(before: Promise<void>, appended: Promise<Lsn>, then: () => void): Promise<void> {
    try {
      await Promise.all([before, appended]);
    } catch (cause) {
      throw new DatabaseError('RequestTimeout', 'The account directory could not make the change durable.', {
        cause,
      });
    }
    then();
  }

  /** The command that makes one due need not wait until the whole state is encoded. */
  #planSnapshot(): void {
    if (this.#isSnapshotDue || this.#changeBytes < Math.max(this.#snapshotBytesMin, this.#snapshotBytes))
      return;
    this.#isSnapshotDue = true;
    this.#runtime.soon(() => {
      this.#isSnapshotDue = false;
      if (!this.#isClosed) this.#snapshot();
    });
  }

  #snapshot(): void {
    const entries = encodeSnapshot(this.#head.state);
    const before = this.#tail;
    this.#append(entries, () => {
      // Space that is not freed now is freed by the next snapshot.
      if (before > 0) this.#log.trim(DIRECTORY_PARTITION, before).catch(() => undefined);
    });
    this.#snapshotBytes = sizeOf(entries);
    this.#changeBytes = 0;
  }

  #end(reason: unknown): void {
    this.#isClosed = true;
    this.#resolveClosed(reason);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // What failed was told to those who waited for it.
    await this.#durable.catch(() => undefined);
    this.#end('the directory was closed');
  }
}
