import { describe, expect, test } from 'vitest';
import { makeFolder, PartitionNode } from '../../test/kit/partition-node.ts';
import { parseBody } from './dirty-item.ts';
import { decodeEntry } from './entry.ts';
import type { Intent } from './intent.ts';
import { itemKey } from './item-key.ts';

const NUMBER = 3;
const EPK = '0A';
const key = (id: string) => itemKey(EPK, id);

function put(item: Record<string, unknown>): Intent {
  return {
    kind: 'put',
    priority: undefined,
    render: ({ n, incarnation }) => ({ body: Buffer.from(JSON.stringify({ ...item, n, incarnation })) }),
  };
}

function open(origin: number, folder?: string): Promise<PartitionNode> {
  return PartitionNode.open({ number: NUMBER, origin, ...(folder === undefined ? {} : { folder }) });
}

function read({ partition }: PartitionNode, id: string): unknown {
  const visible = partition.lookup(key(id))?.visible;
  return visible && parseBody(visible.body);
}

describe('a transaction', () => {
  test('is one entry with one position, read whole or not at all', async () => {
    const node = await open(1);
    await node.partition.write(key('old'), () => put({ id: 'old' }));
    const transaction = node.partition.begin(EPK);
    expect(transaction.get(key('a'))).toBeUndefined();
    transaction.write(key('a'), put({ id: 'a', v: 1 }));
    transaction.write(key('b'), put({ id: 'b', v: 1 }));
    transaction.write(key('old'), { kind: 'delete' });
    expect(parseBody(transaction.get(key('a'))?.body ?? Buffer.from('{}'))).toMatchObject({ v: 1 });
    expect(transaction.get(key('old')), 'own deletes are seen').toBeUndefined();
    expect(read(node, 'a'), 'nothing shows before the commit').toBeUndefined();
    const { lsn, puts } = await transaction.commit();
    expect(lsn).toBe(2);
    expect([...puts.keys()]).toEqual([key('a'), key('b'), key('old')]);
    expect(read(node, 'a')).toMatchObject({ v: 1 });
    expect(read(node, 'old')).toBeUndefined();
    const [first, second] = await node.partition.read(1, 1 << 20);
    expect(decodeEntry(first ?? Buffer.alloc(0)).changes).toHaveLength(1);
    const { changes } = decodeEntry(second ?? Buffer.alloc(0));
    expect(changes.map(({ operation }) => [operation.kind, operation.dot.n])).toEqual([
      ['put', 2],
      ['put', 2],
      ['delete', 2],
    ]);
  });

  test('leaves only the last of several writes of an item', async () => {
    const node = await open(1);
    await node.partition.write(key('a'), () => put({ id: 'a', v: 1 }));
    const old = node.partition.lookup(key('a'))?.visible?.incarnation;
    const transaction = node.partition.begin(EPK);
    transaction.write(key('a'), put({ v: 2 }));
    transaction.write(key('a'), { kind: 'delete' });
    transaction.write(key('a'), put({ v: 3 }));
    transaction.write(key('a'), put({ v: 4 }));
    transaction.write(key('gone'), put({ v: 5 }));
    transaction.write(key('gone'), { kind: 'delete' });
    await transaction.commit();
    expect(read(node, 'a')).toMatchObject({ v: 4 });
    expect(node.partition.lookup(key('a'))?.visible?.incarnation, 'a new item').not.toBe(old);
    const entries = await node.partition.read(2, 1 << 20);
    const changes = entries.flatMap((bytes) => decodeEntry(bytes).changes);
    expect(changes.map(({ itemKey: name, operation }) => [name, operation.kind])).toEqual([
      [key('a'), 'delete'],
      [key('a'), 'put'],
    ]);
  });

  test('is the same in another region and after a crash', async () => {
    const folder = await makeFolder();
    const one = await open(1, folder);
    const two = await open(2);
    const transaction = one.partition.begin(EPK);
    for (let id = 0; id < 100; id++) transaction.write(key(`i${id}`), put({ id, text: 'x'.repeat(500) }));
    await transaction.commit();
    await two.partition.receive(await one.partition.read(1, 1 << 24));
    await one.crash();
    const again = await open(1, folder);
    for (let id = 0; id < 100; id++) {
      expect(read(two, `i${id}`)).toMatchObject({ id });
      expect(read(again, `i${id}`)).toEqual(read(two, `i${id}`));
    }
    expect(again.partition.applied.itemCount).toBe(100);
    expect(
      new Set(
        [...Array(100).keys()].map((id) => (read(two, `i${id}`) as { incarnation: number }).incarnation),
      ),
    ).toHaveProperty('size', 100);
  });

  test('is refused when what it read has changed, and stamped anew when something else has', async () => {
    const { partition } = await open(1);
    await partition.write(key('a'), () => put({ v: 1 }));
    const stale = partition.begin(EPK);
    stale.get(key('a'));
    stale.write(key('b'), put({ v: 1 }));
    const fine = partition.begin(EPK);
    fine.write(key('c'), put({ v: 1 }));
    await partition.write(key('a'), () => put({ v: 2 }));
    await expect(stale.commit()).rejects.toMatchObject({ code: 'RetryWith' });
    expect(partition.lookup(key('b'))).toBeUndefined();
    const { puts } = await fine.commit();
    const stored = puts.get(key('c'));
    expect(parseBody(stored?.body ?? Buffer.from('{}'))).toMatchObject({ n: 3 });
    expect(stored?.dot).toEqual({ origin: 1, n: 3 });
  });

  test('that is rolled back leaves nothing, and one without writes no entry', async () => {
    const { partition } = await open(1);
    const transaction = partition.begin(EPK);
    transaction.write(key('a'), put({ v: 1 }));
    await transaction.rollBack();
    const empty = partition.begin(EPK);
    empty.get(key('a'));
    await empty.commit();
    expect(partition.tail()).toBe(0);
    expect(partition.lookup(key('a'))).toBeUndefined();
  });

  test('is refused when it writes more than an entry holds, and nothing else is the worse for it', async () => {
    const { partition } = await open(1);
    const large = put({ text: 'x'.repeat(2 << 20) });
    const transaction = partition.begin(EPK);
    for (let id = 0; id < 7; id++) transaction.write(key(`i${id}`), large);
    // What is written again counts once, what is deleted does not count.
    transaction.write(key('i0'), large);
    transaction.write(key('i1'), { kind: 'delete' });
    transaction.write(key('i1'), large);
    expect(() => transaction.write(key('i7'), large)).toThrow('too large');
    await transaction.rollBack();
    await partition.write(key('a'), () => put({ v: 1 }));
    expect(partition.tail()).toBe(1);
  });

  test('is refused when the conflicts that it ends are more than an entry carries', async () => {
    const [one, two] = [await open(1), await open(2)];
    const ids = [...Array(10).keys()].map((n) => key(`i${n}`));
    const kept: Intent = { ...put({ text: 'x'.repeat(2 << 20) }), keeps: true } as Intent;
    for (const id of ids) {
      await one.partition.write(id, () => kept);
      await two.partition.write(id, () => kept);
    }
    for (let from = 1; from <= ids.length; from++)
      await one.partition.receive(await two.partition.read(from, 1));
    const before = one.partition.tail();
    const transaction = one.partition.begin(EPK);
    for (const id of ids) transaction.write(id, { kind: 'delete' });
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'RequestEntityTooLarge' });
    expect(one.partition.tail()).toBe(before);
    await one.partition.write(key('i0'), () => ({ kind: 'delete' }));
    expect(read(one, 'i0')).toBeUndefined();
    expect(one.partition.tail()).toBe(before + 1);
  });

  test('stays in its logical partition', async () => {
    const { partition } = await open(1);
    expect(() => partition.begin(EPK).get(itemKey('0B', 'a'))).toThrow('logical partition');
  });
});
