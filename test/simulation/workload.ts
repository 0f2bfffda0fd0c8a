import { assert } from '../../src/base/index.ts';
import { DatabaseError } from '../../src/errors/index.ts';
import { isRefusal, type OperationRecord, type Outcome } from './client-history.ts';
import { counterOf } from './counters.ts';
import { type Excerpt, includes, lastRequest } from './excerpt.ts';
import { valueIn } from './item-value.ts';
import { drawListTransaction, elementsIn, listsOf } from './lists.ts';
import type { People } from './people.ts';
import { type PlanetDriver, type RegionLife, textOf } from './planet-driver.ts';
import type { QueryRecord } from './query-history.ts';
import type { ClientAnswer, ClientRequest, ItemName, RegionUnderTest } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Story } from './story.ts';
import type { Swarm } from './swarm.ts';
import type { UniqueValues } from './unique-model.ts';
import type { Violations } from './violations.ts';

export interface WorkloadOptions {
  readonly swarm: Swarm;
  readonly driver: PlanetDriver;
  readonly runtime: SimulatedRuntime;
  readonly random: SeededRandom;
  readonly violations: Violations;
  readonly people: People;
  readonly excerpt: Excerpt;
  /** Takes down what clients ask and hear. */
  readonly story: Story;
  /** Whether as much went wrong as should: requests go on until then, within reason. */
  readonly hadEnough: () => boolean;
}

type OpenLife = RegionLife & { readonly region: RegionUnderTest };

/** One client, which makes one request after the other. */
interface Client {
  readonly number: number;
  /** Where it lives. */
  readonly region: string;
  /** A session ends when its tokens are of no use any more, and the client starts another one. */
  session: number;
  /** By range: the newest token of the session. */
  readonly tokens: Map<string, string>;
  /** By item. */
  readonly etags: Map<string, string>;
  /** How many requests in a row were refused for their tokens. */
  staleTokens: number;
}

/** Clients give up after this long. */
const PATIENCE_MS = 15_000;
const PRIORITY_MAX = 3;
/** Requests go on for so many times what was planned at the most. */
const PATIENCE_REQUESTS = 10;
/** When nothing is left to be made, and more faults are to come, clients think so many times longer. */
const UNHURRIED = 8;
const STALE_TOKENS_MAX = 3;
/** Requests in one transaction. */
const BATCH_MAX = 4;

/** Storms of writes and reads on a few hot items, by several clients in each region. */
export class Workload {
  readonly records: OperationRecord[];
  readonly queries: QueryRecord[];
  readonly #options: WorkloadOptions;
  /** The last tokens that anybody was given, by range: clients pass them on. */
  readonly #tokens = new Map<string, string[]>();
  #requestsLeft: number;
  #sessions = 0;
  #batches = 0;
  #isDone = false;
  #made = 0;
  #values = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.records = options.story.records;
    this.queries = options.story.queries;
    this.#requestsLeft = options.swarm.requests;
  }

  /** Before anything goes wrong: counters and lists of the logical partitions, known to every region. */
  async makeShared(): Promise<void> {
    const { driver, swarm, runtime } = this.#options;
    const life = this.#writing();
    if (life?.region === undefined) return;
    const keys = Array.from({ length: swarm.partitionKeys }, (_, place) => `p${place + 1}`);
    const counters = this.#hasCounters ? keys.map(counterOf) : [];
    const lists = this.#hasLists ? keys.flatMap(listsOf) : [];
    for (const item of [...counters, ...lists]) {
      const value = `v${++this.#values}`;
      const plain = {
        priority: undefined,
        ifMatch: undefined,
        sessionToken: undefined,
        batch: undefined,
        unique: undefined,
      };
      const client = { client: -1, session: ++this.#sessions };
      await this.#perform(life, life.region, [{ kind: 'create', item, value, ...plain, ...client }]);
      const isKnown = (region: RegionUnderTest) => {
        const { partition, key } = region.locate(item);
        return (region.partition(partition)?.lookup(key)?.state.siblings.length ?? 0) > 0;
      };
      while (!driver.open().every(({ region }) => isKnown(region))) await runtime.sleep(100, 'counters');
    }
  }

  get #hasCounters(): boolean {
    const { withCount, uniqueValues } = this.#options.swarm;
    return withCount > 0 && uniqueValues === 0;
  }

  get #hasLists(): boolean {
    const { withLists, uniqueValues, account, defaultTtl } = this.#options.swarm;
    return withLists > 0 && uniqueValues === 0 && account !== 'multi' && defaultTtl === undefined;
  }

  /** Resolves when all requests were made and answered or given up. */
  async run(): Promise<void> {
    const { driver, swarm } = this.#options;
    const clients: Promise<void>[] = [];
    for (const region of driver.names) {
      for (let count = 0; count < swarm.clients; count++) {
        const session = ++this.#sessions;
        const number = clients.length;
        clients.push(
          this.#run({ number, region, session, tokens: new Map(), etags: new Map(), staleTokens: 0 }),
        );
      }
    }
    await Promise.all(clients);
    this.#isDone = true;
  }

  /** Which share of the planned requests was made: from 0 to 1, and more while faults are waited for. */
  get progress(): number {
    return 1 - this.#requestsLeft / this.#options.swarm.requests;
  }

  get #isOver(): boolean {
    const { swarm, hadEnough } = this.#options;
    if (this.#isDone) return true;
    if (this.#requestsLeft > 0) return false;
    return hadEnough() || this.#requestsLeft < (1 - PATIENCE_REQUESTS) * swarm.requests;
  }

  /** Has regions collect while requests last: the more often, the more harm from collecting too early. */
  async collect(): Promise<void> {
    const { runtime, swarm, driver } = this.#options;
    while (!this.#isOver) {
      await runtime.sleep(swarm.collectEveryMs, 'collect');
      for (const { machine, region } of driver.open())
        machine.schedule(0, 'collect', () => void region.collect());
    }
  }

  async #run(client: Client): Promise<void> {
    const { swarm, runtime, random, excerpt, story } = this.#options;
    const last = lastRequest(excerpt, client.number);
    for (let number = 0; number <= last && !this.#isOver; number++) {
      const act = `${client.number}.${number}`;
      const chance = random.split(act);
      const meanMs = swarm.thinkMs * (this.#requestsLeft > 0 ? 1 : UNHURRIED);
      await runtime.sleep(-Math.log(1 - chance.next()) * meanMs, 'think');
      // At once when one opens: where power fails again and again, whoever thinks first never finds one.
      let life = this.#serving(client.region, chance);
      while (life?.region === undefined) {
        await this.#options.driver.opened();
        life = this.#serving(client.region, chance);
      }
      this.#requestsLeft -= 1;
      if (!includes(excerpt, act)) continue;
      story.acts.push(act);
      if (await this.#act(client, { ...life, region: life.region }, chance)) this.#made += 1;
      // Nobody was there to take it, or it was people's work: no request of those that were planned.
      else this.#requestsLeft += 1;
    }
  }

  /** Whether a client's request was made and, if it was a query, answered. */
  async #act(client: Client, life: OpenLife, chance: SeededRandom): Promise<boolean> {
    const { region } = life;
    if (chance.chance(this.#options.swarm.withQuery)) return this.#query(life, region);
    if (!this.#wantsSettling(chance))
      return this.#request(client, life, this.#drawAll(client, region, chance));
    await this.#settle(life, region, chance);
    return false;
  }

  /** Requests so far, those of `makeCounters` apart; a transaction is one. */
  get made(): number {
    return this.#made;
  }

  #wantsSettling(chance: SeededRandom): boolean {
    const { conflicts, withSettle } = this.#options.swarm;
    return conflicts !== 'lastWriter' && chance.chance(withSettle);
  }

  async #settle(life: RegionLife, region: RegionUnderTest, chance: SeededRandom): Promise<void> {
    const { people, runtime } = this.#options;
    runtime.record(`somebody looks at the conflicts of ${life.name}`);
    const settled = new Promise<void>((resolve) => {
      life.machine.schedule(0, 'settle', () => {
        people.dealWithOne(region, chance).then(resolve, (error: unknown) => {
          this.#failure(life, error);
          resolve();
        });
      });
    });
    await Promise.race([settled, life.ended]);
  }

  /** One request, or several that are one transaction. */
  async #request(client: Client, life: RegionLife, requests: readonly ClientRequest[]): Promise<boolean> {
    const isWrite = requests.length > 1 || requests.some(({ kind }) => kind !== 'read');
    const there = isWrite ? this.#takingWrites(life) : life;
    if (there?.region === undefined) return false;
    for (const record of await this.#perform(there, there.region, requests)) this.#learn(client, record);
    return true;
  }

  #drawAll(client: Client, region: RegionUnderTest, random: SeededRandom): ClientRequest[] {
    const { swarm } = this.#options;
    const first = this.#draw(client, region, random);
    if (this.#hasLists && random.chance(swarm.withLists)) {
      const common = { ...first, batch: ++this.#batches };
      return drawListTransaction({ common, random, nextValue: () => `v${++this.#values}` });
    }
    if (this.#hasCounters && random.chance(swarm.withCount)) {
      const { value = `v${++this.#values}`, item } = first;
      const isRead = random.chance(0.3);
      const counted = { kind: isRead ? 'read' : 'patch', value: isRead ? undefined : value } as const;
      const { rangeId } = region.locate(item);
      // Items of one partition key are in one range: the token is good for both.
      assert(rangeId === region.locate(counterOf(item.partitionKey)).rangeId, 'one key, one range');
      return [{ ...first, ...counted, item: counterOf(item.partitionKey), ifMatch: undefined }];
    }
    if (region.batch === undefined || swarm.items < 2 || !random.chance(swarm.withBatch)) return [first];
    const batch = ++this.#batches;
    const readShare = random.pick([0, 0.3, 1]);
    return Array.from(
      { length: random.integer(2, Math.min(swarm.items, BATCH_MAX)) },
      (_, place): ClientRequest => {
        const isRead = random.chance(readShare);
        return {
          ...first,
          batch,
          kind: isRead ? 'read' : 'upsert',
          item: { partitionKey: first.item.partitionKey, id: `i${place + 1}` },
          value: isRead ? undefined : `v${++this.#values}`,
          unique: isRead ? undefined : this.#drawUnique(random),
          ifMatch: undefined,
        };
      },
    );
  }

  #takingWrites(life: RegionLife): RegionLife | undefined {
    const { driver, swarm } = this.#options;
    if (swarm.account !== 'multi') return this.#writing();
    if (!driver.isResting(life.name)) return life;
    return driver.open().find(({ name }) => !driver.isResting(name)) ?? life;
  }

  /** The only region that takes writes, unless it is down. */
  #writing(): RegionLife | undefined {
    const [writer] = this.#options.driver.names;
    return writer === undefined ? undefined : this.#options.driver.life(writer);
  }

  /** The client's own region; another one when that is down, as the official clients do. */
  #serving(name: string, random: SeededRandom): RegionLife | undefined {
    const open = this.#options.driver.open();
    return open.find((life) => life.name === name) ?? (open.length > 0 ? random.pick(open) : undefined);
  }

  #draw(client: Client, region: RegionUnderTest, random: SeededRandom): ClientRequest {
    const { swarm } = this.#options;
    const item: ItemName = {
      partitionKey: `p${random.integer(1, swarm.partitionKeys)}`,
      id: `i${random.integer(1, swarm.items)}`,
    };
    const kind = random.weighted(swarm.mix);
    const hasBody = kind !== 'delete' && kind !== 'read';
    // Now and then an item without a number at the path.
    const priority = random.chance(0.15) ? undefined : random.integer(0, PRIORITY_MAX);
    const etag = random.chance(swarm.withIfMatch) ? client.etags.get(nameOf(item)) : undefined;
    return {
      kind,
      item,
      value: hasBody ? `v${++this.#values}` : undefined,
      priority,
      unique: hasBody ? this.#drawUnique(random) : undefined,
      ttl: hasBody ? this.#drawTtl(random) : undefined,
      ifMatch: kind === 'create' || kind === 'read' ? undefined : etag,
      sessionToken: this.#token(client, region.locate(item).rangeId, random),
      client: client.number,
      session: client.session,
      batch: undefined,
    };
  }

  /** Most items go by their container; some live shorter, or for ever. */
  #drawTtl(random: SeededRandom): number | undefined {
    if (this.#options.swarm.defaultTtl === undefined || random.chance(0.5)) return undefined;
    return random.chance(0.2) ? -1 : random.integer(1, 8);
  }

  #drawUnique(random: SeededRandom): UniqueValues | undefined {
    const { uniqueValues } = this.#options.swarm;
    if (uniqueValues === 0) return undefined;
    const draw = () => `u${random.integer(1, uniqueValues)}`;
    return { slot: draw(), seat: draw() };
  }

  #token(client: Client, rangeId: string, random: SeededRandom): string | undefined {
    const { swarm } = this.#options;
    if (swarm.tokens === 'own') return client.tokens.get(rangeId);
    const tokens = this.#tokens.get(rangeId) ?? [];
    return tokens.length > 0 && random.chance(swarm.withToken) ? random.pick(tokens) : undefined;
  }

  async #perform(
    life: RegionLife,
    region: RegionUnderTest,
    requests: readonly ClientRequest[],
  ): Promise<OperationRecord[]> {
    const { runtime } = this.#options;
    const records = requests.map((request) => this.#open(life, region, request));
    let cancel: () => void = () => undefined;
    const late = new Promise<Outcome>((resolve) => {
      const giveUp = () => resolve({ kind: 'unknown', reason: 'too late' });
      cancel = runtime.schedule({ delayMs: PATIENCE_MS, label: 'patience' }, giveUp);
    });
    const ended = life.ended.then((): Outcome => ({ kind: 'unknown', reason: 'crash' }));
    const outcomes = await Promise.race([this.#call(life, region, requests), ended, late]);
    cancel();
    for (const [place, record] of records.entries()) {
      const outcome = Array.isArray(outcomes) ? outcomes[place] : (outcomes as Outcome);
      record.outcome = outcome;
      record.tailAfter = region.partition(record.partition)?.tail() ?? 0;
      record.completedAtMs = runtime.elapsedMs;
      runtime.record(`#${record.number} ${JSON.stringify(outcome)}`);
    }
    return records;
  }

  #open(life: RegionLife, region: RegionUnderTest, request: ClientRequest): OperationRecord {
    const { runtime, driver } = this.#options;
    const { partition, key, rangeId } = region.locate(request.item);
    const record: OperationRecord = {
      number: this.records.length + 1,
      region: life.name,
      wipes: driver.wipes(life.name),
      isVoid: driver.isOutdated(life.name),
      request,
      partition,
      key,
      rangeId,
      invokedAtMs: runtime.elapsedMs,
      tailBefore: region.partition(partition)?.tail() ?? 0,
      tailAfter: 0,
      completedAtMs: 0,
      outcome: undefined,
    };
    this.records.push(record);
    const { kind, item, value } = request;
    runtime.record(`#${record.number} ${life.name} ${kind} ${nameOf(item)} ${value ?? ''}`);
    return record;
  }

  async #query(life: RegionLife, region: RegionUnderTest): Promise<boolean> {
    const { driver, runtime } = this.#options;
    const tails = () =>
      new Map(
        [...region.partitionNumbers()].map((number) => [number, region.partition(number)?.tail() ?? 0]),
      );
    const tailsBefore = tails();
    const sinceMs = runtime.elapsedMs;
    const found = new Promise<string[] | undefined>((resolve) => {
      life.machine.schedule(0, 'query', () => {
        region.find().then(resolve, (error: unknown) => {
          // Refusals are judged for single items.
          this.#failure(life, error);
          resolve(undefined);
        });
      });
    });
    const bodies = await Promise.race([found, life.ended.then(() => undefined)]);
    if (bodies === undefined) return false;
    const values = bodies.map(valueIn);
    const number = this.queries.length + 1;
    runtime.record(`query #${number} ${life.name} ${values.join(' ')}`);
    const wipes = driver.wipes(life.name);
    this.queries.push({
      number,
      region: life.name,
      wipes,
      sinceMs,
      atMs: runtime.elapsedMs,
      tailsBefore,
      tailsAfter: tails(),
      values,
    });
    return true;
  }

  /**
   * The request is served in an event of the region's machine, so not while it is paused or after it
   * crashed.
   */
  #call(life: RegionLife, region: RegionUnderTest, requests: readonly ClientRequest[]): Promise<Outcome[]> {
    const [first] = requests;
    return new Promise((resolve) => {
      life.machine.schedule(0, 'request', () => {
        const isBatch = first === undefined || requests.length > 1;
        const answers = isBatch
          ? region.batch?.(requests)
          : region.call(first).then((answer): readonly ClientAnswer[] => [answer]);
        answers?.then(
          (all) => resolve(all.map(outcomeOf)),
          (error: unknown) => {
            const failure = this.#failure(life, error);
            resolve(requests.map(({ kind }) => (isBatch && kind === 'read' ? NOT_READ : failure)));
          },
        );
      });
    });
  }

  #failure(life: RegionLife, error: unknown): Outcome {
    const { violations, driver } = this.#options;
    // A region that is dead, or whose disk has failed, gives what answers it can.
    if (life.machine.isHalted) return { kind: 'unknown', reason: 'crash' };
    if (driver.expectsFailure(life)) return { kind: 'unknown', reason: 'failing disk' };
    if (!(error instanceof DatabaseError)) {
      violations.report('the process goes on', `${life.name} failed a request: ${textOf(error)}`);
      return { kind: 'unknown', reason: 'failure' };
    }
    if (error.code === 'InternalServerError') {
      violations.report('the process goes on', `${life.name} answered 500: ${textOf(error)}`);
    }
    return isRefusal(error.code)
      ? { kind: 'refused', code: error.code }
      : { kind: 'unknown', reason: error.code };
  }

  /** What a client takes from an answer. */
  #learn(client: Client, { request, rangeId, outcome, isVoid }: OperationRecord): void {
    if (isVoid) return;
    if (outcome?.kind === 'refused' && outcome.code === 'ReadSessionNotAvailable') client.staleTokens += 1;
    else client.staleTokens = 0;
    if (client.staleTokens > STALE_TOKENS_MAX) {
      // The region that gave the token lost its disk: nobody will ever reach it.
      client.session = ++this.#sessions;
      client.tokens.clear();
    }
    if (outcome?.kind !== 'ok') return;
    const { etag, token } = outcome;
    const key = nameOf(request.item);
    if (etag === undefined) client.etags.delete(key);
    else client.etags.set(key, etag);
    // The answer comes from a state that covers the token sent, so the new token takes its place.
    client.tokens.set(rangeId, token);
    const tokens = this.#tokens.get(rangeId) ?? [];
    tokens.push(token);
    if (tokens.length > 8) tokens.shift();
    this.#tokens.set(rangeId, tokens);
  }
}

/** A batch that was refused says nothing of what its reads would have found. */
const NOT_READ: Outcome = { kind: 'unknown', reason: 'the batch was refused' };

function outcomeOf({ etag, body, sessionToken }: ClientAnswer): Outcome {
  const value = body === undefined ? undefined : valueIn(body);
  const answer = { kind: 'ok', etag, value, token: sessionToken } as const;
  return body?.includes('"list":') === true ? { ...answer, list: elementsIn(body) } : answer;
}

function nameOf({ partitionKey, id }: ItemName): string {
  return `${partitionKey}/${id}`;
}
