import type { Container } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, SDKS, type Sdk } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

// What each level promises, to clients that know nothing of it: vitest.config.ts runs this file in both
// isolation modes.

/** One container as each region shows it. */
async function viewsOf(server: TestedServer, sdk: Sdk): Promise<Container[]> {
  const { endpoint } = server.region(0);
  return server.viewsOf(
    sdk,
    await makeContainer(await makeDatabase(connect(sdk, { endpoint, isPinned: true }))),
  );
}

const codeOf = async (work: Promise<unknown>): Promise<number | undefined> =>
  work.then(
    () => undefined,
    (error: { code: number }) => error.code,
  );

async function value(view: Container, id: string): Promise<unknown> {
  return (await view.item(id, 'p').read<{ value: number }>()).resource?.value;
}

async function metrics(server: TestedServer): Promise<string> {
  const answer = await fetch(new URL('/metrics', server.management));
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  return answer.text();
}

describe('Strong', () => {
  const server = TestedServer.during({ flags: ['--consistency', 'Strong', '--write', 'single'] });

  describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
    let views: Container[];
    beforeAll(async () => {
      views = await viewsOf(server, sdk);
    });

    test('a read region whose clock is an hour wrong serves its clients all the same', async () => {
      const [, , third] = views as [Container, Container, Container];
      for (const ms of [3_600_000, -3_600_000]) {
        const heal = await server.faults.add({ kind: 'skew', region: server.region(2).name, ms });
        expect((await third.item('nothing', 'p').read()).statusCode).toBe(404);
        await heal();
      }
    });

    test('the account says so', async () => {
      const client = connect(sdk, { endpoint: server.endpoint });
      const { resource } = await client.getDatabaseAccount();
      expect(resource?.consistencyPolicy).toBe('Strong');
      expect(resource?.writableLocations).toHaveLength(1);
    });

    test('what was written is read at once in every region, for twice the charge', async () => {
      const [first] = views;
      for (let round = 1; round <= 20; round++) {
        await first?.items.upsert({ id: 'x', pk: 'p', value: round });
        for (const view of views) expect(await value(view, 'x')).toBe(round);
      }
      const read = await first?.item('x', 'p').read();
      expect(read?.requestCharge).toBe(2);
      const query = { query: 'SELECT * FROM c WHERE c.id = "x"' };
      for (const view of views) {
        const { resources } = await view.items.query(query, { partitionKey: 'p' }).fetchAll();
        expect(resources.map((item) => item.value)).toEqual([20]);
      }
    });

    test('a request may ask for less', async () => {
      const { statusCode, requestCharge } = await (views[1] as Container)
        .item('x', 'p')
        .read({ consistencyLevel: 'Eventual' });
      expect([statusCode, requestCharge]).toEqual([200, 1]);
    });

    test('writes go on without a region that is cut off, and it answers no reads by itself', async () => {
      const [first, , third] = views as [Container, Container, Container];
      await first.items.upsert({ id: 'y', pk: 'p', value: 1 });
      const heal = await server.faults.add({ kind: 'isolate', region: server.region(2).name });
      await first.items.upsert({ id: 'y', pk: 'p', value: 2 });
      expect(await codeOf(third.item('y', 'p').read())).toBe(503);
      expect(await metrics(server)).toMatch(/orrery_quorum_regions\{[^}]*\} 2/);
      await heal();
      await expect
        .poll(() => metrics(server), { timeout: 10_000 })
        .toMatch(/orrery_quorum_regions\{[^}]*\} 3/);
      expect(await value(third, 'y')).toBe(2);
    });
  });
});

describe('BoundedStaleness', () => {
  const bounds = ['--consistency', 'BoundedStaleness', '--staleness', '5,60', '--unsafe-bounds'];
  const server = TestedServer.during({ flags: bounds });

  test.each(SDKS)('@azure/cosmos $version: each region is held back by the slowest', async ({ sdk }) => {
    const views = await viewsOf(server, sdk);
    const [first, second, third] = views as [Container, Container, Container];
    const heal = await server.faults.add({ kind: 'isolate', region: server.region(2).name });
    for (const [place, view] of [first, second].entries()) {
      for (let round = 1; round <= 5; round++)
        await view.items.upsert({ id: `r${place}`, pk: 'p', value: round });
    }
    // The client repeats throttled writes by itself; once the region is back, they succeed.
    const writing = first.items.upsert({ id: 'r0', pk: 'p', value: 6 });
    const isWaiting = await Promise.race([
      writing.then(() => false),
      new Promise((done) => setTimeout(done, 600, true)),
    ]);
    expect(isWaiting).toBe(true);
    expect(await metrics(server)).toMatch(/operation="upsert",outcome="throttled"\} [1-9]/);
    await heal();
    await writing;
    await server.faults.quiesce();
    expect(await value(third, 'r0')).toBe(6);
    expect((await third.item('r1', 'p').read()).requestCharge).toBe(2);
  });
});

describe.each(['Session', 'ConsistentPrefix', 'Eventual'] as const)('%s', (level) => {
  const server = TestedServer.during({ flags: ['--consistency', level] });

  test.each(SDKS)('@azure/cosmos $version: local reads and writes, no stronger requests', async ({ sdk }) => {
    const views = await viewsOf(server, sdk);
    const heal = await server.faults.add({ kind: 'isolate', region: server.region(1).name });
    for (const [place, view] of views.entries()) {
      await view.items.upsert({ id: `i${place}`, pk: 'p', value: place });
      const read = await view.item(`i${place}`, 'p').read();
      expect([read.statusCode, read.requestCharge]).toEqual([200, 1]);
      expect(await codeOf(view.item('i0', 'p').read({ consistencyLevel: 'Strong' }))).toBe(400);
    }
    await heal();
    await server.faults.quiesce();
    for (const view of views) expect(await value(view, 'i1')).toBe(1);
    const text = await metrics(server);
    expect(text).toMatch(/orrery_visible_probability\{from="[^"]+",to="[^"]+",ms="5000"\} (1|0\.\d+)/);
    expect(text).toMatch(/orrery_process_resident_bytes\{process="\d+"\} \d{6,}/);
  });
});

describe('an account that is changed while it runs', () => {
  const server = TestedServer.during({
    flags: ['--write', 'single', '--topology', 'chain', '--latency', '5'],
  });

  async function change(body: object): Promise<{ status: number; json: Record<string, unknown> }> {
    const answer = await fetch(new URL('/account', server.management), {
      method: 'PATCH',
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  test.each(SDKS)('@azure/cosmos $version: level and topology', async ({ sdk }) => {
    const views = await viewsOf(server, sdk);
    const [first, , third] = views as [Container, Container, Container];
    await first.items.upsert({ id: 'x', pk: 'p', value: 1 });
    await server.faults.quiesce();
    expect(await value(third, 'x')).toBe(1);
    // The only way from the first to the third region is gone; another one is found.
    const [one, two] = server.regions;
    const heal = await server.faults.add({ kind: 'cut', from: one?.name, to: two?.name, direction: 'both' });
    await first.items.upsert({ id: 'x', pk: 'p', value: 2 });
    await expect.poll(() => value(third, 'x'), { timeout: 15_000 }).toBe(2);
    await heal();

    expect(await change({ topology: { kind: 'mesh' }, consistency: { level: 'Strong' } })).toMatchObject({
      status: 200,
      json: { topology: { kind: 'mesh' }, consistency: { level: 'Strong' } },
    });
    for (let round = 3; round <= 10; round++) {
      await first.items.upsert({ id: 'x', pk: 'p', value: round });
      for (const view of views) expect(await value(view, 'x')).toBe(round);
    }
    expect((await change({ consistency: { level: 'Best' } })).status).toBe(400);
    expect((await change({ topology: { kind: 'chain' }, consistency: { level: 'Session' } })).status).toBe(
      200,
    );
    expect((await third.item('x', 'p').read()).requestCharge).toBe(1);
  });
});

describe('clocks', () => {
  const server = TestedServer.during();

  test.each(SDKS)(
    '@azure/cosmos $version: a region an hour ahead neither refuses nor wins',
    async ({ sdk }) => {
      const views = await viewsOf(server, sdk);
      const [first, second] = views as [Container, Container];
      const [one] = server.regions;
      await server.faults.add({ kind: 'skew', region: one?.name, ms: 3_600_000 });
      await server.faults.add({ kind: 'drift', region: one?.name, ppm: 200 });
      const { resource } = await first.items.upsert({ id: 'x', pk: 'p', value: 1 });
      expect(Math.abs((resource?._ts ?? 0) - Date.now() / 1000)).toBeLessThan(60);
      await server.faults.quiesce();
      expect(await value(second, 'x')).toBe(1);
    },
  );
});
