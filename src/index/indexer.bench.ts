import { bench, describe } from 'vitest';
import { compileIndexingPolicy } from './indexer.ts';

const indexer = compileIndexingPolicy({
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [{ path: '/"_etag"/?' }],
});

/** About 1 KB and 18 entries: an order with an address, tags and a note. */
const item = {
  id: 'order-000123456',
  customerId: 'customer-4711',
  status: 'shipped',
  total: 129.95,
  currency: 'EUR',
  paid: true,
  createdAt: '2024-05-17T09:30:00.000Z',
  address: { street: '12 Long Street', city: 'Springfield', zip: '12345', country: 'US' },
  tags: ['priority', 'gift', 'web'],
  note: 'n'.repeat(500),
  _rid: 'AbcdAJx4c3QBAAAAAAAAAA==',
  _self: 'dbs/AbcdAA==/colls/AbcdAJx4c3Q=/docs/AbcdAJx4c3QBAAAAAAAAAA==/',
  _etag: '"00007500-0000-0100-0000-5db702970000"',
  _attachments: 'attachments/',
  _ts: 1715938200,
};

describe('index terms of a 1 KB item', () => {
  bench(`${indexer.terms(item).length} terms`, () => {
    indexer.terms(item);
  });
});
