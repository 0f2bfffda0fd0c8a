import type { Container, CosmosClient, ItemResponse, RequestOptions } from '@azure/cosmos';
import { connect, type Sdk } from '../harness/sdks.ts';
import type { History } from './history.ts';

/** What is special about applications of accounts at a level, and what they rely on. */
export interface Habits {
  /** Whether sessions go from region to region, and take their session tokens along. */
  readonly hops: boolean;
  /** Whether only the first region takes writes. */
  readonly writesInFirst: boolean;
  /** Whether each worker replaces a register of its own only; the others are read all the same. */
  readonly ownRegisters: boolean;
}

export interface WorkerOptions {
  readonly sdk: Sdk;
  /** Where the regions are reached: stays the same while they come and go. */
  readonly endpoints: readonly string[];
  readonly regions: readonly string[];
  /** Place of the worker's region. */
  readonly home: number;
  /** Place of the worker among all. */
  readonly number: number;
  readonly database: string;
  readonly container: string;
  readonly habits: Habits;
  readonly history: History;
  readonly isOver: () => boolean;
}

export const REGISTERS = 6;
const PARTITION_KEYS = 4;
const PAUSE_MS_MAX = 40;
/** Operations of one session: new clients then start a new one. */
const SESSION_LENGTH = 60;
const HOP_PROBABILITY = 0.15;

/** One thread of an application: unmodified clients, one for each region, and one request at a time. */
export async function work(options: WorkerOptions): Promise<void> {
  const { sdk, endpoints, regions, home, number, history, isOver } = options;
  for (let session = 1; !isOver(); session++) {
    const name = `${regions[home]}#${number}/${session}`;
    const clients = endpoints.map((endpoint) => connect(sdk, { endpoint, isPinned: true }));
    const step = new Step(name, clients, options);
    for (let place = 1; place <= SESSION_LENGTH && !isOver(); place++) {
      step.next();
      const acts = options.habits.ownRegisters || options.habits.writesInFirst ? CAREFUL_ACTS : ACTS;
      await (acts[Math.floor(Math.random() * acts.length)] ?? read)(step);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS_MAX));
    }
    for (const client of clients) client.dispose();
  }
  history.count('workers that ended');
}

/** Where registers are, before anybody has written to them. */
export function initialRegisters(): { id: string; pk: string }[] {
  return Array.from({ length: REGISTERS }, (_, number) => registerAt(number));
}

function registerAt(number: number): { id: string; pk: string } {
  return { id: `register-${number}`, pk: `p${number % PARTITION_KEYS}` };
}

/** A session in the middle of its work. */
class Step {
  readonly session: string;
  readonly history: History;
  /** Unlike what anybody else writes, and above what was written before. */
  count = 0;
  readonly #clients: readonly CosmosClient[];
  readonly #options: WorkerOptions;
  #place: number;

  constructor(session: string, clients: readonly CosmosClient[], options: WorkerOptions) {
    this.session = session;
    this.history = options.history;
    this.#clients = clients;
    this.#options = options;
    this.#place = options.home;
  }

  next(): void {
    this.count = this.history.nextCount();
    const { habits, endpoints } = this.#options;
    if (habits.hops && Math.random() < HOP_PROBABILITY)
      this.#place = Math.floor(Math.random() * endpoints.length);
  }

  /** Where the session reads. */
  get reading(): Place {
    return this.#at(this.#place);
  }

  get writing(): Place {
    return this.#at(this.#options.habits.writesInFirst ? 0 : this.#place);
  }

  /** Nobody deletes registers, so who finds one missing has learnt that nobody has written it. */
  get register(): { id: string; pk: string } {
    return registerAt(Math.floor(Math.random() * REGISTERS));
  }

  get writableRegister(): { id: string; pk: string } {
    return this.#options.habits.ownRegisters ? registerAt(this.#options.number) : this.register;
  }

  /** The session token of all that the session has seen. */
  get token(): RequestOptions {
    if (!this.#options.habits.hops) return {};
    const sessionToken = this.history.tokenOf(this.session);
    return sessionToken === undefined ? {} : { sessionToken };
  }

  #at(place: number): Place {
    const client = this.#clients[place];
    const region = this.#options.regions[place];
    if (client === undefined || region === undefined) throw new RangeError(`there is no region ${place}`);
    const { database, container } = this.#options;
    return { region, container: client.database(database).container(container) };
  }
}

/** A region, as its own client shows it. */
interface Place {
  readonly region: string;
  readonly container: Container;
}

type Answer = Pick<ItemResponse<{ id: string }>, 'headers' | 'statusCode' | 'substatus'> & {
  readonly resource?: object | undefined;
};

/** The client throws for everything but a read that ends with this status. */
const NOT_FOUND = 404;
const SESSION_NOT_AVAILABLE = 1002;
const CONFLICT = 409;
const PRECONDITION_FAILED = 412;

interface Attempt {
  /** True when it happened, false when it was refused for certain, undefined when nobody knows. */
  readonly isDone: boolean | undefined;
  readonly startMs: number;
  /** Infinite when nobody knows. */
  readonly endMs: number;
  readonly answer?: Answer;
}

async function attempt(
  what: string,
  { session, history }: Step,
  key: string,
  call: () => Promise<Answer>,
): Promise<Attempt> {
  const startMs = performance.now();
  const ended = (isDone: boolean | undefined, answer?: Answer): Attempt => ({
    isDone,
    startMs,
    endMs: isDone === undefined ? Number.POSITIVE_INFINITY : performance.now(),
    ...(answer === undefined ? {} : { answer }),
  });
  try {
    const answer = await call();
    if (answer.statusCode === NOT_FOUND && answer.substatus === SESSION_NOT_AVAILABLE) {
      history.count(`${what} refused for its token`);
      return ended(false);
    }
    history.count(`${what} done`);
    const token = (answer.headers as Record<string, unknown>)['x-ms-session-token'];
    history.noteAnswer(
      session,
      { kind: what === 'read' ? 'read' : 'write', key },
      token as string | undefined,
    );
    return ended(true, answer);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isRefused = typeof code === 'number' && code >= 400 && code < 500 && code !== 408;
    // A client that refuses by itself has sent nothing: that would be a mistake in this file.
    if (code === undefined) throw error;
    // A read that failed has changed nothing, so nobody has to wonder.
    const isKnown = isRefused || what === 'read';
    history.count(`${what} ${isKnown ? '' : 'unknown: '}${code}`);
    // The client may have repeated what had been done the first time.
    const isAfterAll = code === CONFLICT || code === PRECONDITION_FAILED;
    return ended(isRefused && !isAfterAll ? false : undefined);
  }
}

async function write(step: Step): Promise<void> {
  const { id, pk } = step.writableRegister;
  const body = { id, pk, value: `${step.count}` };
  noteWrite(
    step,
    id,
    await attempt('write', step, id, () => step.writing.container.items.upsert(body, step.token)),
  );
}

function noteWrite(step: Step, key: string, { isDone, startMs, endMs }: Attempt): void {
  const { history, session, count } = step;
  if (isDone === false) return;
  history.causal.push({ session, kind: 'write', key, value: `${count}`, isAcknowledged: isDone === true });
  const what = { key, kind: 'write', region: step.writing.region, value: count, isVoid: false } as const;
  history.registers.push({ ...what, startMs, endMs });
}

async function read(
  step: Step,
  { id, pk } = step.register,
  from = step.reading,
): Promise<Answer | undefined> {
  const { isDone, startMs, endMs, answer } = await attempt('read', step, id, () =>
    from.container.item(id, pk).read(step.token),
  );
  if (isDone !== true) return undefined;
  const { value } = (answer?.resource ?? {}) as { value?: string };
  const { session, history } = step;
  history.causal.push({ session, kind: 'read', key: id, value, isAcknowledged: true });
  const { region } = from;
  const seen = {
    key: id,
    kind: 'read',
    region,
    value: value === undefined ? undefined : Number(value),
  } as const;
  history.registers.push({ ...seen, startMs, endMs, isVoid: false });
  return answer;
}

/** Reads a register and replaces it if nobody else has meanwhile: what comes late does nothing. */
async function swap(step: Step): Promise<void> {
  const found = (await read(step, step.writableRegister, step.writing))?.resource;
  if (found === undefined) return;
  const { id, pk, _etag } = found as { id: string; pk: string; _etag: string };
  const condition = { accessCondition: { type: 'IfMatch', condition: _etag }, ...step.token };
  noteWrite(
    step,
    id,
    await attempt('swap', step, id, () =>
      step.writing.container.item(id, pk).replace({ id, pk, value: `${step.count}` }, condition),
    ),
  );
}

/** Adds an element to a set that only grows. */
async function add(step: Step): Promise<void> {
  const id = `element-${step.count}`;
  const pk = `p${Math.floor(Math.random() * PARTITION_KEYS)}`;
  const { isDone } = await attempt('add', step, id, () =>
    step.writing.container.items.create({ id, pk }, step.token),
  );
  step.history.additions.push({ element: id, isAcknowledged: isDone });
}

type Act = (step: Step) => Promise<unknown>;

const ACTS: readonly Act[] = [write, write, read, read, read, swap, add, add];
/** Where the order of writes is judged: a client that repeats an upsert would write twice. */
const CAREFUL_ACTS: readonly Act[] = [swap, swap, swap, read, read, read, add];
