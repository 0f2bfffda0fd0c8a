import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import type { Channel, Runtime } from '../runtime/index.ts';
import { type AccountChange, withChanges } from './account-change.ts';
import { AccountView } from './account-view.ts';
import type { Command, CommandResult } from './command.ts';
import type { Directory } from './directory.ts';
import type { AccountState } from './state.ts';

/**
 * A directory for processes that do not hold it: the whole state once, each change after it, commands the
 * other way. Changes are sent before the answers of the commands that made them, so a process always reads
 * its own writes.
 *
 * One channel, one life: when it closes, the directory on this side is finished. Commands under way end with
 * `RequestTimeout` (their outcome is unknown), later ones with `ServiceUnavailable`, and the state stays what
 * it was last. Whoever wants to go on connects again and gets the present state.
 *
 * Layout of a frame: kind, sequence, JSON to the end. Each side counts its frames from 1: links with faults
 * may repeat a frame (skipped) or lose one (the channel is closed rather than a change missed).
 */
const KIND_STATE_PART = 1;
const KIND_CHANGE = 2;
const KIND_ANSWER = 3;
const KIND_COMMAND = 4;

const PART_CHARS_MAX = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** A slice of the state's JSON, itself wrapped as JSON text. */
interface StatePart {
  readonly text: string;
  readonly isLast: boolean;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly retryAfterMs?: number | undefined;
    readonly additionalInfo?: string | undefined;
  };
}

interface Question {
  readonly id: number;
  readonly command: Command;
}

/** Numbers what is sent and checks the numbers of what comes. */
class NumberedFrames {
  readonly #channel: Channel;
  #sent = 0;
  #received = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** `onGap`: frames were lost; nothing that comes later is passed on. */
  receive(onFrame: (kind: number, body: unknown) => void, onGap: () => void): void {
    let isBroken = false;
    this.#channel.onFrame((frame) => {
      const reader = new ByteReader(frame);
      const kind = reader.u8();
      const sequence = reader.uint();
      if (isBroken || sequence <= this.#received) return;
      if (sequence > this.#received + 1) {
        isBroken = true;
        onGap();
        return;
      }
      this.#received = sequence;
      onFrame(kind, JSON.parse(reader.rest().toString()));
    });
  }

  send(kind: number, body: unknown): void {
    const bytes = Buffer.from(JSON.stringify(body));
    this.#sent += 1;
    this.#channel.send(new ByteWriter(bytes.length + 16).u8(kind).uint(this.#sent).raw(bytes).finish());
  }
}

/** Lets the process at the other end use `directory`. Returns how to stop; the directory stays open. */
export function serveDirectory(directory: Directory, channel: Channel): () => void {
  const frames = new NumberedFrames(channel);

  async function answer({ id, command }: Question): Promise<void> {
    try {
      const result = await directory.execute(command);
      frames.send(KIND_ANSWER, { id, result } satisfies Answer);
    } catch (error) {
      frames.send(KIND_ANSWER, { id, error: describe(error) } satisfies Answer);
    }
  }

  const text = JSON.stringify(directory.state);
  for (let start = 0; start < text.length; start += PART_CHARS_MAX) {
    const end = start + PART_CHARS_MAX;
    const part: StatePart = { text: text.slice(start, end), isLast: end >= text.length };
    frames.send(KIND_STATE_PART, part);
  }
  const remove = directory.onChange((_state, _previous, change) => frames.send(KIND_CHANGE, change));
  const stop = () => {
    remove();
    channel.close();
  };
  channel.onClose(remove);
  void directory.closed.then(stop);
  frames.receive((kind, body) => {
    assert(kind === KIND_COMMAND, 'only commands come this way');
    void answer(body as Question);
  }, stop);
  return stop;
}

function describe(error: unknown): NonNullable<Answer['error']> {
  if (!(error instanceof DatabaseError)) {
    return { code: 'InternalServerError', message: 'The account directory failed.' };
  }
  const { code, message, retryAfterMs, additionalInfo } = error;
  return { code, message, retryAfterMs, additionalInfo };
}

export interface ConnectOptions {
  readonly runtime: Pick<Runtime, 'after'>;
  readonly channel: Channel;
  /** How long the state, and the answer of a command, may take. */
  readonly timeoutMs?: number;
}

/**
 * The directory that `serveDirectory` serves at the other end, once its state is here.
 * Rejects with DatabaseError `ServiceUnavailable` when the channel closes or the time is up before.
 */
export function connectDirectory(options: ConnectOptions): Promise<Directory> {
  const { runtime, channel, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const frames = new NumberedFrames(channel);
    const parts: string[] = [];
    let directory: RemoteDirectory | undefined;
    // Channels tell only the other side of a `close`, so every way to the end comes through here.
    const end = (reason: string) => {
      cancel();
      channel.close();
      directory?.end(reason);
      // Does nothing when the state had come.
      reject(unreachableDirectory());
    };
    const cancel = runtime.after(timeoutMs, () => end('the state did not come in time'));
    channel.onClose(() => end('the channel to the account directory closed'));
    frames.receive(
      (kind, body) => {
        if (directory !== undefined) return directory.receive(kind, body);
        assert(kind === KIND_STATE_PART, 'the state comes before everything else');
        const { text, isLast } = body as StatePart;
        parts.push(text);
        if (!isLast) return;
        cancel();
        const state = JSON.parse(parts.join('')) as AccountState;
        directory = new RemoteDirectory(state, { runtime, frames, timeoutMs, end });
        resolve(directory);
      },
      () => end('a frame from the account directory was lost'),
    );
  });
}

interface RemoteDirectoryOptions extends Required<Pick<ConnectOptions, 'runtime' | 'timeoutMs'>> {
  readonly frames: NumberedFrames;
  /** Closes the channel and ends the directory. */
  readonly end: (reason: string) => void;
}

class RemoteDirectory extends AccountView implements Directory {
  readonly closed: Promise<unknown>;
  readonly #options: RemoteDirectoryOptions;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  readonly #resolveClosed: (reason: unknown) => void;
  #lastId = 0;
  #isClosed = false;

  constructor(state: AccountState, options: RemoteDirectoryOptions) {
    super(state);
    this.#options = options;
    let resolveClosed: (reason: unknown) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
  }

  /** What comes once the state has come. */
  receive(kind: number, body: unknown): void {
    if (kind === KIND_CHANGE) {
      const change = body as AccountChange;
      this.moveTo(withChanges(this.state, [change]), change);
      return;
    }
    assert(kind === KIND_ANSWER, 'frames have known kinds');
    this.#pending.get((body as Answer).id)?.(body as Answer);
  }

  /** Nothing will come any more. */
  end(reason: string): void {
    this.#isClosed = true;
    for (const [id, settle] of [...this.#pending]) settle({ id, error: unknownOutcome() });
    this.#resolveClosed(reason);
  }

  execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    if (this.#isClosed) return Promise.reject(unreachableDirectory());
    const { runtime, frames, timeoutMs } = this.#options;
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = runtime.after(timeoutMs, () => settle({ id, error: unknownOutcome() }));
      const settle = ({ result, error }: Answer) => {
        this.#pending.delete(id);
        cancel();
        if (error === undefined) resolve(result as CommandResult<C>);
        else reject(revive(error));
      };
      this.#pending.set(id, settle);
      frames.send(KIND_COMMAND, { id, command } satisfies Question);
    });
  }

  async close(): Promise<void> {
    this.#options.end('the directory was closed');
  }
}

function unreachableDirectory(): DatabaseError {
  return new DatabaseError('ServiceUnavailable', 'The account directory cannot be reached.');
}

function unknownOutcome(): NonNullable<Answer['error']> {
  return {
    code: 'RequestTimeout',
    message: 'The account directory did not answer; the command may have taken effect.',
  };
}

function revive({
  code,
  message,
  retryAfterMs,
  additionalInfo,
}: NonNullable<Answer['error']>): DatabaseError {
  return new DatabaseError(code, message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(additionalInfo === undefined ? {} : { additionalInfo }),
  });
}
