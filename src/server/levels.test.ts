import { afterEach, describe, expect, test } from 'vitest';
import { PATH, RegionPlanet, type RegionPlanetOptions } from '../../test/kit/region-planet.ts';

const bounds = { stalenessOperations: 100_000, stalenessSeconds: 300 };
const STRONG = { level: 'Strong', ...bounds } as const;

let planet: RegionPlanet;

async function open(options: RegionPlanetOptions): Promise<RegionPlanet> {
  planet = await RegionPlanet.open(options);
  return planet;
}

afterEach(async () => {
  await planet.close();
  expect(planet.failures).toEqual([]);
});

describe('Strong', () => {
  test('a write is answered when every region has it, and every region shows it then', async () => {
    await open({ consistency: STRONG, link: { delayMs: 50 } });
    const startMs = planet.runtime.elapsedMs;
    await planet.until(planet.write('A', 'x', 1));
    expect(planet.runtime.elapsedMs - startMs).toBeGreaterThanOrEqual(100);
    for (const name of planet.names) expect(await planet.until(planet.read(name, 'x'))).toBe(1);
  });

  test('a region that starts is not asked before it keeps count of what is committed', async () => {
    await open({ consistency: STRONG });
    planet.crash('A');
    const listens: string[] = [];
    await planet.start('A', { onListen: (address) => listens.push(address) });
    const { replication, forwarding } = planet.region('A').addresses;
    expect(listens).toEqual([replication, forwarding]);
  });

  test('nobody is shown a write that some region lacks, nor told that it is there', async () => {
    await open({ consistency: STRONG });
    planet.cut('A', 'C');
    const writing = planet.write('A', 'x', 1);
    await planet.run(500);
    const seen: unknown[] = [];
    const read = (name: string) => void planet.read(name, 'x').then((value) => seen.push(value));
    for (const name of ['A', 'B']) read(name);
    const creating = planet.refusal(
      planet.items('A').create({ path: PATH, partitionKey: ['p'], body: Buffer.from('{"id":"x","pk":"p"}') }),
    );
    await planet.run(200);
    expect(seen).toEqual([]);
    // C, which lacks it, holds a lease and may go on showing what was before.
    expect(await planet.until(planet.read('C', 'x'))).toBeUndefined();
    await planet.until(writing);
    expect(await creating).toBe('Conflict');
    await planet.run(500);
    expect(seen).toEqual([1, 1]);
  });

  test('the token of an answer names nothing that could still be lost', async () => {
    await open({ consistency: STRONG });
    await planet.until(planet.write('A', 'x', 1));
    const target = { path: PATH, partitionKey: ['p'], id: 'x' };
    const token = async (context: object) =>
      (await planet.until((async () => planet.items('A').read({ ...target, ...context }))())).sessionToken;
    const before = await token({});
    planet.cut('A', 'C');
    const writing = planet.write('A', 'y', 1);
    await planet.run(100);
    expect(await token({})).toBe(before);
    const shown = await token({ consistency: 'Session' });
    expect(shown).not.toBe(before);
    // A session that was shown it all the same does not go back.
    expect(await token({ sessionToken: shown })).toBe(shown);
    await planet.until(writing);
    expect(await token({})).toBe(shown);
  });

  test('a region that fell silent is waited for until its lease is over, and reads nothing by then', async () => {
    await open({ consistency: STRONG });
    await planet.until(planet.write('A', 'x', 1));
    planet.isolate('C');
    const startMs = planet.runtime.elapsedMs;
    await planet.until(planet.write('A', 'x', 2));
    expect(planet.runtime.elapsedMs - startMs).toBeGreaterThan(1_500);
    expect(planet.runtime.elapsedMs - startMs).toBeLessThan(4_000);
    expect(planet.directory.state.quorum.origins).toEqual([1, 2]);
    expect(await planet.refusal(planet.read('C', 'x'))).toBe('ServiceUnavailable');
    expect(planet.region('C').status().partitions[0]?.lease.held).toBe(false);
    planet.heal();
    await planet.run(6_000);
    expect(planet.directory.state.quorum.origins).toEqual([1, 2, 3]);
    expect(await planet.until(planet.read('C', 'x'))).toBe(2);
    expect(planet.region('C').status().partitions[0]?.lease.held).toBe(true);
  });

  test('of two regions none can be spared: the outcome of a write is unknown then, and it may come true', async () => {
    await open({ consistency: STRONG, regions: ['A', 'B'] });
    planet.isolate('B');
    expect(await planet.refusal(planet.write('A', 'x', 1))).toBe('RequestTimeout');
    expect(await planet.refusal(planet.read('A', 'x'))).toBe('RequestTimeout');
    planet.heal();
    await planet.run(5_000);
    expect(await planet.until(planet.read('B', 'x'))).toBe(1);
  });

  test('one region alone waits for nobody', async () => {
    await open({ consistency: STRONG, regions: ['A'] });
    await planet.until(planet.write('A', 'x', 1));
    expect(await planet.until(planet.read('A', 'x'))).toBe(1);
  });

  test('a write region that crashed shows nothing that the others may lack', async () => {
    await open({ consistency: STRONG });
    planet.cut('A', 'C');
    const writing = planet.refusal(planet.write('A', 'x', 1));
    await planet.run(100);
    planet.crash('A');
    void writing;
    await planet.start('A');
    const reading = planet.read('A', 'x');
    let answered: unknown = 'nothing';
    void reading.then((value) => {
      answered = value;
    });
    await planet.run(1_000);
    expect(answered).toBe('nothing');
    planet.heal();
    await planet.run(4_000);
    expect(answered).toBe(1);
  });

  test('reads cost double, weaker ones do not; a weaker one is answered without a lease', async () => {
    await open({ consistency: STRONG });
    await planet.until(planet.write('A', 'x', 1));
    const target = { path: PATH, partitionKey: ['p'], id: 'x' };
    const charge = async (context: object) =>
      (await planet.until((async () => planet.items('B').read({ ...target, ...context }))())).charge;
    expect(await charge({})).toBe(2);
    expect(await charge({ consistency: 'BoundedStaleness' })).toBe(2);
    expect(await charge({ consistency: 'Session' })).toBe(1);
    planet.isolate('B');
    await planet.run(5_000);
    expect(await planet.until(planet.read('B', 'x', { consistency: 'Eventual' }))).toBe(1);
    const query = { path: PATH, spec: { query: 'SELECT * FROM c', parameters: [] } };
    expect(await planet.refusal(planet.items('B').query(query))).toBe('ServiceUnavailable');
    planet.heal();
    await planet.run(5_000);
    const page = await planet.until(planet.items('B').query(query));
    expect(page.rows).toHaveLength(1);
  });

  test('the level can be changed while requests come', async () => {
    await open({ consistency: { level: 'Session', ...bounds }, link: { delayMs: 50 } });
    await planet.until(planet.write('A', 'x', 1));
    const change = (level: 'Strong' | 'Eventual') =>
      planet.until(
        planet.directory.execute({ kind: 'changeConsistency', consistency: { level, ...bounds } }),
      );
    await change('Strong');
    await planet.run(2_000);
    await planet.until(planet.write('A', 'x', 2));
    for (const name of planet.names) expect(await planet.until(planet.read(name, 'x'))).toBe(2);
    planet.isolate('C');
    const writing = planet.write('A', 'x', 3);
    await planet.run(100);
    await change('Eventual');
    await planet.until(writing);
    expect(await planet.until(planet.read('C', 'x'))).toBe(2);
  });

  test('a write region that lost its disk vouches for nothing before it knows what it had answered', async () => {
    await open({ consistency: STRONG });
    planet.isolate('C');
    await planet.until(planet.write('A', 'x', 1));
    expect(planet.directory.state.quorum.origins).toEqual([1, 2]);
    planet.crash('A');
    await planet.wipe('A');
    planet.heal();
    planet.cut('A', 'B');
    await planet.start('A', { awaitsAdmission: true });
    await planet.run(10_000);
    // C keeps step with A, which has nothing; but C must not come to speak for what it lacks.
    expect(planet.directory.state.quorum.origins).toEqual([4, 2]);
    for (const name of ['B', 'C'])
      expect(await planet.refusal(planet.read(name, 'x'))).toBe('ServiceUnavailable');
    planet.heal();
    await planet.run(3_000);
    planet.region('A').admit();
    await planet.run(5_000);
    for (const name of planet.names) expect(await planet.until(planet.read(name, 'x'))).toBe(1);
    expect(planet.directory.state.quorum.origins).toEqual([4, 2, 3]);
  });

  test('is refused with several write regions', async () => {
    await expect(RegionPlanet.open({ consistency: STRONG, multipleWriteRegions: true })).rejects.toThrow(
      /several write regions/,
    );
    await open({ multipleWriteRegions: true });
    const command = { kind: 'changeConsistency', consistency: STRONG } as const;
    expect(await planet.refusal(planet.directory.execute(command))).toBe('BadRequest');
  });
});

describe('BoundedStaleness', () => {
  const bounded = (operations: number, seconds: number) =>
    ({ level: 'BoundedStaleness', stalenessOperations: operations, stalenessSeconds: seconds }) as const;

  test('the origin refuses what would leave a region more than K operations behind', async () => {
    await open({ consistency: bounded(5, 300) });
    planet.isolate('C');
    for (let value = 1; value <= 5; value++) await planet.until(planet.write('A', 'x', value));
    expect(await planet.refusal(planet.write('A', 'x', 6))).toBe('StalenessBoundReached');
    planet.heal();
    await planet.run(5_000);
    await planet.until(planet.write('A', 'x', 6));
  });

  test('and after T seconds; the region that is behind reads no longer than that', async () => {
    await open({ consistency: bounded(100_000, 10) });
    await planet.until(planet.write('A', 'x', 1));
    await planet.run(1_000);
    planet.isolate('C');
    const cutAtMs = planet.runtime.elapsedMs;
    await planet.until(planet.write('A', 'x', 2));
    const ages: number[] = [];
    for (let second = 0; second < 12; second++) {
      const refused = await planet.refusal(planet.read('C', 'x'));
      if (refused === undefined) ages.push(planet.runtime.elapsedMs - cutAtMs);
      await planet.run(1_000);
    }
    expect(Math.max(...ages)).toBeGreaterThan(3_000);
    expect(Math.max(...ages)).toBeLessThan(10_000);
    expect(await planet.refusal(planet.write('A', 'x', 3))).toBe('StalenessBoundReached');
    planet.heal();
    await planet.run(5_000);
    await planet.until(planet.write('A', 'x', 3));
    await planet.run(200);
    expect(await planet.until(planet.read('C', 'x'))).toBe(3);
  });

  test('with several write regions each is held back by the slowest of the others', async () => {
    await open({ consistency: bounded(3, 300), multipleWriteRegions: true });
    planet.isolate('C');
    for (const name of planet.names) {
      for (let value = 1; value <= 3; value++)
        await planet.until(planet.write(name, `${name}${value}`, value));
      expect(await planet.refusal(planet.write(name, 'more', 4))).toBe('StalenessBoundReached');
    }
    planet.heal();
    await planet.run(5_000);
    for (const name of planet.names) await planet.until(planet.write(name, 'more', 4));
  });

  test('a region without a lease asks one that has its own', async () => {
    await open({ consistency: bounded(100_000, 4) });
    planet.cut('A', 'C');
    await planet.until(planet.write('A', 'x', 1));
    await planet.run(6_000);
    // B relays the data, but only A can give the lease; and B may still ask A.
    expect(await planet.until(planet.read('C', 'x'))).toBe(1);
    expect(planet.region('C').status().partitions[0]?.lease.held).toBe(false);
  });
});

test('an operation that cannot end is answered in time all the same', async () => {
  await open({ consistency: STRONG, regions: ['A', 'B'], operationTimeoutMs: 700 });
  planet.isolate('B');
  const startMs = planet.runtime.elapsedMs;
  expect(await planet.refusal(planet.write('A', 'x', 1))).toBe('RequestTimeout');
  expect(planet.runtime.elapsedMs - startMs).toBeLessThan(900);
});

describe('session tokens', () => {
  test('of writes that were lost with their region are refused at once, for ever', async () => {
    await open({ multipleWriteRegions: true });
    await planet.until(planet.write('A', 'x', 'kept'));
    await planet.run(1_000);
    planet.isolate('A');
    const { sessionToken } = await planet.until(planet.write('A', 'x', 'lost'));
    planet.crash('A');
    const read = (name: string) => planet.refusal(planet.read(name, 'x', { sessionToken }));
    const patientMs = planet.runtime.elapsedMs;
    // While A may come back it is waited for, and asked.
    expect(await read('B')).toBe('ReadSessionNotAvailable');
    expect(planet.runtime.elapsedMs - patientMs).toBeGreaterThan(900);
    await planet.wipe('A');
    planet.heal();
    await planet.start('A');
    await planet.run(3_000);
    for (const name of planet.names) {
      const startMs = planet.runtime.elapsedMs;
      expect(await read(name)).toBe('ReadSessionNotAvailable');
      expect(planet.runtime.elapsedMs - startMs).toBeLessThan(100);
      // The new life has written more than the lost one had: that makes no old token good.
      for (let value = 0; value < 3; value++) await planet.until(planet.write('A', 'y', value));
    }
    const fresh = await planet.until(planet.write('A', 'x', 'new'));
    expect(fresh.sessionToken.split('#')).toContain('1=1');
    expect(await planet.until(planet.read('B', 'x', { sessionToken: fresh.sessionToken }))).toBe('new');
  });

  test('are ignored by writes of an account with one write region', async () => {
    await open({ multipleWriteRegions: false });
    const body = Buffer.from('{"id":"x","pk":"p","value":1}');
    const write = { path: PATH, partitionKey: ['p'], body, sessionToken: '0:1#900#1=900' };
    expect((await planet.until(planet.items('A').upsert(write))).status).toBe(201);
  });
});
