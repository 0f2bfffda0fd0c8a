import { describe, expect, test } from 'vitest';
import type { SourceItem } from '../query/index.ts';
import { DocumentCache } from './document-cache.ts';

const item = (number: number, bytes = 750): SourceItem => ({ number, text: Buffer.alloc(bytes), epk: 'AA' });

describe('items that queries read', () => {
  test('hold until a batch takes them in, for snapshots that are not older', () => {
    const documents = new DocumentCache(1e6).forPartition();
    documents.batches = 3;
    documents.keep(item(1), 3);
    documents.keep(item(2), 3);
    expect(documents.get(1, 3)?.number).toBe(1);
    expect(documents.get(1, 2), 'an older snapshot may lack it').toBeUndefined();
    documents.batches = 4;
    documents.drop(1);
    expect(documents.get(1, 4)).toBeUndefined();
    expect(documents.get(2, 4)?.number, 'the batch left it alone').toBe(2);
  });

  test('are not kept when a batch was begun since the snapshot: they may be what was before', () => {
    const documents = new DocumentCache(1e6).forPartition();
    documents.batches = 1;
    documents.keep(item(1), 0);
    expect(documents.get(1, 1)).toBeUndefined();
  });

  test('take no more room than there is, over all partitions; what was asked for last stays', () => {
    const cache = new DocumentCache(3_000);
    const [one, other] = [cache.forPartition(), cache.forPartition()];
    one.keep(item(1), 0);
    other.keep(item(1), 0);
    one.keep(item(2), 0);
    expect(one.get(1, 0)).toBeDefined();
    one.keep(item(3), 0);
    expect(other.get(1, 0), 'the coldest').toBeUndefined();
    expect([1, 2, 3].map((number) => one.get(number, 0)?.number)).toEqual([1, 2, 3]);
    expect(cache.bytes).toBe(3_000);
    one.clear();
    expect(cache.bytes).toBe(0);
  });
});
