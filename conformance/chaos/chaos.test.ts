import type { Container, Database } from '@azure/cosmos';
import { expect, test } from 'vitest';
import { checkCausal } from '../../test/checkers/causal-history.ts';
import { linearizabilityViolation, stalenessViolation } from '../../test/checkers/register-history.ts';
import { checkSession } from '../../test/checkers/session-history.ts';
import { checkSet } from '../../test/checkers/set-history.ts';
import { FaultClient } from '../harness/fault-client.ts';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { makeDataFolder, ServerProcess } from '../harness/server-process.ts';
import { History } from './history.ts';
import { haunt, TROUBLE_NAMES } from './nemesis.ts';
import { WeatherProxy } from './weather-proxy.ts';
import { type Habits, initialRegisters, REGISTERS, work } from './workers.ts';

/*
 * Real processes, one for each region, real disks, unmodified clients in both versions, and one trouble after
 * the other. What the clients were told is judged by the checkers that the simulator uses. Chance is not
 * seeded: here nothing could be replayed anyway, and what this finds the simulator should learn to find.
 */

/** For all levels together. */
const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60);
const FLAGS = ['--regions', 'West US,North Europe,Southeast Asia', '--isolation', 'process'];
const WORKERS_PER_REGION = 2;
const QUIESCE_MS = 60_000;
const BOUND = { operations: 60, ms: 3_000 };

interface World {
  readonly level: string;
  readonly flags: readonly string[];
  readonly habits: Habits;
  /** Above 10,000 request units a container has several partitions. */
  readonly throughput: number;
  readonly judge: (history: History) => void;
}

const WORLDS: readonly World[] = [
  {
    level: 'Session',
    flags: [],
    habits: { hops: true, writesInFirst: false, ownRegisters: false },
    throughput: 13_000,
    judge: judgeSessions,
  },
  {
    level: 'Strong',
    flags: ['--consistency', 'Strong', '--write', 'single'],
    habits: { hops: false, writesInFirst: true, ownRegisters: false },
    throughput: 13_000,
    judge: ({ registers }) => {
      expect(linearizabilityViolation(registers)).toBeUndefined();
      const readers = new Set(registers.filter(({ kind }) => kind === 'read').map(({ region }) => region));
      expect(readers.size, 'every region answered reads').toBe(3);
    },
  },
  {
    level: 'BoundedStaleness',
    flags: [
      '--consistency',
      'BoundedStaleness',
      '--staleness',
      `${BOUND.operations},${BOUND.ms / 1000}`,
      '--unsafe-bounds',
    ],
    habits: { hops: false, writesInFirst: false, ownRegisters: true },
    throughput: 400,
    judge: ({ registers }) => {
      expect(stalenessViolation(registers, BOUND)).toBeUndefined();
      const none = { operations: 0, ms: 0 };
      expect(stalenessViolation(registers, none), 'some reads were behind').toBeDefined();
    },
  },
];

test.each(WORLDS)(
  `$level: ${Math.round(SECONDS / WORLDS.length)} seconds of chaos`,
  { timeout: SECONDS * 1000 + 240_000 },
  async ({ level, flags: own, habits, throughput, judge }) => {
    const [{ sdk }] = SDKS;
    const data = await makeDataFolder();
    const flags = [...FLAGS, ...own];
    let server = await ServerProcess.start({ data, flags });
    const proxies = await Promise.all(server.regions.map(({ endpoint }) => WeatherProxy.open(endpoint)));
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    const faults = { current: new FaultClient(server.management) };
    const id = await makeRegisters(database, throughput, habits);
    await faults.current.quiesce(QUIESCE_MS);
    const history = new History();
    const endMs = Date.now() + (SECONDS * 1000) / WORLDS.length;
    let areTroublesOver = false;
    const regions = server.regions.map(({ name }) => name);

    const workers = Array.from({ length: regions.length * WORKERS_PER_REGION }, (_, number) =>
      work({
        sdk: (SDKS[Math.floor(number / regions.length) % SDKS.length] ?? SDKS[0]).sdk,
        endpoints: proxies.map((proxy) => proxy.endpoint),
        regions,
        home: number % regions.length,
        number,
        database: database.id,
        container: id,
        habits,
        history,
        isOver: () => areTroublesOver,
      }),
    );
    const killAll = async () => {
      await server.kill();
      server = await ServerProcess.start({ data, flags });
      faults.current = new FaultClient(server.management);
      for (const [place, proxy] of proxies.entries()) proxy.target = server.region(place).endpoint;
    };
    try {
      const strikes = await haunt({
        get faults() {
          return faults.current;
        },
        regions,
        proxies,
        killAll,
        isOver: () => Date.now() > endMs,
      });
      areTroublesOver = true;
      await Promise.all(workers);
      await faults.current.quiesce(QUIESCE_MS);

      const shown = await Promise.all(
        server.regions.map(({ endpoint }) =>
          everything(
            connect(sdk, { endpoint, isPinned: true, consistencyLevel: 'Eventual' })
              .database(database.id)
              .container(id),
          ),
        ),
      );
      tell(level, history, strikes, proxies);
      judgeEnd(history, shown);
      judge(history);
      expect([...strikes.keys()].sort(), 'each kind of trouble has struck').toEqual(
        [...TROUBLE_NAMES].sort(),
      );
    } finally {
      areTroublesOver = true;
      await Promise.allSettled(workers);
      for (const proxy of proxies) await proxy.close();
      await server.dispose();
    }
  },
);

/** The registers are there from the start where whoever writes must have read. */
async function makeRegisters(database: Database, throughput: number, habits: Habits): Promise<string> {
  const container = await makeContainer(database, { throughput });
  if (habits.ownRegisters) expect(REGISTERS).toBe(3 * WORKERS_PER_REGION);
  const isCareful = habits.ownRegisters || habits.writesInFirst;
  for (const register of isCareful ? initialRegisters() : []) await container.items.create(register);
  return container.id;
}

/** What the run was worth: how much was done, and of how much no answer told whether it was. */
function tell(
  level: string,
  { outcomes, unanswered }: History,
  strikes: ReadonlyMap<string, number>,
  proxies: readonly WeatherProxy[],
): void {
  const broken = proxies.reduce((sum, proxy) => sum + proxy.broken, 0);
  const all = [...outcomes].reduce((sum, [name, count]) => sum + (name.startsWith('workers') ? 0 : count), 0);
  console.log(
    `${level}: ${all} operations, ${unanswered} of them with an outcome that only the end told; ` +
      `connections broken: ${broken}`,
  );
  for (const counts of [strikes, outcomes]) {
    console.log([...counts].map(([name, count]) => `${name}: ${count}`).join(', '));
  }
}

interface Shown {
  readonly id: string;
  readonly value?: string;
  readonly _etag: string;
  readonly _ts: number;
}

async function everything(container: Container): Promise<Shown[]> {
  const { resources } = await container.items.readAll<Shown>().fetchAll();
  return resources
    .map(({ id, value, _etag, _ts }) => ({ id, _etag, _ts, ...(value === undefined ? {} : { value }) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What every level promises once the troubles are over; then every outcome is known. */
function judgeEnd(history: History, shown: readonly (readonly Shown[])[]): void {
  const { additions, changes, outcomes, registers } = history;
  const [first = []] = shown;
  for (const other of shown.slice(1)) expect(other, 'all regions show the same').toEqual(first);

  const found = new Map(first.map((item) => [item.id, item.value]));
  const elements = [...found.keys()].filter((name) => name.startsWith('element-'));
  const { lost, unexpected, duplicated } = checkSet(additions, elements);
  expect({ lost, unexpected, duplicated }).toEqual({ lost: [], unexpected: [], duplicated: [] });
  const values = new Set(registers.flatMap(({ kind, value }) => (kind === 'read' ? (value ?? []) : [])));
  const halves = [...values].filter((value) => !found.has(`element-${value}`));
  expect(halves, 'transactions that were seen are there whole').toEqual([]);
  const missing = changes.filter(
    ({ element, value, isAcknowledged }) => isAcknowledged === true && found.get(element) !== value,
  );
  expect(missing, 'changes that were acknowledged').toEqual([]);
  history.settle(new Set(elements));

  const forbidden = [...outcomes.keys()].filter((name) => name.endsWith(' 403'));
  expect(forbidden, 'wrong clocks make nobody a stranger').toEqual([]);
  for (const what of ['swap', 'read', 'add', 'change'])
    expect(outcomes.get(`${what} done`) ?? 0).toBeGreaterThan(30);
}

function judgeSessions({ sessions, causal, registers: observed }: History): void {
  // Each worker had a session in each range that it touched, and what is promised at Strong only was broken:
  // without that the checkers would have had nothing to find.
  expect(sessions.size).toBeGreaterThanOrEqual(3 * WORKERS_PER_REGION);
  expect(linearizabilityViolation(observed), 'some reads were behind').toBeDefined();
  for (const operations of sessions.values()) expect(checkSession(operations, () => undefined)).toEqual([]);
  const registers = new Set(causal.map(({ key }) => key));
  for (const partition of new Set([...registers].map(partitionOf))) {
    const operations = causal.filter(({ key }) => partitionOf(key) === partition);
    // Clocks are wrong by more than hybrid clocks make good, so nobody promised one order of writes.
    expect(checkCausal(operations, { isTotallyOrdered: false })).toEqual([]);
  }
}

/** Causality is promised within a partition; items of one partition key are in one for certain. */
function partitionOf(key: string): number {
  return Number(key.replace('register-', '')) % 4;
}
