import { expect, test } from 'vitest';
import { EnginePlanet } from '../../test/kit/engine-planet.ts';

test('a container deleted while its writes are being fed takes nothing else down', async () => {
  const planet = await EnginePlanet.open({ syncMs: 5 });
  const a = planet.region(0);
  await a.engine.resources.createDatabase({ id: 'd' }, undefined);
  const body = (id: string) => ({ id, partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 } });
  const write = (container: string, id: string) =>
    a.items.create({
      path: { database: 'd', container },
      partitionKey: ['p'],
      body: Buffer.from(JSON.stringify({ id, pk: 'p' })),
    });
  await a.engine.resources.createContainer('d', body('stay'), undefined);
  for (let round = 0; round < 20; round++) {
    await a.engine.resources.createContainer('d', body('gone'), undefined);
    const writes = Array.from({ length: 300 }, (_, n) => write('gone', `${n}`).catch(() => undefined));
    await new Promise((resolve) => setTimeout(resolve, 3));
    await a.engine.resources.deleteContainer({ database: 'd', container: 'gone' });
    await Promise.all(writes);
  }
  expect(a.failures).toEqual([]);
  await write('stay', 'i');
  await a.host.drain();
  expect(a.host.memory().dirtyBytes).toBe(0);
  await planet.close();
});
