import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { normalizeContainer, parseRid, type Throughput } from '../resource/index.ts';
import { AccountView } from './account-view.ts';
import { applyCommand, offerMinimum } from './apply-command.ts';
import type { Command, CommandResult } from './command.ts';
import { initialAccountState } from './initial-state.ts';
import type { AccountState } from './state.ts';

const CONSISTENCY = { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 } as const;
const PLAN = {
  id: 'acct',
  regions: ['West US', 'North Europe'],
  multipleWriteRegions: true,
  consistency: CONSISTENCY,
};

const definition = (id: string, version = 2) =>
  normalizeContainer({ id, partitionKey: { paths: ['/k'], kind: 'Hash', version } });
const manual = (throughput: number): Throughput => ({ kind: 'manual', throughput });

/** An account that commands are given to, one second apart. */
class Account {
  state: AccountState = initialAccountState(PLAN);
  timeMs = Date.UTC(2024, 0, 1);

  do<C extends Command>(command: C): CommandResult<C> {
    this.timeMs += 1000;
    const { state, result } = applyCommand(this.state, command);
    this.state = state;
    return result;
  }

  database(id: string, throughput?: Throughput) {
    return this.do({ kind: 'createDatabase', id, throughput, timeMs: this.timeMs });
  }

  container(databaseRid: string, id: string, throughput?: Throughput) {
    return this.do({
      kind: 'createContainer',
      databaseRid,
      definition: definition(id),
      throughput,
      timeMs: this.timeMs,
    });
  }

  offer(resourceRid: string) {
    const offer = new AccountView(this.state).offerFor(resourceRid);
    if (offer === undefined) throw new Error('expected an offer');
    return offer;
  }
}

/** Runs a command that must be refused, and be without effect. */
function refuses(account: Account, code: string, run: () => unknown): void {
  const before = JSON.stringify(account.state);
  expect(run).toThrow(expect.objectContaining({ code }));
  expect(JSON.stringify(account.state)).toBe(before);
}

describe('an unused account', () => {
  test('gives each region an origin', () => {
    const state = initialAccountState(PLAN);
    expect(state.regions).toEqual([
      { name: 'West US', origin: 1 },
      { name: 'North Europe', origin: 2 },
    ]);
    expect(state.next.origin).toBe(3);
  });

  test.each([{ id: 'localhost' }, { id: '' }, { regions: [] }, { regions: ['A', 'A'] }])(
    'not with %j',
    (wrong) => {
      expect(() => initialAccountState({ ...PLAN, ...wrong })).toThrow(DatabaseError);
    },
  );
});

describe('databases', () => {
  test('have unlike rids and etags, and names in any case once', () => {
    const account = new Account();
    const [a, b] = [account.database('db'), account.database('DB')];
    expect(a.rid).not.toBe(b.rid);
    expect(a.etag).not.toBe(b.etag);
    expect(parseRid(a.rid)).toEqual({ kind: 'database', number: 1 });
    expect([a.ts, b.ts]).toEqual([Date.UTC(2024, 0, 1) / 1000, Date.UTC(2024, 0, 1) / 1000 + 1]);
    refuses(account, 'Conflict', () => account.database('db'));
    refuses(account, 'BadRequest', () => account.database('a/b'));
  });

  test('may be called like the rid of another', () => {
    const account = new Account();
    const a = account.database('a');
    const b = account.database(a.rid);
    const view = new AccountView(account.state);
    expect(view.findDatabase(a.rid), 'a name goes before a rid').toBe(b);
    expect(view.findDatabase('a')).toBe(a);
  });

  test('go with all that is in them, and come back under a new rid', () => {
    const account = new Account();
    const old = account.database('db', manual(500));
    account.container(old.rid, 'shared');
    account.container(old.rid, 'own', manual(400));
    const other = account.container(account.database('other').rid, 'c');
    account.do({ kind: 'deleteDatabase', rid: old.rid });
    expect(Object.keys(account.state.containers)).toEqual([other.rid]);
    expect(Object.values(account.state.offers).map(({ resourceRid }) => resourceRid)).toEqual([other.rid]);
    refuses(account, 'NotFound', () => account.do({ kind: 'deleteDatabase', rid: old.rid }));
    refuses(account, 'OwnerNotFound', () => account.container(old.rid, 'c'));
    expect(account.database('db').rid).not.toBe(old.rid);
  });

  test('are deleted only with the right etag, if one is named', () => {
    const account = new Account();
    const { rid, etag } = account.database('db');
    refuses(account, 'PreconditionFailed', () => account.do({ kind: 'deleteDatabase', rid, ifMatch: '"x"' }));
    account.do({ kind: 'deleteDatabase', rid, ifMatch: etag });
    expect(account.state.databases).toEqual({});
  });
});

describe('containers', () => {
  test('have ranges and partition numbers that are never used again', () => {
    const account = new Account();
    const { rid } = account.database('db');
    const a = account.container(rid, 'a', manual(12_000));
    account.do({ kind: 'deleteContainer', rid: a.rid });
    const b = account.container(rid, 'a');
    expect(a.partitions.map(({ id }) => id)).toEqual(['0', '1']);
    expect(a.partitions.map(({ number }) => number)).toEqual([2, 3]);
    expect(b.partitions).toEqual([{ id: '0', number: 4, range: { min: '', max: 'FF' }, parents: [] }]);
    expect(b.rid).not.toBe(a.rid);
    expect(parseRid(b.rid)).toEqual({ kind: 'container', database: rid, number: 2 });
  });

  test('keep names to themselves within their database', () => {
    const account = new Account();
    const [a, b] = [account.database('a'), account.database('b')];
    account.container(a.rid, 'c');
    refuses(account, 'Conflict', () => account.container(a.rid, 'c'));
    account.container(b.rid, 'c');
    account.container(a.rid, 'C');
    expect(Object.keys(account.state.containers)).toHaveLength(3);
  });

  test('have an offer, unless their database shares its own', () => {
    const account = new Account();
    const plain = account.database('plain');
    const shared = account.database('shared', manual(500));
    const offers = () => Object.values(account.state.offers);
    const a = account.container(plain.rid, 'a');
    expect(account.offer(a.rid).throughput).toEqual(manual(400));
    account.container(shared.rid, 'b');
    expect(offers().map(({ resourceRid }) => resourceRid)).toEqual([shared.rid, a.rid]);
    const c = account.container(shared.rid, 'c', { kind: 'autoscale', maxThroughput: 4000 });
    expect(account.offer(c.rid)).toMatchObject({ maxThroughputEverProvisioned: 4000 });
    expect(new Set(offers().map(({ rid }) => rid)).size).toBe(3);
    account.do({ kind: 'deleteContainer', rid: c.rid });
    expect(offers()).toHaveLength(2);
  });

  test('share a database’s throughput among 25 at most', () => {
    const account = new Account();
    const { rid } = account.database('db', manual(400));
    for (let n = 0; n < 25; n++) account.container(rid, `c${n}`);
    refuses(account, 'BadRequest', () => account.container(rid, 'c25'));
    account.container(rid, 'c25', manual(400));
    expect(Object.keys(account.state.containers)).toHaveLength(26);
  });

  test('are replaced under the same rid, with a new etag, only where they may change', () => {
    const account = new Account();
    const old = account.container(account.database('db').rid, 'c');
    const changed = { ...old.definition, defaultTtl: 60 };
    const replace = (ifMatch?: string, next = changed) =>
      account.do({
        kind: 'replaceContainer',
        rid: old.rid,
        definition: next,
        ifMatch,
        timeMs: account.timeMs,
      });
    refuses(account, 'PreconditionFailed', () => replace('"other"'));
    refuses(account, 'BadRequest', () => replace(old.etag, definition('c', 1) as typeof changed));
    const now = replace(old.etag);
    expect(now).toEqual({ ...old, definition: changed, etag: now.etag, ts: now.ts });
    expect(now.etag).not.toBe(old.etag);
    expect(new AccountView(account.state).findContainer('db', 'c')).toEqual(now);
    refuses(account, 'NotFound', () => account.do({ kind: 'deleteContainer', rid: 'constructor' }));
  });
});

describe('offers', () => {
  const setUp = (throughput: Throughput) => {
    const account = new Account();
    const container = account.container(account.database('db').rid, 'c', throughput);
    const offer = account.offer(container.rid);
    const replace = (next: Throughput, extra: { ifMatch?: string; storedGb?: number } = {}) =>
      account.do({
        kind: 'replaceOffer',
        rid: offer.rid,
        throughput: next,
        timeMs: account.timeMs,
        ...extra,
      });
    return { account, container, offer, replace };
  };

  test('remember the highest throughput, and fall no further than a hundredth of it', () => {
    const { account, offer, replace } = setUp(manual(400));
    expect(replace(manual(60_000)).maxThroughputEverProvisioned).toBe(60_000);
    refuses(account, 'BadRequest', () => replace(manual(500)));
    expect(replace(manual(600))).toMatchObject({ rid: offer.rid, maxThroughputEverProvisioned: 60_000 });
    expect(
      offerMinimum(new AccountView(account.state), account.offer(offer.resourceRid), { kind: 'manual' }),
    ).toBe(600);
  });

  test('fall no further than what is stored allows', () => {
    const { account, replace } = setUp(manual(1000));
    refuses(account, 'BadRequest', () => replace(manual(900), { storedGb: 901 }));
    expect(replace(manual(900), { storedGb: 900 }).throughput).toEqual(manual(900));
  });

  test('keep to the steps, and to the etag that is named', () => {
    const { account, offer, replace } = setUp({ kind: 'autoscale', maxThroughput: 4000 });
    refuses(account, 'BadRequest', () => replace({ kind: 'autoscale', maxThroughput: 4500 }));
    refuses(account, 'PreconditionFailed', () => replace(manual(400), { ifMatch: '"x"' }));
    expect(replace({ kind: 'autoscale', maxThroughput: 5000 }, { ifMatch: offer.etag }).etag).not.toBe(
      offer.etag,
    );
  });

  test('grow without new ranges', () => {
    const { account, container, replace } = setUp(manual(400));
    replace(manual(50_000));
    expect(account.state.containers[container.rid]).toBe(container);
  });
});

test('a region that lost its storage gets a new origin, and the epoch rises', () => {
  const account = new Account();
  account.database('db');
  const before = account.state;
  expect(account.do({ kind: 'renewOrigin', region: 'North Europe' })).toEqual({
    name: 'North Europe',
    origin: 3,
  });
  expect(account.do({ kind: 'renewOrigin', region: 'North Europe' })).toEqual({
    name: 'North Europe',
    origin: 4,
  });
  const { regions, retiredOrigins, epoch, databases } = account.state;
  expect(regions.map(({ origin }) => origin)).toEqual([1, 4]);
  expect(retiredOrigins).toEqual([2, 3]);
  expect(epoch).toBe(3);
  expect(databases, 'what did not change is shared').toBe(before.databases);
  refuses(account, 'NotFound', () => account.do({ kind: 'renewOrigin', region: 'Mars' }));
});

test('commands leave old states as they were, and give one outcome for one state', () => {
  const account = new Account();
  const { rid } = account.database('db');
  const { state } = account;
  const text = JSON.stringify(state);
  const command = {
    kind: 'createContainer',
    databaseRid: rid,
    definition: definition('c'),
    timeMs: 5,
  } as const;
  const once = applyCommand(state, command);
  applyCommand(once.state, { kind: 'deleteContainer', rid: once.result.rid });
  expect(JSON.stringify(state)).toBe(text);
  expect(applyCommand(state, command)).toEqual(once);
  expect(applyCommand(JSON.parse(text), command)).toEqual(once);
});

test('the view of a state that grew change by change finds what a fresh one finds', () => {
  const account = new Account();
  const { rid } = account.database('db', manual(400));
  for (let n = 0; n < 20; n++) {
    const made = account.container(rid, `c${n}`, n % 3 === 0 ? manual(400) : undefined);
    if (n % 4 === 0) account.do({ kind: 'deleteContainer', rid: made.rid });
  }
  const view = new AccountView(account.state);
  expect(view.containersOf(rid).map((each) => each.definition.id)).toEqual(
    Array.from({ length: 20 }, (_, n) => n)
      .filter((n) => n % 4 !== 0)
      .map((n) => `c${n}`),
  );
  for (const record of view.containersOf(rid)) {
    expect(view.findContainer('db', record.definition.id)).toBe(record);
    expect(view.findContainer(rid, record.rid)).toBe(record);
    refuses(account, 'Conflict', () => account.container(rid, record.definition.id));
  }
  for (const name of ['constructor', '__proto__', 'c0', ''])
    expect(view.findContainer('db', name)).toBeUndefined();
  expect(view.findDatabase('constructor')).toBeUndefined();
});
