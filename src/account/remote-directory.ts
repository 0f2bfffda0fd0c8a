import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import type { ScriptResourceKind } from '../resource/index.ts';
import type { Channel, Runtime } from '../runtime/index.ts';
import { type AccountChange, withChanges } from './account-change.ts';
import type { Command, CommandResult } from './command.ts';
import { type ChangeListener, type Directory, ShownAccount } from './directory.ts';
import type { AccountState, ContainerRecord, DatabaseRecord, OfferRecord, ScriptRecord } from './state.ts';

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
  const { runtime, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const remote = new RemoteDirectory(options);
    const cancel = runtime.after(timeoutMs, () => void remote.close());
    remote.start(() => {
      cancel();
      resolve(remote);
    });
    void remote.closed.then(() => {
      cancel();
      // Does nothing when the state had come.
      reject(new DatabaseError('ServiceUnavailable', 'The account directory cannot be reached.'));
    });
  });
}

class RemoteDirectory implements Directory {
  readonly closed: Promise<unknown>;
  readonly #runtime: ConnectOptions['runtime'];
  readonly #channel: Channel;
  readonly #timeoutMs: number;
  readonly #frames: NumberedFrames;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  readonly #parts: string[] = [];
  readonly #resolveClosed: (reason: unknown) => void;
  #shownOrNot: ShownAccount | undefined;
  #onReady: () => void = () => undefined;
  #lastId = 0;
  #isClosed = false;

  constructor({ runtime, channel, timeoutMs = TIMEOUT_MS }: ConnectOptions) {
    this.#runtime = runtime;
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
    this.#frames = new NumberedFrames(channel);
    let resolveClosed: (reason: unknown) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
  }

  /** `onReady`: the state has come. */
  start(onReady: () => void): void {
    this.#onReady = onReady;
    this.#channel.onClose(() => this.#end('the channel to the account directory closed'));
    this.#frames.receive(
      (kind, body) => this.#receive(kind, body),
      () => this.#end('a frame from the account directory was lost'),
    );
  }

  /** Channels tell only the other side of a `close`, so every way to the end comes through here. */
  #end(reason: string): void {
    this.#isClosed = true;
    this.#channel.close();
    for (const [id, settle] of [...this.#pending]) settle({ id, error: unknownOutcome() });
    this.#resolveClosed(reason);
  }

  #receive(kind: number, body: unknown): void {
    switch (kind) {
      case KIND_STATE_PART:
        this.#receivePart(body as StatePart);
        break;
      case KIND_CHANGE: {
        const change = body as AccountChange;
        this.#shown.show(withChanges(this.state, [change]), change);
        break;
      }
      default:
        assert(kind === KIND_ANSWER, 'frames have known kinds');
        this.#pending.get((body as Answer).id)?.(body as Answer);
    }
  }

  #receivePart({ text, isLast }: StatePart): void {
    this.#parts.push(text);
    if (!isLast) return;
    this.#shownOrNot = new ShownAccount(JSON.parse(this.#parts.join('')) as AccountState);
    this.#parts.length = 0;
    this.#onReady();
  }

  get #shown(): ShownAccount {
    assert(this.#shownOrNot !== undefined, 'the state comes before everything else');
    return this.#shownOrNot;
  }

  get state(): AccountState {
    return this.#shown.state;
  }

  findDatabase(reference: string): DatabaseRecord | undefined {
    return this.#shown.findDatabase(reference);
  }

  findContainer(databaseReference: string, containerReference: string): ContainerRecord | undefined {
    return this.#shown.findContainer(databaseReference, containerReference);
  }

  containersOf(databaseRid: string): readonly ContainerRecord[] {
    return this.#shown.containersOf(databaseRid);
  }

  offerFor(resourceRid: string): OfferRecord | undefined {
    return this.#shown.offerFor(resourceRid);
  }

  findScript(containerRid: string, kind: ScriptResourceKind, reference: string): ScriptRecord | undefined {
    return this.#shown.findScript(containerRid, kind, reference);
  }

  scriptsOf(containerRid: string, kind: ScriptResourceKind): readonly ScriptRecord[] {
    return this.#shown.scriptsOf(containerRid, kind);
  }

  onChange(listener: ChangeListener): () => void {
    return this.#shown.onChange(listener);
  }

  execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    if (this.#isClosed) {
      const error = new DatabaseError('ServiceUnavailable', 'The account directory cannot be reached.');
      return Promise.reject(error);
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = this.#runtime.after(this.#timeoutMs, () => settle({ id, error: unknownOutcome() }));
      const settle = ({ result, error }: Answer) => {
        this.#pending.delete(id);
        cancel();
        if (error === undefined) resolve(result as CommandResult<C>);
        else reject(revive(error));
      };
      this.#pending.set(id, settle);
      this.#frames.send(KIND_COMMAND, { id, command } satisfies Question);
    });
  }

  async close(): Promise<void> {
    this.#end('the directory was closed');
  }
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
