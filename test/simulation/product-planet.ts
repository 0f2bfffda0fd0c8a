import {
  type ContainerRecord,
  type Directory,
  initialAccountState,
  openEmbeddedDirectory,
} from '../../src/account/index.ts';
import type { ItemAnswer } from '../../src/engine/index.ts';
import {
  createMemoryLog,
  type Log,
  type MemoryLog,
  type MemoryMedium,
  type UnsyncedFate,
} from '../../src/log/index.ts';
import { itemKey, Partition } from '../../src/partition/index.ts';
import { effectivePartitionKey, normalizeContainer } from '../../src/resource/index.ts';
import { openRegion, type Region } from '../../src/server/region.ts';
import { createMemoryStore, MemoryStoreState, type Store } from '../../src/store/index.ts';
import type {
  ClientAnswer,
  ClientRequest,
  InspectedPartition,
  ItemName,
  PlanetUnderTest,
  RegionUnderTest,
} from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedMachine } from './simulated-runtime.ts';
import type { PlanetContext } from './simulation.ts';

const FATES: readonly UnsyncedFate[] = ['lost', 'torn', 'kept'];
const SYNC_MS_MAX = 10;
/** Small, so that stores lag, caches miss and writers wait. */
const MEMORY = { cacheBytesMax: 4_000, dirtyBytesMax: 20_000 };
const PATH = { database: 'd', container: 'c' };

/** Replaces what a region is opened over: for planting faults there. */
export interface ProductPlanetOptions {
  readonly wrapLog?: (log: Log) => Log;
  readonly wrapStore?: (store: Store) => Store;
}

/** The product itself: real regions over simulated machines, links and media. */
export async function makeProductPlanet(
  { runtime, network, random, swarm }: PlanetContext,
  { wrapLog = (log) => log, wrapStore = (store) => store }: ProductPlanetOptions = {},
): Promise<PlanetUnderTest> {
  // The directory lives on a machine of its own that never fails: its engines have their own tests.
  const machine = runtime.forRegion('directory');
  const directory = await openEmbeddedDirectory({
    runtime: machine,
    log: createMemoryLog({ runtime: machine }),
    initial: initialAccountState({
      id: 'simulated',
      regions: swarm.regions,
      multipleWriteRegions: true,
      consistency: { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 },
    }),
  });
  const container = await createContainer(directory, machine.nowMs(), swarm);
  const media = new Map<string, Medium>();
  for (const name of swarm.regions) media.set(name, new Medium(random.split(name)));
  const mediumOf = (name: string): Medium => {
    const medium = media.get(name);
    if (medium === undefined) throw new RangeError(`there is no region ${name}`);
    return medium;
  };
  return {
    regions: swarm.regions,
    async open(name, opening, onFailed) {
      const { log, store } = mediumOf(name).mount(opening);
      const region = await openRegion({
        runtime: opening,
        network: network.forRegion(opening),
        log: wrapLog(log),
        store: wrapStore(store),
        directory,
        region: name,
        listenAddresses: addressesOf(name),
        addressesOf,
        memory: MEMORY,
        onFailed,
      });
      return new ProductRegion(region, container, async () => {
        await log.close();
        await store.close();
      });
    },
    crash: (name) => mediumOf(name).powerLoss(),
  };
}

function addressesOf(name: string) {
  return { replication: `${name}/replication`, forwarding: `${name}/forwarding` };
}

async function createContainer(
  directory: Directory,
  timeMs: number,
  { conflictPath, throughput }: PlanetContext['swarm'],
): Promise<ContainerRecord> {
  const { rid } = await directory.execute({ kind: 'createDatabase', id: PATH.database, timeMs });
  const definition = normalizeContainer({
    id: PATH.container,
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: conflictPath },
  });
  return directory.execute({
    kind: 'createContainer',
    databaseRid: rid,
    definition,
    throughput: { kind: 'manual', throughput },
    timeMs,
  });
}

/** What a region's machine keeps when the power goes. */
class Medium {
  readonly #random: SeededRandom;
  #log: MemoryMedium | undefined;
  readonly #store = new MemoryStoreState();
  #mounted: MemoryLog | undefined;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  mount(machine: SimulatedMachine): { log: MemoryLog; store: Store } {
    const syncMs = this.#random.between(0, SYNC_MS_MAX);
    const medium = this.#log === undefined ? {} : { medium: this.#log };
    const log = createMemoryLog({ runtime: machine, syncMs, ...medium });
    this.#mounted = log;
    this.#log = log.medium;
    return { log, store: createMemoryStore({ state: this.#store, runtime: machine }) };
  }

  powerLoss(): void {
    this.#mounted?.powerLoss(this.#random.pick(FATES));
  }
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

  #answer({
    kind,
    item,
    value,
    priority,
    ifMatch,
    sessionToken,
  }: ClientRequest): ItemAnswer | Promise<ItemAnswer> {
    const { items } = this.#region.engine;
    const context = {
      path: PATH,
      partitionKey: [item.partitionKey],
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    const body = Buffer.from(JSON.stringify({ id: item.id, pk: item.partitionKey, value, priority }));
    const target = { ...context, id: item.id };
    switch (kind) {
      case 'create':
        return items.create({ ...context, body });
      case 'upsert':
        return items.upsert({ ...context, body });
      case 'replace':
        return items.replace(target, body);
      case 'delete':
        return items.delete(target);
      case 'read':
        return items.read(target);
    }
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

  async close(): Promise<void> {
    await this.#region.close();
    await this.#unmount();
  }
}
