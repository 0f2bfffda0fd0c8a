import type { Container } from '@azure/cosmos';
import { connect, type Sdk } from '../harness/sdks.ts';
import type { History } from './history.ts';

export interface WorkerOptions {
  readonly sdk: Sdk;
  /** Where the worker's region is reached: stays the same while regions come and go. */
  readonly endpoint: string;
  readonly database: string;
  readonly container: string;
  readonly name: string;
  readonly history: History;
  readonly isOver: () => boolean;
}

const REGISTERS = 6;
const PARTITION_KEYS = 4;
const PAUSE_MS_MAX = 40;
/** Operations of one session: a new client then starts a new one. */
const SESSION_LENGTH = 60;

/** One thread of an application: an unmodified client that keeps to one region, one request at a time. */
export async function work(options: WorkerOptions): Promise<void> {
  for (let session = 1; !options.isOver(); session++) {
    const name = `${options.name}/${session}`;
    const client = connect(options.sdk, { endpoint: options.endpoint, isPinned: true });
    const container = client.database(options.database).container(options.container);
    for (let number = 1; number <= SESSION_LENGTH && !options.isOver(); number++) {
      const act = ACTS[Math.floor(Math.random() * ACTS.length)] ?? read;
      await act({ container, session: name, value: `${name}/${number}`, history: options.history });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS_MAX));
    }
    client.dispose();
  }
}

interface Step {
  readonly container: Container;
  readonly session: string;
  /** Unique: what is written, so that every version can be told by it. */
  readonly value: string;
  readonly history: History;
}

interface Answer {
  readonly resource?: object | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly statusCode?: number;
  readonly substatus?: number;
}

/** The client throws for everything but a read that ends with this status. */
const NOT_FOUND = 404;
const SESSION_NOT_AVAILABLE = 1002;
const CONFLICT = 409;
const PRECONDITION_FAILED = 412;

/** Nobody deletes registers, so who finds one missing has learnt that nobody has written it. */
function register(): { id: string; pk: string } {
  const number = Math.floor(Math.random() * REGISTERS);
  return { id: `register-${number}`, pk: `p${number % PARTITION_KEYS}` };
}

/** True when it happened, false when it was refused for certain, undefined when nobody knows. */
async function attempt(
  what: string,
  { session, history }: Step,
  key: string,
  call: () => Promise<Answer>,
): Promise<{ readonly isDone: boolean | undefined; readonly answer?: Answer }> {
  try {
    const answer = await call();
    if (answer.statusCode === NOT_FOUND && answer.substatus === SESSION_NOT_AVAILABLE) {
      history.count(`${what} refused for its token`);
      return { isDone: false };
    }
    history.count(`${what} done`);
    const token = answer.headers['x-ms-session-token'];
    history.noteAnswer(
      session,
      { kind: what === 'read' ? 'read' : 'write', key },
      token as string | undefined,
    );
    return { isDone: true, answer };
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isRefused = typeof code === 'number' && code >= 400 && code < 500 && code !== 408;
    // A client that refuses by itself has sent nothing: that would be a mistake in this file.
    if (code === undefined) throw error;
    history.count(`${what} ${isRefused ? '' : 'unknown: '}${code}`);
    // The client may have repeated what had been done the first time.
    const isAfterAll = code === CONFLICT || code === PRECONDITION_FAILED;
    return { isDone: isRefused && !isAfterAll ? false : undefined };
  }
}

async function write(step: Step): Promise<void> {
  const { id, pk } = register();
  const body = { id, pk, value: step.value };
  const { isDone } = await attempt('write', step, id, () => step.container.items.upsert(body));
  noteWrite(step, id, isDone);
}

function noteWrite({ history, session, value }: Step, key: string, isDone: boolean | undefined): void {
  if (isDone === false) return;
  history.causal.push({ session, kind: 'write', key, value, isAcknowledged: isDone === true });
}

async function read(step: Step): Promise<Answer | undefined> {
  const { id, pk } = register();
  const { isDone, answer } = await attempt('read', step, id, () => step.container.item(id, pk).read());
  if (isDone !== true) return undefined;
  const { value } = (answer?.resource ?? {}) as { value?: string };
  const { session, history } = step;
  history.causal.push({ session, kind: 'read', key: id, value, isAcknowledged: true });
  return answer;
}

/** Reads a register and replaces it if nobody else has meanwhile. */
async function swap(step: Step): Promise<void> {
  const found = (await read(step))?.resource;
  if (found === undefined) return;
  const { id, pk, _etag } = found as { id: string; pk: string; _etag: string };
  const condition = { accessCondition: { type: 'IfMatch', condition: _etag } };
  const { isDone } = await attempt('swap', step, id, () =>
    step.container.item(id, pk).replace({ id, pk, value: step.value }, condition),
  );
  noteWrite(step, id, isDone);
}

/** Adds an element to a set that only grows. */
async function add(step: Step): Promise<void> {
  // Ids must not hold slashes and the like.
  const id = `element-${step.value.replace(/[^A-Za-z0-9]+/g, '-')}`;
  const pk = `p${Math.floor(Math.random() * PARTITION_KEYS)}`;
  const { isDone } = await attempt('add', step, id, () => step.container.items.create({ id, pk }));
  step.history.additions.push({ element: id, isAcknowledged: isDone });
}

const ACTS: readonly ((step: Step) => Promise<unknown>)[] = [write, write, read, read, read, swap, add, add];
