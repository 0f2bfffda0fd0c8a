import { afterEach, describe, expect, test, vi } from 'vitest';
import type * as Causality from '../../src/causality/index.ts';
import type { Log } from '../../src/log/index.ts';
import type * as Merge from '../../src/merge/index.ts';
import type { Claim, ItemOperation, ItemState } from '../../src/merge/index.ts';
import type { Store } from '../../src/store/index.ts';
import type { ProductPlanetOptions } from './product-planet.ts';
import type { RegionUnderTest } from './region-under-test.ts';
import type { PlanetContext } from './simulation.ts';
import type { Swarm } from './swarm.ts';
import type { Violation } from './violations.ts';

/*
 * The product with one fault planted in it, over the same seeds as ever: a simulation that lets it pass is
 * blind to that kind of fault. Faults are planted in the faces of modules, so that the product's code stays
 * as it is.
 */

const SEEDS_MAX = 200;

afterEach(() => {
  vi.resetModules();
  vi.doUnmock('../../src/merge/index.ts');
  vi.doUnmock('../../src/causality/index.ts');
  vi.doUnmock('../../src/replication/pull-session.ts');
  vi.doUnmock('../../src/replication/causal-buffer.ts');
  vi.doUnmock('../../src/replication/lease-holder.ts');
  vi.doUnmock('../../src/partition/partition.ts');
  vi.doUnmock('../../src/engine/merge-procedure.ts');
  vi.doUnmock('../../src/partition/expiry.ts');
  vi.doUnmock('../../src/partition/delivery.ts');
  vi.doUnmock('../../src/partition/casualties.ts');
  vi.doUnmock('../../src/replication/told-writes.ts');
  vi.doUnmock('../../src/replication/reports.ts');
  vi.doUnmock('../../src/partition/horizon.ts');
});

/** Older disks come back often. */
const aged = (swarm: Swarm): Swarm => ({
  ...swarm,
  faults: new Map([...swarm.faults, ['oldDisk', 3_000], ['crash', 8_000]]),
});

function plantForgetfulness({ takesIn }: { readonly takesIn: boolean }): void {
  vi.doMock('../../src/replication/reports.ts', async (original) => {
    const { Reports, ...others } = await original<{ Reports: new () => object }>();
    const { VersionVector } = await import('../../src/causality/index.ts');
    return {
      ...others,
      Reports: class extends Reports {
        known() {
          return new VersionVector();
        }
      },
    };
  });
  vi.doMock('../../src/partition/horizon.ts', async (original) => {
    const { CollectionHorizon, ...others } = await original<{ CollectionHorizon: { prototype: object } }>();
    // In place, since it loads itself.
    const planted = takesIn
      ? { knownOf: () => undefined, admit: () => undefined }
      : { knownOf: () => undefined };
    Object.assign(CollectionHorizon.prototype, planted);
    return { ...others, CollectionHorizon };
  });
}

/** Runs seeds until one fails; its first violation. */
async function firstViolation(
  options: ProductPlanetOptions = {},
  seedsMax = SEEDS_MAX,
  adjust: (swarm: Swarm) => Swarm = (swarm) => swarm,
): Promise<Violation | undefined> {
  vi.resetModules();
  const { simulate } = await import('./simulation.ts');
  const { makeProductPlanet } = await import('./product-planet.ts');
  for (let seed = 0; seed < seedsMax; seed++) {
    const makePlanet = (context: PlanetContext) => makeProductPlanet(context, options);
    const result = await simulate({ seed, makePlanet, adjust });
    const [violation] = result.violations;
    if (violation !== undefined) return violation;
  }
  return undefined;
}

async function expectFound(options?: ProductPlanetOptions, adjust?: (swarm: Swarm) => Swarm): Promise<void> {
  expect(
    await firstViolation(options, SEEDS_MAX, adjust),
    `${SEEDS_MAX} seeds did not find it`,
  ).toBeDefined();
}

test('nothing planted, nothing found', async () => {
  expect(await firstViolation({}, 10)).toBeUndefined();
});

function plantInMerge(change: (merge: typeof Merge) => Partial<typeof Merge>): void {
  vi.doMock('../../src/merge/index.ts', async (original) => {
    const merge = await original<typeof Merge>();
    return { ...merge, ...change(merge) };
  });
}

function plantInCausality(change: (causality: typeof Causality) => Partial<typeof Causality>): void {
  vi.doMock('../../src/causality/index.ts', async (original) => {
    const causality = await original<typeof Causality>();
    return { ...causality, ...change(causality) };
  });
}

describe('in merge', () => {
  test('the winner is decided on arrival', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state: ItemState, operation: ItemOperation) => {
        const next = applyOperation(state, operation);
        return { siblings: next.siblings.slice(0, 1), dead: next.dead };
      },
    }));
    await expectFound();
  });

  test('losers are dropped before they are stable', async () => {
    plantInMerge(({ collect }) => ({
      collect: (state, isStable) =>
        collect({ siblings: state.siblings.slice(0, 1), dead: state.dead }, isStable),
    }));
    await expectFound();
  });

  test('a delete ends what its origin saw, and nothing else', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state, operation) =>
        applyOperation(state, operation.kind === 'delete' ? { ...operation, incarnations: [] } : operation),
    }));
    await expectFound();
  });

  test('a put of a dead incarnation is ignored altogether', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state, operation) => {
        const isDead =
          operation.kind === 'put' && state.dead.some((mark) => mark.incarnation === operation.incarnation);
        return isDead ? state : applyOperation(state, operation);
      },
    }));
    await expectFound();
  });

  test('marks of the dead are dropped, stable or not', async () => {
    plantInMerge(({ collect }) => ({
      collect: (state, isStable) => collect({ siblings: state.siblings, dead: [] }, isStable),
    }));
    await expectFound();
  });

  test('winners are found by whole seconds, then by arrival', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state, operation) => {
        const { siblings, dead } = applyOperation(state, operation);
        const second = (time: number) => Math.floor(time / 4_096_000);
        return {
          siblings: [...siblings].sort((a, b) => second(b.time) - second(a.time) || a.dot.n - b.dot.n),
          dead,
        };
      },
    }));
    await expectFound();
  });

  test('a restart forgets losers and marks', async () => {
    plantInMerge(({ decodeItemState }) => ({
      decodeItemState: (reader, visibleBody) => {
        const { siblings } = decodeItemState(reader, visibleBody);
        return { siblings: siblings.slice(0, 1), dead: [] };
      },
    }));
    await expectFound();
  });
});

describe('in causality', () => {
  test('stable is what all members reported, whatever is still under way', async () => {
    plantInCausality(({ StabilityTracker, VersionVector }) => {
      const limitless = new VersionVector(Array.from({ length: 100 }, (_, place) => [place + 1, 1e9]));
      return {
        StabilityTracker: class extends StabilityTracker {
          override stable(applied: Causality.VersionVector) {
            return super.stable(limitless).meet(applied);
          }
        },
      };
    });
    await expectFound();
  });

  test('the hybrid clock ignores what it receives', async () => {
    plantInCausality(({ HybridClock }) => ({
      HybridClock: class extends HybridClock {
        override observe(): boolean {
          return true;
        }
      },
    }));
    await expectFound();
  });

  test('session tokens are ignored', async () => {
    plantInCausality(() => ({ parseSessionTokens: () => undefined }));
    await expectFound();
  });
});

describe('in replication', () => {
  test('each region passes on its own entries only', async () => {
    type Session = new (options: { source: { origin: number } }, positions: unknown) => object;
    vi.doMock('../../src/replication/pull-session.ts', async (original) => {
      const { PullSession, ...others } = await original<{ PullSession: Session }>();
      return {
        ...others,
        PullSession: class extends PullSession {
          constructor(options: ConstructorParameters<Session>[0], positions: unknown) {
            super(Object.assign({}, options, { wants: [options.source.origin] }), positions);
          }
          want(): void {}
        },
      };
    });
    await expectFound();
  });
});

describe('in delivery and membership', () => {
  test('entries are delivered without what they saw', async () => {
    type Offer = (bytes: Uint8Array, head: { context: unknown }, owner: unknown, nowMs: number) => boolean;
    vi.doMock('../../src/replication/causal-buffer.ts', async (original) => {
      const { CausalBuffer, ...others } = await original<{
        CausalBuffer: new (applied: unknown) => { offer: Offer };
      }>();
      const { VersionVector } = await import('../../src/causality/index.ts');
      return {
        ...others,
        CausalBuffer: class extends CausalBuffer {
          override offer: Offer = (bytes, head, owner, nowMs) =>
            CausalBuffer.prototype.offer.call(
              this,
              bytes,
              { ...head, context: new VersionVector() },
              owner,
              nowMs,
            );
        },
      };
    });
    await expectFound();
  });

  test('who reads is not kept waiting for what is not durable yet', async () => {
    vi.doMock('../../src/partition/partition.ts', async (original) => {
      const { Partition, ...others } = await original<{ Partition: new (options: unknown) => object }>();
      return {
        ...others,
        Partition: class extends Partition {
          settled(): undefined {}
        },
      };
    });
    await expectFound();
  });

  test('read leases never end', async () => {
    vi.doMock('../../src/replication/lease-holder.ts', async (original) => {
      const { LeaseHolder, ...others } = await original<{ LeaseHolder: new () => object }>();
      return {
        ...others,
        LeaseHolder: class extends LeaseHolder {
          get untilMs(): number {
            return Number.POSITIVE_INFINITY;
          }
        },
      };
    });
    const strong = (swarm: Swarm): Swarm => ({
      ...swarm,
      account: 'strong',
      leavesLinksCut: false,
      mix: { ...swarm.mix, delete: 0 },
    });
    await expectFound({}, strong);
  });

  test('tokens say the same version whatever the members are', async () => {
    plantInCausality(({ formatSessionToken }) => ({
      formatSessionToken: (rangeId, token, origins) =>
        formatSessionToken(rangeId, { ...token, version: 1 }, origins),
    }));
    await expectFound();
  });

  test('writes do not ask which version they replace', async () => {
    const wrapRegion = (region: RegionUnderTest): RegionUnderTest =>
      wrapped(region, { call: (request) => region.call({ ...request, ifMatch: undefined }) });
    const single = (swarm: Swarm): Swarm => ({ ...swarm, account: 'single', withIfMatch: 0.3 });
    await expectFound({ wrapRegion }, single);
  });

  test('what a transaction reads is not of the moment at which it writes', async () => {
    const wrapRegion = (region: RegionUnderTest): RegionUnderTest =>
      wrapped(region, {
        batch: async (requests) => {
          const isRead = ({ kind }: (typeof requests)[number]) => kind === 'read';
          const [reads, writes] = [requests.filter(isRead), requests.filter((one) => !isRead(one))];
          const batch = async (some: typeof requests) => (await region.batch?.(some)) ?? [];
          const found = await batch(reads);
          return [...found, ...(writes.length > 0 ? await batch(writes) : [])];
        },
      });
    const listed = (swarm: Swarm): Swarm => ({
      ...swarm,
      ...{ account: 'single', conflicts: 'lastWriter', uniqueValues: 0, defaultTtl: undefined },
      ...{ withLists: 0.5, withBatch: 0 },
    });
    const violation = await firstViolation({ wrapRegion }, SEEDS_MAX, listed);
    expect(violation?.invariant).toBe('transactions on lists are serializable');
  });

  test('an entry that comes twice is received twice', async () => {
    type Deliverable = (applied: unknown, entries: readonly Uint8Array[]) => readonly unknown[];
    vi.doMock('../../src/partition/delivery.ts', async (original) => {
      const { deliverable, ...others } = await original<{ deliverable: Deliverable }>();
      const twice: Deliverable = (...call) => deliverable(...call).flatMap((entry) => [entry, entry]);
      return { ...others, deliverable: twice };
    });
    await expectFound();
  });

  test('a region with an empty disk answers before it has caught up', async () => {
    await expectFound({ admitsAtOnce: true });
  });

  test('a region with an empty disk goes on under its old origin', async () => {
    await expectFound({ keepsOrigins: true });
  });

  test('nobody remembers what others had, and a region does not mind who has unknown writes of it', async () => {
    plantForgetfulness({ takesIn: false });
    vi.doMock('../../src/replication/told-writes.ts', async (original) => {
      const { ToldWrites, ...others } = await original<{ ToldWrites: new (self: number) => object }>();
      return {
        ...others,
        ToldWrites: class extends ToldWrites {
          problem(): undefined {}
        },
      };
    });
    await expectFound({}, aged);
  });

  test('a region does not mind that others know it to have had more', async () => {
    vi.doMock('../../src/replication/told-writes.ts', async (original) => ({
      ...(await original<object>()),
      lossOf: () => undefined,
    }));
    await expectFound({}, aged);
  });

  test('nobody remembers what others had, and views take in what they have forgotten too much for', async () => {
    plantForgetfulness({ takesIn: true });
    await expectFound({}, aged);
  });

  test('nobody remembers what others had: nothing is found, for views are made anew', async () => {
    plantForgetfulness({ takesIn: false });
    expect(await firstViolation({}, 30, aged)).toBeUndefined();
  });

  test('increments are overwritten', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state, operation) =>
        applyOperation(
          state,
          operation.kind === 'put' && operation.patch !== undefined
            ? { ...operation, patch: undefined }
            : operation,
        ),
    }));
    await expectFound();
  });
});

describe('in unique keys', () => {
  const unique = (swarm: Swarm): Swarm => ({ ...swarm, account: 'multi', uniqueValues: 4 });

  test('nothing planted, nothing found', async () => {
    expect(await firstViolation({}, 10, unique)).toBeUndefined();
  });

  test('items that lost their values stay visible', async () => {
    plantInMerge(() => ({ losingClaims: () => new Set<string>() }));
    await expectFound({}, unique);
  });

  test('items lose to items that have lost themselves', async () => {
    plantInMerge(({ losingClaims }) => ({
      losingClaims: (claims) => {
        const loses = ({ key }: Claim, pair: readonly Claim[]) => losingClaims(pair).has(key);
        const losers = claims.filter((one) => claims.some((other) => loses(one, [one, other])));
        return new Set(losers.map(({ key }) => key));
      },
    }));
    await expectFound({}, unique);
  });

  test('what was seen to lose comes back with the next write', async () => {
    vi.doMock('../../src/partition/casualties.ts', async (original) => ({
      ...(await original<object>()),
      endSuppressedBy: () => undefined,
      casualtiesOf: () => [],
    }));
    await expectFound({}, unique);
  });

  test('the store has no claims', async () => {
    const wrapStore = (store: Store): Store =>
      wrapped(store, { get: (key) => (key[4] === 'q'.charCodeAt(0) ? undefined : store.get(key)) });
    await expectFound({ wrapStore }, unique);
  });
});

describe('in the time to live', () => {
  const timed = (swarm: Swarm): Swarm => ({
    ...swarm,
    ...{ account: 'multi', conflicts: 'lastWriter', uniqueValues: 0, defaultTtl: 3, skewMsMax: 50 },
    withCount: 0,
    skewMs: swarm.skewMs.map(() => 50),
  });

  test('nothing planted, nothing found', async () => {
    expect(await firstViolation({}, 10, timed)).toBeUndefined();
  });

  test('items are shown after their time', async () => {
    type Rule = new (nowMs: () => number) => object;
    vi.doMock('../../src/partition/expiry.ts', async (original) => {
      const { ExpiryRule, ...others } = await original<{ ExpiryRule: Rule }>();
      return {
        ...others,
        ExpiryRule: class extends ExpiryRule {
          shown(visible: unknown): unknown {
            return visible;
          }
        },
      };
    });
    await expectFound({}, timed);
  });

  test('what has expired is taken away whatever others wrote meanwhile', async () => {
    plantInMerge(({ applyOperation }) => ({
      applyOperation: (state, operation) => {
        const incarnations = state.siblings.map(({ incarnation }) => incarnation);
        const isExpiry = operation.kind === 'expire' && incarnations.length > 0;
        return applyOperation(state, isExpiry ? { ...operation, kind: 'delete', incarnations } : operation);
      },
    }));
    await expectFound({}, timed);
  });
});

describe('in conflicts for people and procedures', () => {
  const decided =
    (conflicts: Swarm['conflicts']) =>
    (swarm: Swarm): Swarm => ({ ...swarm, account: 'multi', uniqueValues: 0, conflicts, withSettle: 0.05 });

  test.each(['feed', 'procedure'] as const)('%s: nothing planted, nothing found', async (conflicts) => {
    const unique = (swarm: Swarm): Swarm => ({ ...decided(conflicts)(swarm), uniqueValues: 4 });
    for (const adjust of [decided(conflicts), unique]) {
      expect(await firstViolation({}, 10, adjust)).toBeUndefined();
    }
  });

  test('a write forgets what its origin saw lose', async () => {
    plantInMerge(() => ({ losersOf: () => [] }));
    await expectFound({}, decided('feed'));
  });

  test('what gives way for its unique values has not lost', async () => {
    plantInMerge(({ losersOf }) => ({ losersOf: (state) => losersOf(state) }));
    const rivals = (swarm: Swarm): Swarm => ({ ...decided('feed')(swarm), uniqueValues: 3 });
    await expectFound({}, (swarm) => ({ ...rivals(swarm), defaultTtl: undefined }));
  });

  test('a restart forgets conflicts, and that they were for people', async () => {
    plantInMerge(({ decodeItemState }) => ({
      decodeItemState: (reader, visibleBody) => ({
        ...decodeItemState(reader, visibleBody),
        conflicts: undefined,
        referred: undefined,
      }),
    }));
    await expectFound({}, decided('procedure'));
  });

  test('marks of conflicts that were dealt with are dropped, stable or not', async () => {
    plantInMerge(({ collect }) => ({
      collect: (state, isStable) => collect({ ...state, settled: undefined }, isStable),
    }));
    await expectFound({}, decided('feed'));
  });

  test('a merge procedure runs twice', async () => {
    type Run = (options: unknown, conflict: unknown, procedure: unknown, mayDecide: () => boolean) => unknown;
    vi.doMock('../../src/engine/merge-procedure.ts', async (original) => {
      const { runMergeProcedure, ...others } = await original<{ runMergeProcedure: Run }>();
      const run: Run = async (options, conflict, procedure) => {
        await runMergeProcedure(options, conflict, procedure, () => true);
        return runMergeProcedure(options, conflict, procedure, () => true);
      };
      return { ...others, runMergeProcedure: run };
    });
    await expectFound({}, decided('procedure'));
  });

  test('a merge procedure that throws over what has changed meanwhile is believed', async () => {
    vi.doMock('../../src/partition/transaction.ts', async (original) => {
      const { Transaction, ...others } = await original<{ Transaction: { prototype: object } }>();
      Object.defineProperty(Transaction.prototype, 'isOutdated', { get: () => false });
      return { ...others, Transaction };
    });
    await expectFound({}, decided('procedure'));
  });
});

describe('below', () => {
  test('the log acknowledges before it is durable', async () => {
    const wrapLog = (log: Log): Log =>
      wrapped(log, {
        append: (partition, expectedTail, entries) => {
          void log.append(partition, expectedTail, entries);
          return Promise.resolve(expectedTail + entries.length);
        },
      });
    await expectFound({ wrapLog });
  });

  test('the store keeps its position and loses an item', async () => {
    let batches = 0;
    const wrapStore = (store: Store): Store =>
      wrapped(store, {
        batch: () => {
          const batch = store.batch();
          let isLosing = ++batches % 5 === 0;
          const set: typeof batch.set = (key, value) => {
            if (!isLosing) batch.set(key, value);
            isLosing = false;
          };
          return { set, commit: () => batch.commit(), abandon: () => batch.abandon() };
        },
      });
    await expectFound({ wrapStore });
  });
});

/**
 * `subject` with some methods replaced; the others still run on the object itself, private fields and all.
 */
function wrapped<T extends object>(subject: T, replaced: Partial<T>): T {
  return new Proxy(subject, {
    get: (_, name) => {
      if (name in replaced) return Reflect.get(replaced, name);
      const value: unknown = Reflect.get(subject, name, subject);
      return typeof value === 'function' ? value.bind(subject) : value;
    },
  });
}
