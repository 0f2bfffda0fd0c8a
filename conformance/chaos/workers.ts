import type { Container, CosmosClient, ItemResponse, OperationInput, RequestOptions } from '@azure/cosmos';
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
  /** What the session has added and not changed since. */
  readonly unchanged: { id: string; pk: string }[] = [];
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
/** Of an operation whose transaction ended because of another one. */
const NOT_TRIED = 424;

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
    const code = codeOf(error);
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

/** Clients wrap what goes wrong with a batch in an error of their own, older ones without its code. */
function codeOf(error: unknown): unknown {
  const { code, cause, message } = error as { code?: unknown; cause?: { code?: unknown }; message?: string };
  return code ?? cause?.code ?? (message?.startsWith('Batch request error') ? 'wrapped' : undefined);
}

/**
 * A write to a register, in one transaction with a new element: whether the element is there in the end tells
 * whether the write happened, also when its answer was lost.
 */
async function writeRegister(
  what: string,
  step: Step,
  { id, pk }: { id: string; pk: string },
  how: { operationType: 'Upsert' } | { operationType: 'Replace'; id: string; ifMatch: string },
): Promise<void> {
  const { history, session, count } = step;
  const { region, container } = step.writing;
  const element = elementOf(count);
  const operations = [
    { ...how, resourceBody: { id, pk, value: `${count}` } },
    { operationType: 'Create', resourceBody: { id: element, pk } },
  ] as OperationInput[];
  const { isDone, startMs, endMs } = await attempt(what, step, id, async () => {
    const { code, result, headers } = await container.items.batch(operations, pk, step.token);
    const refused = result?.find(({ statusCode }) => statusCode >= 400 && statusCode !== NOT_TRIED);
    if (refused !== undefined) throw Object.assign(new Error('refused'), { code: refused.statusCode });
    return { headers: headers ?? {}, statusCode: code ?? 0, substatus: 0 };
  });
  history.additions.push({ element, isAcknowledged: isDone });
  if (isDone === false) return;
  const value = `${count}`;
  history.causal.push({ session, kind: 'write', key: id, value, isAcknowledged: isDone === true });
  const seen = { key: id, kind: 'write', region, value: count, isVoid: false } as const;
  history.registers.push({ ...seen, startMs, endMs });
}

function write(step: Step): Promise<void> {
  return writeRegister('write', step, step.writableRegister, { operationType: 'Upsert' });
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
  await writeRegister('swap', step, { id, pk }, { operationType: 'Replace', id, ifMatch: _etag });
}

/** Adds an element to a set that only grows. */
async function add(step: Step): Promise<void> {
  const element = { id: elementOf(step.count), pk: `p${Math.floor(Math.random() * PARTITION_KEYS)}` };
  const { items } = step.writing.container;
  const { isDone } = await attempt('add', step, element.id, () =>
    Math.random() < 0.5 ? items.create(element, step.token) : items.upsert(element, step.token),
  );
  step.history.additions.push({ element: element.id, isAcknowledged: isDone });
  if (isDone === true) step.unchanged.push(element);
}

/** Replaces an element that the session has added, once: so the end tells whether that happened. */
async function change(step: Step): Promise<void> {
  const element = step.unchanged.shift();
  if (element === undefined) return add(step);
  const { id, pk } = element;
  const value = `${step.count}`;
  const { isDone } = await attempt('change', step, id, () =>
    step.writing.container.item(id, pk).replace({ ...element, value }, step.token),
  );
  step.history.changes.push({ element: id, value, isAcknowledged: isDone });
}

function elementOf(count: number): string {
  return `element-${count}`;
}

type Act = (step: Step) => Promise<unknown>;

const ACTS: readonly Act[] = [write, write, read, read, read, swap, add, change];
/** Where the order of writes is judged: a client that repeats an upsert would write twice. */
const CAREFUL_ACTS: readonly Act[] = [swap, swap, swap, read, read, read, add, change];
