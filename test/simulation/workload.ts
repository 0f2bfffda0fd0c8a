import { DatabaseError } from '../../src/errors/index.ts';
import { isRefusal, type OperationRecord, type Outcome } from './client-history.ts';
import { type PlanetDriver, type RegionLife, textOf } from './planet-driver.ts';
import type { QueryRecord } from './query-history.ts';
import type { ClientRequest, ItemName, RegionUnderTest } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Swarm } from './swarm.ts';
import type { Trace } from './trace.ts';
import type { Violations } from './violations.ts';

export interface WorkloadOptions {
  readonly swarm: Swarm;
  readonly driver: PlanetDriver;
  readonly runtime: SimulatedRuntime;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly violations: Violations;
}

/** Clients give up after this long. */
const PATIENCE_MS = 15_000;
const PRIORITY_MAX = 3;

/** Storms of writes and reads on a few hot items, by several clients in each region. */
export class Workload {
  readonly records: OperationRecord[] = [];
  readonly queries: QueryRecord[] = [];
  readonly #options: WorkloadOptions;
  /** The last tokens that anybody was given, by range: clients pass them on. */
  readonly #tokens = new Map<string, string[]>();
  #requestsLeft: number;
  #values = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#requestsLeft = options.swarm.requests;
  }

  /** Resolves when all requests were made and answered or given up. */
  async run(): Promise<void> {
    const { driver, swarm, random } = this.#options;
    const clients: Promise<void>[] = [];
    for (const region of driver.names) {
      for (let client = 0; client < swarm.clients; client++) {
        clients.push(this.#client(region, random.split(`${region}#${client}`)));
      }
    }
    await Promise.all(clients);
  }

  /** Has regions collect while requests last: the more often, the more harm from collecting too early. */
  async collect(): Promise<void> {
    const { runtime, swarm, driver } = this.#options;
    while (this.#requestsLeft > 0) {
      await runtime.sleep(swarm.collectEveryMs, 'collect');
      for (const { machine, region } of driver.open())
        machine.schedule(0, 'collect', () => void region.collect());
    }
  }

  async #client(name: string, random: SeededRandom): Promise<void> {
    const { swarm, runtime } = this.#options;
    const etags = new Map<string, string>();
    while (this.#requestsLeft > 0) {
      await runtime.sleep(-Math.log(1 - random.next()) * swarm.thinkMs, 'think');
      const life = this.#serving(name, random);
      const region = life?.region;
      if (life === undefined || region === undefined) continue;
      this.#requestsLeft -= 1;
      if (random.chance(swarm.withQuery)) {
        await this.#query(life, region);
        continue;
      }
      const request = this.#draw(region, random, etags);
      const record = await this.#perform(life, region, request);
      const itemKey = `${request.item.partitionKey}/${request.item.id}`;
      if (record.outcome?.kind === 'ok') this.#remember(record, itemKey, record.outcome, etags);
    }
  }

  /** The client's own region; another one when that is down, as the official clients do. */
  #serving(name: string, random: SeededRandom): RegionLife | undefined {
    const open = this.#options.driver.open();
    return open.find((life) => life.name === name) ?? (open.length > 0 ? random.pick(open) : undefined);
  }

  #draw(region: RegionUnderTest, random: SeededRandom, etags: ReadonlyMap<string, string>): ClientRequest {
    const { swarm } = this.#options;
    const item: ItemName = {
      partitionKey: `p${random.integer(1, swarm.partitionKeys)}`,
      id: `i${random.integer(1, swarm.items)}`,
    };
    const kind = random.weighted(swarm.mix);
    const hasBody = kind === 'create' || kind === 'upsert' || kind === 'replace';
    const etag = random.chance(swarm.withIfMatch) ? etags.get(`${item.partitionKey}/${item.id}`) : undefined;
    const tokens = this.#tokens.get(region.locate(item).rangeId) ?? [];
    return {
      kind,
      item,
      value: hasBody ? `v${++this.#values}` : undefined,
      // Now and then an item without a number at the path.
      priority: random.chance(0.15) ? undefined : random.integer(0, PRIORITY_MAX),
      ifMatch: kind === 'create' || kind === 'read' ? undefined : etag,
      sessionToken: tokens.length > 0 && random.chance(swarm.withToken) ? random.pick(tokens) : undefined,
    };
  }

  async #perform(
    life: RegionLife,
    region: RegionUnderTest,
    request: ClientRequest,
  ): Promise<OperationRecord> {
    const { runtime, trace } = this.#options;
    const { partition, key, rangeId } = region.locate(request.item);
    const tail = () => region.partition(partition)?.tail() ?? 0;
    const record: OperationRecord = {
      number: this.records.length + 1,
      region: life.name,
      wipes: this.#options.driver.wipes(life.name),
      request,
      partition,
      key,
      rangeId,
      invokedAtMs: runtime.elapsedMs,
      tailBefore: tail(),
      tailAfter: 0,
      completedAtMs: 0,
      outcome: undefined,
    };
    this.records.push(record);
    const { kind, item, value } = request;
    trace.record(`#${record.number} ${life.name} ${kind} ${item.partitionKey}/${item.id} ${value ?? ''}`);
    let cancel: () => void = () => undefined;
    const late = new Promise<Outcome>((resolve) => {
      const giveUp = () => resolve({ kind: 'unknown', reason: 'too late' });
      cancel = runtime.schedule({ delayMs: PATIENCE_MS, label: 'patience' }, giveUp);
    });
    const ended = life.ended.then((): Outcome => ({ kind: 'unknown', reason: 'crash' }));
    const outcome = await Promise.race([this.#call(life, region, request), ended, late]);
    cancel();
    record.outcome = outcome;
    record.tailAfter = tail();
    record.completedAtMs = runtime.elapsedMs;
    trace.record(`#${record.number} ${JSON.stringify(outcome)}`);
    return record;
  }

  async #query(life: RegionLife, region: RegionUnderTest): Promise<void> {
    const { driver, trace, violations } = this.#options;
    const tails = () =>
      new Map(
        [...region.partitionNumbers()].map((number) => [number, region.partition(number)?.tail() ?? 0]),
      );
    const tailsBefore = tails();
    const found = new Promise<string[] | undefined>((resolve) => {
      life.machine.schedule(0, 'query', () => {
        region.find().then(resolve, (error: unknown) => {
          violations.report('the process goes on', `${life.name} failed a query: ${textOf(error)}`);
          resolve(undefined);
        });
      });
    });
    const bodies = await Promise.race([found, life.ended.then(() => undefined)]);
    if (bodies === undefined) return;
    const values = bodies.map((body) => String((JSON.parse(body) as { value?: unknown }).value));
    const number = this.queries.length + 1;
    trace.record(`query #${number} ${life.name} ${values.join(' ')}`);
    const wipes = driver.wipes(life.name);
    this.queries.push({ number, region: life.name, wipes, tailsBefore, tailsAfter: tails(), values });
  }

  /**
   * The request is served in an event of the region's machine, so not while it is paused or after it
   * crashed.
   */
  #call(life: RegionLife, region: RegionUnderTest, request: ClientRequest): Promise<Outcome> {
    return new Promise((resolve) => {
      life.machine.schedule(0, 'request', () => {
        region.call(request).then(
          ({ etag, body, sessionToken }) => {
            const value =
              body === undefined ? undefined : String((JSON.parse(body) as { value?: unknown }).value);
            resolve({ kind: 'ok', etag, value, token: sessionToken });
          },
          (error: unknown) => resolve(this.#failure(life.name, error)),
        );
      });
    });
  }

  #failure(region: string, error: unknown): Outcome {
    const { violations } = this.#options;
    if (!(error instanceof DatabaseError)) {
      violations.report('the process goes on', `${region} failed a request: ${textOf(error)}`);
      return { kind: 'unknown', reason: 'failure' };
    }
    if (error.code === 'InternalServerError') {
      violations.report('the process goes on', `${region} answered 500: ${textOf(error)}`);
    }
    return isRefusal(error.code)
      ? { kind: 'refused', code: error.code }
      : { kind: 'unknown', reason: error.code };
  }

  #remember(
    record: OperationRecord,
    itemKey: string,
    { etag, token }: Outcome & { kind: 'ok' },
    etags: Map<string, string>,
  ): void {
    if (etag === undefined) etags.delete(itemKey);
    else etags.set(itemKey, etag);
    const tokens = this.#tokens.get(record.rangeId) ?? [];
    tokens.push(token);
    if (tokens.length > 8) tokens.shift();
    this.#tokens.set(record.rangeId, tokens);
  }
}
