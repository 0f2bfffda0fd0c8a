import type { Container } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

const server = TestedServer.during();

// How failures look through the official client: code, name in the body, and a message that can be read.
describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let container: Container;

  beforeAll(async () => {
    container = await makeContainer(await makeDatabase(connect(sdk, { endpoint: server.endpoint })));
    await container.items.create({ id: 'here', pk: 'p' });
  });

  test.each<[number, string, () => Promise<unknown>]>([
    [400, 'BadRequest', () => container.items.query('SELECT FROM').fetchAll()],
    [400, 'BadRequest', () => container.item('here', 'p').replace({ id: 'other', pk: 'p' })],
    [404, 'NotFound', () => container.item('absent', 'p').delete()],
    [404, 'NotFound', () => container.database.container('absent').items.create({ id: 'x', pk: 'p' })],
    [409, 'Conflict', () => container.items.create({ id: 'here', pk: 'p' })],
    [
      412,
      'PreconditionFailed',
      () =>
        container.item('here', 'p').delete({ accessCondition: { type: 'IfMatch', condition: '"stale"' } }),
    ],
    [
      413,
      'RequestEntityTooLarge',
      () => container.items.create({ id: 'big', pk: 'p', filler: 'x'.repeat(2_200_000) }),
    ],
  ])('%i %s', async (code, name, call) => {
    const failure = await refusal(call());
    expect(failure).toMatchObject({ code, name });
    expect(failure.message).toMatch(/\S/);
  });

  test('a wrong key is 401 at once', async () => {
    const key = Buffer.from('y'.repeat(64)).toString('base64');
    const stranger = connect(sdk, { endpoint: server.endpoint, key });
    expect(await refusal(stranger.databases.readAll().fetchAll())).toMatchObject({ code: 401 });
  });

  test('no key at all is 401', async () => {
    const stranger = new sdk.CosmosClient({ endpoint: server.endpoint });
    expect(await refusal(stranger.database('x').read())).toMatchObject({ code: 401 });
  });

  test('a client that wants more consistency than the account has is refused with 400', async () => {
    const client = connect(sdk, { endpoint: server.endpoint, consistencyLevel: 'Strong' });
    const strong = client.database(container.database.id).container(container.id);
    expect(await refusal(strong.item('here', 'p').read())).toMatchObject({ code: 400 });
  });

  test('a refused write leaves no trace', async () => {
    const before = await container.items.query('SELECT * FROM c').fetchAll();
    await refusal(container.items.create({ id: 'here', pk: 'p', changed: true }));
    await refusal(container.item('here', 'p').replace({ id: 'other', pk: 'p' }));
    const after = await container.items.query('SELECT * FROM c').fetchAll();
    expect(after.resources).toEqual(before.resources);
  });
});
