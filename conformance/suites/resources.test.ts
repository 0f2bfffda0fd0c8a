import { describe, expect, test } from 'vitest';
import { connect, freshName, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  const client = () => connect(sdk, { endpoint: server.endpoint });

  test('the account names every region with an endpoint of its own', async () => {
    const { resource } = await client().getDatabaseAccount();
    const names = ['West US', 'North Europe', 'Southeast Asia'];
    expect(resource?.readableLocations.map((one) => one.name)).toEqual(names);
    expect(resource?.writableLocations.map((one) => one.name)).toEqual(names);
    const endpoints = resource?.readableLocations.map((one) => new URL(one.databaseAccountEndpoint).port);
    expect(endpoints).toEqual(server.regions.map((one) => new URL(one.endpoint).port));
    expect(resource?.enableMultipleWritableLocations).toBe(true);
    expect(resource?.consistencyPolicy).toBe('Session');
  });

  describe('databases', () => {
    test('create, read, list, query, delete', async () => {
      const id = freshName('crud');
      const created = await client().databases.create({ id });
      expect(created.statusCode).toBe(201);
      expect(created.resource).toMatchObject({
        id,
        _rid: expect.stringMatching(/^[A-Za-z0-9+-]{6}==$/),
        _self: `dbs/${created.resource?._rid}/`,
        _etag: expect.stringMatching(/^".+"$/),
        _ts: expect.any(Number),
      });
      expect(created.headers.etag).toBe(created.resource?._etag);
      const read = await created.database.read();
      expect(read.statusCode).toBe(200);
      expect(read.resource).toEqual(created.resource);
      const listed = await client().databases.readAll().fetchAll();
      expect(listed.resources).toContainEqual(created.resource);
      const query = {
        query: 'SELECT * FROM root r WHERE r.id = @id',
        parameters: [{ name: '@id', value: id }],
      };
      const queried = await client().databases.query(query).fetchAll();
      expect(queried.resources).toEqual([created.resource]);
      expect((await created.database.delete()).statusCode).toBe(204);
      expect(await refusal(created.database.read())).toMatchObject({ code: 404 });
    });

    test('a name is taken once, and a name made anew is another database', async () => {
      const first = await makeDatabase(client());
      expect(await refusal(client().databases.create({ id: first.id }))).toMatchObject({ code: 409 });
      const again = await client().databases.createIfNotExists({ id: first.id });
      expect(again.statusCode).toBe(200);
      const rid = again.resource?._rid;
      await first.delete();
      const remade = await client().databases.createIfNotExists({ id: first.id });
      expect(remade.statusCode).toBe(201);
      expect(remade.resource?._rid).not.toBe(rid);
    });

    test('what is not there is 404', async () => {
      const missing = client().database('nobody made this');
      expect(await refusal(missing.read())).toMatchObject({ code: 404 });
      expect(await refusal(missing.delete())).toMatchObject({ code: 404 });
      expect(await refusal(missing.containers.create({ id: 'c', partitionKey: '/pk' }))).toMatchObject({
        code: 404,
      });
    });

    test('ids with spaces, quotes and other scripts', async () => {
      for (const id of [`${freshName('a b')} '"%+&=`, `${freshName('世界')}é😀`]) {
        const { database } = await client().databases.create({ id });
        expect((await database.read()).resource?.id).toBe(id);
        expect((await database.delete()).statusCode).toBe(204);
      }
    });
  });

  describe('containers', () => {
    test('create, read, replace, list, query, delete, with every default filled in', async () => {
      const database = await makeDatabase(client());
      const id = freshName('c');
      const created = await database.containers.create({ id, partitionKey: { paths: ['/a/b'], version: 2 } });
      expect(created.statusCode).toBe(201);
      expect(created.resource).toMatchObject({
        id,
        partitionKey: { paths: ['/a/b'], kind: 'Hash', version: 2 },
        indexingPolicy: {
          indexingMode: 'consistent',
          automatic: true,
          includedPaths: [{ path: '/*' }],
          excludedPaths: [{ path: '/"_etag"/?' }],
        },
        conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: '/_ts' },
        geospatialConfig: { type: 'Geography' },
      });
      // The client keeps its session tokens by this rid, and ignores it unless it decodes to 8 bytes.
      const rid = String(created.resource?._rid).replaceAll('-', '/');
      expect(Buffer.from(rid, 'base64')).toHaveLength(8);
      expect(created.resource?._self).toMatch(/^dbs\/[^/]+\/colls\/[^/]+\/$/);
      const { container } = created;
      expect((await container.read()).resource).toEqual(created.resource);
      const replaced = await container.replace({ ...created.resource, id });
      expect(replaced.statusCode).toBe(200);
      expect(replaced.resource?.indexingPolicy).toEqual(created.resource?.indexingPolicy);
      expect(replaced.resource?._rid).toBe(created.resource?._rid);
      expect(replaced.resource?._etag).not.toBe(created.resource?._etag);
      const listed = await database.containers.readAll().fetchAll();
      expect(listed.resources.map((one) => one.id)).toEqual([id]);
      const queried = await database.containers
        .query({ query: `SELECT * FROM c WHERE c.id = '${id}'` })
        .fetchAll();
      expect(queried.resources).toHaveLength(1);
      expect((await container.delete()).statusCode).toBe(204);
      expect(await refusal(container.read())).toMatchObject({ code: 404 });
      expect(await refusal(container.items.create({ id: 'x' }))).toMatchObject({ code: 404 });
    });

    test('a name is taken once; made anew it is another, empty container', async () => {
      const database = await makeDatabase(client());
      const container = await makeContainer(database);
      const request = { id: container.id, partitionKey: '/pk' };
      expect(await refusal(database.containers.create(request))).toMatchObject({ code: 409 });
      await container.items.create({ id: 'old', pk: 'p' });
      const before = await container.read();
      await container.delete();
      const remade = await database.containers.create(request);
      expect(remade.resource?._rid).not.toBe(before.resource?._rid);
      expect((await remade.container.items.readAll().fetchAll()).resources).toEqual([]);
    });

    test('the partition key of a container cannot be changed', async () => {
      const container = await makeContainer(await makeDatabase(client()));
      const changed = container.replace({ id: container.id, partitionKey: { paths: ['/other'] } });
      expect(await refusal(changed)).toMatchObject({ code: 400 });
    });

    test.each(['pk', '/pk/', '/pk/*', ''])('partition key path %j is refused', async (path) => {
      const database = await makeDatabase(client());
      const create = () =>
        database.containers.create({ id: freshName('bad'), partitionKey: { paths: [path] } });
      // The client itself refuses some of them, without a code.
      await expect(create()).rejects.toThrow();
    });

    test('a deleted database takes its containers along', async () => {
      const database = await makeDatabase(client());
      const container = await makeContainer(database);
      await database.delete();
      expect(await refusal(container.read())).toMatchObject({ code: 404 });
    });
  });

  describe('offers', () => {
    test('every container has one; its throughput can be read and replaced', async () => {
      const container = await makeContainer(await makeDatabase(client()));
      const { resource: offer } = await container.readOffer();
      expect(offer).toMatchObject({
        offerVersion: 'V2',
        content: { offerThroughput: 400 },
        id: offer?._rid,
        _self: `offers/${offer?._rid}/`,
      });
      const { resource: definition } = await container.read();
      expect(offer).toMatchObject({ resource: definition?._self, offerResourceId: definition?._rid });
      const wanted = { ...offer, id: String(offer?.id), content: { offerThroughput: 1200 } };
      const replaced = await client()
        .offer(String(offer?.id))
        .replace(wanted as never);
      expect(replaced.statusCode).toBe(200);
      expect(replaced.resource?.content?.offerThroughput).toBe(1200);
      const { resource: after } = await container.readOffer();
      expect(after?.content?.offerThroughput).toBe(1200);
      const all = await client().offers.readAll().fetchAll();
      expect(all.resources.map((one) => one.id)).toContain(offer?.id);
    });

    test('a requested throughput decides the number of physical partitions', async () => {
      const database = await makeDatabase(client());
      const counts: number[] = [];
      for (const throughput of [400, 10_000, 10_100, 13_000, 25_000]) {
        const container = await makeContainer(database, { throughput });
        const { resources } = await container.readPartitionKeyRanges().fetchAll();
        const bounds = resources.flatMap((range) => [range.minInclusive, range.maxExclusive]);
        // Complete, without gaps: each range starts where the one before ends.
        expect(bounds[0]).toBe('');
        expect(bounds.at(-1)).toBe('FF');
        for (let at = 1; at + 1 < bounds.length; at += 2) expect(bounds[at]).toBe(bounds[at + 1]);
        expect(resources.every((range) => /^\d+$/.test(range.id))).toBe(true);
        counts.push(resources.length);
      }
      expect(counts).toEqual([1, 1, 2, 3, 5]);
    });

    test('throughput below the minimum is refused, and an offer goes with its container', async () => {
      const database = await makeDatabase(client());
      const tooLow = database.containers.create({
        id: freshName('low'),
        partitionKey: '/pk',
        throughput: 100,
      });
      expect(await refusal(tooLow)).toMatchObject({ code: 400 });
      const container = await makeContainer(database);
      const { resource } = await container.readOffer();
      await container.delete();
      expect(await refusal(client().offer(String(resource?.id)).read())).toMatchObject({ code: 404 });
    });

    test('autoscale throughput is kept', async () => {
      const database = await makeDatabase(client());
      const { container } = await database.containers.create({
        id: freshName('auto'),
        partitionKey: '/pk',
        maxThroughput: 4000,
      });
      const { resource } = await container.readOffer();
      expect(resource?.content?.offerAutopilotSettings).toMatchObject({ maxThroughput: 4000 });
    });
  });
});
