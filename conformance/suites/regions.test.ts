import type { Container } from '@azure/cosmos';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

type Stored = { id: string; _etag: string; [name: string]: unknown };

// What several write regions promise, whether they share a process or not: vitest.config.ts runs this file both ways.

const server = TestedServer.during();

const names = () => server.regionNames;

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  /** The same container as each region shows it. */
  let views: Container[];
  const viewsOf = (made: Container) => server.viewsOf(sdk, made, 'Session');

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    views = await viewsOf(await makeContainer(database));
  });

  afterEach(() => server.faults.quiesce());

  function view(region: number, of: readonly Container[] = views): Container {
    return of[region % of.length] as Container;
  }

  /** Each region's idea of an item: its text, or its absence. */
  async function everywhere(id: string, of: readonly Container[] = views): Promise<string[]> {
    const reads = await Promise.all(of.map((one) => one.item(id, 'p').read<Stored>()));
    return reads.map((read) => (read.statusCode === 404 ? 'absent' : JSON.stringify(read.resource)));
  }

  function expectAgreement(texts: readonly string[]): Stored | undefined {
    expect(new Set(texts).size, texts.join('\n')).toBe(1);
    return texts[0] === 'absent' ? undefined : (JSON.parse(texts[0] ?? '') as Stored);
  }

  test('every endpoint names all regions, and each region answers for itself', async () => {
    for (const client of server.pinned(sdk)) {
      const { resource } = await client.getDatabaseAccount();
      expect(resource?.writableLocations.map((one) => one.name)).toEqual(names());
    }
  });

  test('a session token brings a region up to what another has written, at once', async () => {
    for (let n = 0; n < 30; n++) {
      const written = await view(n).items.upsert({ id: 'session', pk: 'p', n });
      const sessionToken = String(written.headers['x-ms-session-token']);
      expect(sessionToken).toMatch(/^\d+:\d+#\d+(#\d+=\d+)+$/);
      for (const step of [1, 2]) {
        const read = await view(n + step)
          .item('session', 'p')
          .read({ sessionToken });
        expect(read.resource).toMatchObject({ n });
      }
    }
  });

  test('also over slow links, also for queries', async () => {
    const [from, to] = names();
    await server.faults.add({ kind: 'delay', from, to, ms: 300 });
    const written = await view(0).items.create({ id: 'slow', pk: 'p', n: 1 });
    const sessionToken = String(written.headers['x-ms-session-token']);
    const read = await view(1).item('slow', 'p').read({ sessionToken });
    expect(read.resource).toMatchObject({ n: 1 });
    const { resources } = await view(1)
      .items.query("SELECT VALUE c.n FROM c WHERE c.id = 'slow'", { sessionToken, partitionKey: 'p' })
      .fetchAll();
    expect(resources).toEqual([1]);
  });

  test('reads leave a session token as it was', async () => {
    const written = await view(0).items.create({ id: 'still', pk: 'p' });
    const read = await view(0).item('still', 'p').read();
    expect(read.headers['x-ms-session-token']).toBe(written.headers['x-ms-session-token']);
  });

  test('a write reaches every connected region by itself', async () => {
    await view(0).items.create({ id: 'spread', pk: 'p' });
    await expect.poll(() => everywhere('spread'), { timeout: 15_000 }).not.toContain('absent');
    expectAgreement(await everywhere('spread'));
  });

  test('what a cut link does not carry, the third region relays', async () => {
    await server.faults.add({ kind: 'cut', from: names()[0], to: names()[2], direction: 'both' });
    await view(0).items.create({ id: 'relayed', pk: 'p' });
    await expect.poll(() => everywhere('relayed'), { timeout: 15_000 }).not.toContain('absent');
  });

  test('while links are cut each region goes on by itself; healed, all agree on one of the writes', async () => {
    await view(0).items.create({ id: 'torn', pk: 'p', by: 'nobody' });
    await server.faults.quiesce();
    await server.cutAll();
    for (const [region, own] of views.entries()) {
      const replaced = await own.item('torn', 'p').replace({ id: 'torn', pk: 'p', by: names()[region] });
      expect(replaced.statusCode).toBe(200);
    }
    for (const [region, own] of views.entries()) {
      expect((await own.item('torn', 'p').read()).resource).toMatchObject({ by: names()[region] });
    }
    await server.faults.healAll();
    await server.faults.quiesce();
    const winner = expectAgreement(await everywhere('torn'));
    expect(names()).toContain(winner?.by);
  });

  test('one id made in three regions becomes one item', async () => {
    await server.cutAll();
    const etags: string[] = [];
    for (const [region, own] of views.entries()) {
      const created = await own.items.create({ id: 'thrice', pk: 'p', by: names()[region] });
      expect(created.statusCode).toBe(201);
      etags.push(created.etag);
    }
    await server.faults.quiesce();
    const winner = expectAgreement(await everywhere('thrice'));
    expect(etags).toContain(winner?._etag);
    for (const own of views) {
      const { resources } = await own.items.query("SELECT * FROM c WHERE c.id = 'thrice'").fetchAll();
      expect(resources).toHaveLength(1);
    }
  });

  test('a delete wins over concurrent replaces, and the id is free again', async () => {
    await view(0).items.create({ id: 'doomed', pk: 'p', n: 0 });
    await server.faults.quiesce();
    await server.cutAll();
    await view(1).item('doomed', 'p').delete();
    await view(0).item('doomed', 'p').replace({ id: 'doomed', pk: 'p', n: 1 });
    await view(2).items.upsert({ id: 'doomed', pk: 'p', n: 2 });
    expect((await view(0).item('doomed', 'p').read()).resource).toMatchObject({ n: 1 });
    await server.faults.quiesce();
    expect(expectAgreement(await everywhere('doomed'))).toBeUndefined();
    for (const own of views) {
      const { resources } = await own.items.query("SELECT * FROM c WHERE c.id = 'doomed'").fetchAll();
      expect(resources).toEqual([]);
    }
    expect((await view(2).items.create({ id: 'doomed', pk: 'p', n: 9 })).statusCode).toBe(201);
    await server.faults.quiesce();
    expect(expectAgreement(await everywhere('doomed'))).toMatchObject({ n: 9 });
  });

  test("the policy's path decides between concurrent writes", async () => {
    const policy = { mode: 'LastWriterWins', conflictResolutionPath: '/priority' };
    const ranked = await viewsOf(
      await makeContainer(view(0).database, { more: { conflictResolutionPolicy: policy } }),
    );
    await server.cutAll();
    for (const [region, priority] of [5, 9, 7].entries()) {
      await view(region, ranked).items.create({ id: 'ranked', pk: 'p', priority });
    }
    await server.faults.quiesce();
    expect(expectAgreement(await everywhere('ranked', ranked))).toMatchObject({ priority: 9 });
  });

  test('after many concurrent writes of all kinds the regions are equal, item by item', async () => {
    const own = await viewsOf(await makeContainer(view(0).database));
    // Four operations in three regions: 64 items see every combination.
    const ids = Array.from({ length: 64 }, (_, n) => `item-${n}`);
    for (const id of ids) await view(0, own).items.create({ id, pk: 'p', n: 0 });
    await server.faults.quiesce();
    await server.cutAll();
    await Promise.all(
      own.map(async (container, region) => {
        for (const [n, id] of ids.entries()) {
          const item = container.item(id, 'p');
          const choice = Math.floor(n / 4 ** region) % 4;
          if (choice === 0) await item.delete();
          else if (choice === 1) await item.replace({ id, pk: 'p', n: region });
          else if (choice === 2) await container.items.upsert({ id, pk: 'p', n: 10 + region, at: region });
          else await item.patch([{ op: 'set', path: `/r${region}`, value: n }]);
          await container.items.create({ id: `own-${region}-${n}`, pk: 'p' });
        }
      }),
    );
    await server.faults.quiesce();
    const lists = await Promise.all(
      own.map(async (container) => {
        const { resources } = await container.items.query<Stored>('SELECT * FROM c').fetchAll();
        return resources.map((one) => JSON.stringify(one)).sort();
      }),
    );
    expect(lists[0]?.length).toBeGreaterThanOrEqual(3 * 64);
    expect(lists[1]).toEqual(lists[0]);
    expect(lists[2]).toEqual(lists[0]);
  });

  test('writes go on over a network that repeats, reorders and delays', async () => {
    const [from, to, third] = names();
    await server.faults.add({ kind: 'duplicate', from, to, probability: 0.3 });
    await server.faults.add({ kind: 'reorder', from: to, to: third, probability: 0.3 });
    await server.faults.add({ kind: 'delay', from, to: third, ms: 20, jitterMs: 20 });
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => view(n).items.upsert({ id: `noisy-${n % 20}`, pk: 'p', n })),
    );
    await server.faults.quiesce();
    for (let n = 0; n < 20; n++) expect(expectAgreement(await everywhere(`noisy-${n}`))).toBeDefined();
  });

  test('a region that was killed comes back with all it had acknowledged', async () => {
    const dead = names()[1] ?? '';
    await server.cutAll();
    const acknowledged: string[] = [];
    for (let n = 0; n < 20; n++) {
      const created = await view(1).items.create({ id: `survivor-${n}`, pk: 'p' });
      acknowledged.push(String(created.resource?.id));
    }
    await server.faults.kill(dead);
    const knock = await fetch(server.region(1).endpoint).catch(() => undefined);
    expect(knock?.status ?? 503, 'a dead region answers nobody').toBeGreaterThanOrEqual(500);
    await view(0).items.create({ id: 'meanwhile', pk: 'p' });
    await server.faults.start(dead);
    await server.faults.quiesce();
    for (const id of [...acknowledged, 'meanwhile']) {
      expect(expectAgreement(await everywhere(id))).toMatchObject({ id });
    }
  });

  test('a region that was wiped is seeded from the others, and writes again', async () => {
    const wiped = names()[2] ?? '';
    await view(2).items.create({ id: 'before wipe', pk: 'p' });
    await server.faults.quiesce();
    await server.faults.kill(wiped);
    await server.faults.wipe(wiped);
    await view(0).items.upsert({ id: 'during wipe', pk: 'p' });
    await server.faults.start(wiped);
    await server.faults.quiesce();
    const written = await view(2).items.create({ id: 'after wipe', pk: 'p' });
    // Session tokens of the new membership must still be understood everywhere.
    const sessionToken = String(written.headers['x-ms-session-token']);
    expect((await view(0).item('after wipe', 'p').read({ sessionToken })).statusCode).toBe(200);
    await server.faults.quiesce();
    for (const id of ['before wipe', 'during wipe', 'after wipe']) {
      expect(expectAgreement(await everywhere(id))).toMatchObject({ id });
    }
  });

  test('collection of what is settled changes nothing that can be seen', async () => {
    for (const name of names()) await server.faults.collect(name);
    await view(0).items.upsert({ id: 'kept', pk: 'p', n: 1 });
    await view(1).items.upsert({ id: 'gone', pk: 'p' });
    await server.faults.quiesce();
    await view(1).item('gone', 'p').delete();
    await server.faults.quiesce();
    for (const name of names()) await server.faults.collect(name);
    expect(expectAgreement(await everywhere('gone'))).toBeUndefined();
    expect(expectAgreement(await everywhere('kept'))).toMatchObject({ n: 1 });
  });

  test('a fault is listed while it lasts, and what is nonsense is refused', async () => {
    const [from, to] = names();
    const heal = await server.faults.add({ kind: 'cut', from, to, direction: 'one' });
    expect(JSON.stringify(await server.faults.list())).toContain('"cut"');
    await heal();
    expect(JSON.stringify(await server.faults.list())).not.toContain('"cut"');
    await expect(server.faults.add({ kind: 'melt', region: from })).rejects.toThrow(/answered 40[04]/);
    await expect(server.faults.add({ kind: 'cut', from, to: 'Atlantis', direction: 'both' })).rejects.toThrow(
      /40[04]/,
    );
    await expect(server.faults.wipe(String(from))).rejects.toThrow(/answered 4\d\d/);
  });
});
