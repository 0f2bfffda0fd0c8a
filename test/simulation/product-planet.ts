import {
  type ConsistencyLevel,
  type ContainerRecord,
  type Directory,
  initialAccountState,
  openEmbeddedDirectory,
} from '../../src/account/index.ts';
import { assert } from '../../src/base/index.ts';
import type { BatchOperation, ItemAnswer } from '../../src/engine/index.ts';
import { createMemoryLog, type Log } from '../../src/log/index.ts';
import { itemKey, Partition } from '../../src/partition/index.ts';
import { effectivePartitionKey, normalizeScript } from '../../src/resource/index.ts';
import { sleep } from '../../src/runtime/index.ts';
import { createInProcessRunner, loadInstance, SCRIPT_LIMITS } from '../../src/script/index.ts';
import { catchUp, openRegion, type Region } from '../../src/server/index.ts';
import type { Store } from '../../src/store/index.ts';
import { containerOf, PROCEDURE } from './container-under-test.ts';
import { isList } from './lists.ts';
import { Media } from './media.ts';
import type {
  ClientAnswer,
  ClientRequest,
  Conflict,
  InspectedPartition,
  ItemName,
  PlanetUnderTest,
  RegionUnderTest,
} from './region-under-test.ts';
import type { PlanetContext } from './simulation.ts';
import { type AccountKind, BOUND } from './swarm.ts';
import { UnhurriedRunner } from './unhurried-runner.ts';

/** Loaded before any simulation, whose time stands still while something real is waited for. */
const INSTANCE = await loadInstance(SCRIPT_LIMITS.memoryBytes);

/** Tight: stores lag, caches miss and writers wait. Ample: items stay in memory, and stores lag more. */
const MEMORY = {
  tight: { cacheBytesMax: 4_000, dirtyBytesMax: 20_000, batchItems: 3 },
  ample: { cacheBytesMax: 1_000_000, dirtyBytesMax: 200_000 },
} as const;
/** Small, so that answers have several pages. */
const PAGE_ITEMS = 2;
const LEVELS = {
  multi: 'Session',
  single: 'Session',
  strong: 'Strong',
  bounded: 'BoundedStaleness',
} as const satisfies Record<AccountKind, ConsistencyLevel>;
const PATH = { database: 'd', container: 'c' };

/** Replaces what a region is opened over: for planting faults there. */
export interface ProductPlanetOptions {
  readonly wrapLog?: (log: Log) => Log;
  readonly wrapStore?: (store: Store) => Store;
  readonly wrapRegion?: (region: RegionUnderTest) => RegionUnderTest;
  /** A region with an empty disk answers before it knows what the others know. */
  readonly admitsAtOnce?: boolean;
  /** A region with an empty disk goes on under its old origin. */
  readonly keepsOrigins?: boolean;
}

/** The product itself: real regions over simulated machines, links and media. */
export async function makeProductPlanet(
  { runtime, network, random, swarm }: PlanetContext,
  {
    wrapLog = (log) => log,
    wrapStore = (store) => store,
    wrapRegion = (region) => region,
    ...planted
  }: ProductPlanetOptions = {},
): Promise<PlanetUnderTest> {
  // The directory lives on a machine of its own that never fails: its engines have their own tests.
  const machine = runtime.forRegion('directory');
  const directory = await openEmbeddedDirectory({
    runtime: machine,
    log: createMemoryLog({ runtime: machine }),
    initial: initialAccountState({
      id: 'simulated',
      regions: swarm.regions,
      multipleWriteRegions: swarm.account === 'multi',
      consistency: {
        level: LEVELS[swarm.account],
        stalenessOperations: BOUND.operations,
        stalenessSeconds: BOUND.ms / 1000,
      },
      topology: { kind: swarm.topology },
    }),
  });
  const container = await createContainer(directory, machine.nowMs(), swarm);
  const opened = new Map<string, Region>();
  const runners = new Map<string, UnhurriedRunner>();
  /** Storage lives that were there from the start, or have caught up since: only these may serve. */
  const knowing = new Set(directory.state.regions.map((region) => region.origin));
  const media = new Media({ random, hasFileLogs: swarm.hasFileLogs });
  return {
    regions: swarm.regions,
    async open(name, opening, onFailed) {
      const { log, store } = await media.of(name).mount(opening);
      const isKnowing =
        planted.admitsAtOnce === true ||
        directory.state.regions.some((one) => one.name === name && knowing.has(one.origin));
      const runner = new UnhurriedRunner(createInProcessRunner(opening, INSTANCE), opening);
      runners.set(name, runner);
      const region = await openRegion({
        runtime: opening,
        network: network.forRegion(opening),
        log: wrapLog(log),
        store: wrapStore(store),
        directory,
        region: name,
        runner,
        listenAddresses: addressesOf(name),
        addressesOf,
        memory: MEMORY[swarm.memory],
        awaitsAdmission: !isKnowing,
        onFailed,
      });
      if (!isKnowing) {
        // Somebody who was there before must be asked: nobody's answer is not an empty answer. At Strong it
        // must be one of the quorum set, as others may lack what was answered.
        const { state } = directory;
        const mayTell = ({ origin }: Region) =>
          state.consistency.level !== 'Strong' || directory.state.quorum.origins.includes(origin);
        while (![...opened.values()].some(mayTell)) await sleep(opening, 50);
        await catchUp({
          runtime: opening,
          own: () => region.status(),
          others: async () => [...opened.values()].map((other) => other.status()),
          epoch: () => directory.state.epoch,
        });
        knowing.add(region.origin);
        region.admit();
      }
      opened.set(name, region);
      const unmount = async () => {
        await log.close();
        await store.close();
      };
      return wrapRegion(new ProductRegion(region, container, unmount));
    },
    crash(name) {
      opened.delete(name);
      runners.get(name)?.close();
      media.of(name).powerLoss();
    },
    disk: (name) => media.of(name).disk,
    loseStore: (name) => media.of(name).loseStore(),
    copyDisk: (name) => media.copy(name),
    async wipe(name) {
      media.lose(name);
      if (planted.keepsOrigins !== true) await directory.execute({ kind: 'renewOrigin', region: name });
    },
  };
}

function addressesOf(name: string) {
  return { replication: `${name}/replication`, forwarding: `${name}/forwarding` };
}

async function createContainer(
  directory: Directory,
  timeMs: number,
  swarm: PlanetContext['swarm'],
): Promise<ContainerRecord> {
  const { rid } = await directory.execute({ kind: 'createDatabase', id: PATH.database, timeMs });
  const record = await directory.execute({
    kind: 'createContainer',
    databaseRid: rid,
    definition: containerOf(swarm, PATH.container),
    throughput: { kind: 'manual', throughput: swarm.throughput },
    timeMs,
  });
  if (swarm.conflicts === 'procedure') {
    const definition = normalizeScript('storedProcedure', PROCEDURE);
    await directory.execute({ kind: 'createScript', containerRid: record.rid, definition, timeMs });
  }
  return record;
}

class ProductRegion implements RegionUnderTest {
  readonly origin: number;
  readonly #region: Region;
  readonly #container: ContainerRecord;
  readonly #unmount: () => Promise<void>;

  constructor(region: Region, container: ContainerRecord, unmount: () => Promise<void>) {
    this.origin = region.origin;
    this.#region = region;
    this.#container = container;
    this.#unmount = unmount;
  }

  async call(request: ClientRequest): Promise<ClientAnswer> {
    const answer = await this.#answer(request);
    return { etag: answer.etag, body: answer.body?.toString('utf8'), sessionToken: answer.sessionToken };
  }

  #answer(request: ClientRequest): ItemAnswer | Promise<ItemAnswer> {
    const { kind, item, ifMatch, sessionToken } = request;
    const { items } = this.#region.engine;
    const context = {
      path: PATH,
      partitionKey: [item.partitionKey],
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    const body = bodyOf(request);
    const target = { ...context, id: item.id };
    switch (kind) {
      case 'create':
        return items.create({ ...context, body });
      case 'upsert':
        return items.upsert({ ...context, body });
      case 'replace':
        return items.replace(target, body);
      case 'patch':
        return items.patch(target, patchBody(request));
      case 'delete':
        return items.delete(target);
      case 'read':
        return items.read(target);
    }
  }

  async batch(requests: readonly ClientRequest[]): Promise<ClientAnswer[]> {
    const operations = requests.map((request): BatchOperation => {
      const { kind, item } = request;
      if (kind === 'read') return { kind, id: item.id };
      if (kind === 'patch') return { kind, id: item.id, body: patchBody(request) };
      return { kind: 'upsert', body: bodyOf(request) };
    });
    const [first] = requests;
    const { sessionToken } = first ?? {};
    const answer = await this.#region.engine.items.batch({
      path: PATH,
      partitionKey: [first?.item.partitionKey ?? ''],
      operations,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
    return answer.results.map((result): ClientAnswer => {
      if (typeof result === 'object' && 'error' in result) throw result.error;
      // The error that all the others depend on is among the results.
      const { etag, body } = typeof result === 'object' ? result : { etag: undefined, body: undefined };
      return { etag, body: body?.toString('utf8'), sessionToken: answer.sessionToken };
    });
  }

  async find(value?: string): Promise<string[]> {
    const spec =
      value === undefined
        ? { query: 'SELECT * FROM c', parameters: [] }
        : { query: 'SELECT * FROM c WHERE c["value"] = @value', parameters: [{ name: '@value', value }] };
    const rows: string[] = [];
    for (const { id } of this.#container.partitions) {
      let continuation: string | undefined;
      do {
        const resume = continuation === undefined ? {} : { continuation };
        const request = { path: PATH, rangeId: id, spec, itemCountMax: PAGE_ITEMS, ...resume };
        const page = await this.#region.engine.items.query(request);
        rows.push(...page.rows.map(String));
        continuation = page.continuation;
      } while (continuation !== undefined);
    }
    return rows;
  }

  async conflicts(): Promise<Conflict[]> {
    const entries = await this.#region.engine.conflicts.list(PATH);
    return entries.map(({ id, _etag: etag, content }) => {
      const { _etag: own } = JSON.parse(String(content)) as { readonly _etag?: unknown };
      assert(own === etag, 'an entry of the feed has the etag of the losing write');
      const [n = '', , origin = ''] = String(etag).replaceAll('"', '').split('-');
      return { id: String(id), name: `${Number.parseInt(origin, 16)}.${Number.parseInt(n, 16)}` };
    });
  }

  settle(id: string): Promise<void> {
    return this.#region.engine.conflicts.delete(PATH, id);
  }

  partitionNumbers(): Iterable<number> {
    return this.#container.partitions.map((record) => record.number);
  }

  partition(number: number): InspectedPartition | undefined {
    const partition = this.#region.partitions.get(number);
    if (!(partition instanceof Partition)) return undefined;
    return {
      number,
      vector: partition.vector,
      tail: () => partition.tail(),
      read: (fromLsn, bytesMax) => partition.read(fromLsn, bytesMax),
      lookup: (key) => partition.lookup(key),
      isQuiet: () => partition.applied.lsn === partition.durableLsn,
    };
  }

  locate({ partitionKey, id }: ItemName) {
    const epk = effectivePartitionKey(this.#container.definition.partitionKey, [partitionKey]);
    const record = this.#container.partitions.find(({ range }) => epk >= range.min && epk < range.max);
    if (record === undefined) throw new RangeError(`no range holds ${epk}`);
    return { partition: record.number, key: itemKey(epk, id), rangeId: record.id };
  }

  collect(): Promise<void> {
    return this.#region.collect();
  }

  async close(): Promise<void> {
    await this.#region.close();
    await this.#unmount();
  }
}

/** Marks the item as this write's, counts it, and leaves a trace that a patch of another value keeps. */
function patchBody({ item, value, priority, unique }: ClientRequest): Buffer {
  const operations = [
    ...(isList(item) ? [{ op: 'add', path: '/list/-', value }] : []),
    { op: 'set', path: '/value', value },
    { op: 'incr', path: '/count', value: 1 },
    { op: 'set', path: `/trace${Number(value?.slice(1)) % 5}`, value },
    ...(priority === undefined ? [] : [{ op: 'set', path: '/priority', value: priority }]),
    ...Object.entries(unique ?? {}).map(([name, one]) => ({ op: 'set', path: `/${name}`, value: one })),
  ];
  return Buffer.from(JSON.stringify({ operations }));
}

function bodyOf({ item, value, priority, ttl, unique }: ClientRequest): Buffer {
  const list = isList(item) ? { list: [] } : {};
  return Buffer.from(
    JSON.stringify({ id: item.id, pk: item.partitionKey, value, priority, ttl, ...unique, ...list }),
  );
}
