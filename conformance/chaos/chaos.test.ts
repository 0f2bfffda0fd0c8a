import type { Container } from '@azure/cosmos';
import { expect, test } from 'vitest';
import { checkCausal } from '../../test/checkers/causal-history.ts';
import { checkSession } from '../../test/checkers/session-history.ts';
import { checkSet } from '../../test/checkers/set-history.ts';
import { FaultClient } from '../harness/fault-client.ts';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { makeDataFolder, ServerProcess } from '../harness/server-process.ts';
import { History } from './history.ts';
import { haunt, TROUBLE_NAMES } from './nemesis.ts';
import { WeatherProxy } from './weather-proxy.ts';
import { work } from './workers.ts';

/*
 * Real processes, one for each region, real disks, unmodified clients in both versions, and one trouble after
 * the other. What the clients were told is judged by the checkers that the simulator uses. Chance is not
 * seeded: here nothing could be replayed anyway, and what this finds the simulator should learn to find.
 */

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60);
const FLAGS = ['--regions', 'West US,North Europe,Southeast Asia', '--isolation', 'process'];
const WORKERS_PER_REGION = 2;
const QUIESCE_MS = 60_000;

test(`${SECONDS} seconds of chaos`, { timeout: SECONDS * 1000 + 240_000 }, async () => {
  const [{ sdk }] = SDKS;
  const data = await makeDataFolder();
  let server = await ServerProcess.start({ data, flags: FLAGS });
  const proxies = await Promise.all(server.regions.map(({ endpoint }) => WeatherProxy.open(endpoint)));
  const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
  const { id } = await makeContainer(database, { throughput: 13_000 });
  const history = new History();
  const endMs = Date.now() + SECONDS * 1000;
  let areTroublesOver = false;
  const regions = server.regions.map(({ name }) => name);

  const workers = proxies.flatMap((proxy, place) =>
    Array.from({ length: WORKERS_PER_REGION }, (_, number) =>
      work({
        sdk: (SDKS[number % SDKS.length] ?? SDKS[0]).sdk,
        endpoint: proxy.endpoint,
        database: database.id,
        container: id,
        name: `${regions[place]}#${number}`,
        history,
        isOver: () => areTroublesOver,
      }),
    ),
  );
  const faults = { current: new FaultClient(server.management) };
  const killAll = async () => {
    await server.kill();
    server = await ServerProcess.start({ data, flags: FLAGS });
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
    judge(history, shown);
    expect([...strikes.keys()].sort(), 'each kind of trouble has struck').toEqual([...TROUBLE_NAMES].sort());
    const broken = proxies.reduce((sum, proxy) => sum + proxy.broken, 0);
    console.log(`chaos for ${SECONDS} s; connections broken: ${broken}`);
    for (const counts of [strikes, history.outcomes]) {
      console.log([...counts].map(([name, count]) => `${name}: ${count}`).join(', '));
    }
  } finally {
    areTroublesOver = true;
    await Promise.allSettled(workers);
    for (const proxy of proxies) await proxy.close();
    await server.dispose();
  }
});

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

function judge(history: History, shown: readonly (readonly Shown[])[]): void {
  const [first = []] = shown;
  for (const other of shown.slice(1)) expect(other, 'all regions show the same').toEqual(first);

  const elements = first.map((item) => item.id).filter((name) => name.startsWith('element-'));
  const { lost, unexpected, duplicated } = checkSet(history.additions, elements);
  expect({ lost, unexpected, duplicated }).toEqual({ lost: [], unexpected: [], duplicated: [] });

  for (const operations of history.sessions.values()) {
    expect(checkSession(operations, () => undefined)).toEqual([]);
  }
  const registers = new Set(history.causal.map(({ key }) => key));
  for (const partition of new Set([...registers].map(partitionOf))) {
    const operations = history.causal.filter(({ key }) => partitionOf(key) === partition);
    // Clocks are wrong by more than hybrid clocks make good, so nobody promised one order of writes.
    expect(checkCausal(operations, { isTotallyOrdered: false })).toEqual([]);
  }
  expect(history.outcomes.get('write done') ?? 0).toBeGreaterThan(100);
  expect(history.outcomes.get('read done') ?? 0).toBeGreaterThan(100);
}

/** Causality is promised within a partition; items of one partition key are in one for certain. */
function partitionOf(key: string): number {
  return Number(key.replace('register-', '')) % 4;
}
