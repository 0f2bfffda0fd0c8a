import { expect, test } from 'vitest';
import { hybridTime, VersionVector } from '../../src/causality/index.ts';
import type { Put } from '../../src/merge/index.ts';
import { formatEtag } from '../../src/resource/index.ts';
import { judgeHistory, type OperationRecord } from './client-history.ts';
import { inspectedLog } from './inspected-log.ts';
import { Ledger } from './ledger.ts';
import { Lifetimes } from './lifetimes.ts';
import { SeededRandom } from './seeded-random.ts';
import { START_UNIX_MS } from './simulated-runtime.ts';
import { drawSwarm, SCALES } from './swarm.ts';
import { Violations } from './violations.ts';

/*
 * A forwarded read was answered by a region that lost its disk soon after: what that region had in its last
 * moments nobody can tell, what it had before was read in its log.
 */

const KEY = 'k';
const ITEM = { partitionKey: 'p1', id: 'i1' };
const VECTOR = new VersionVector();

interface Telling {
  /** When the log of the region that is wiped was read last, before the write that is told. */
  readonly followedAtMs: number;
  readonly wipedAtMs: number;
  readonly readAtMs: readonly [from: number, to: number];
  readonly value: string;
}

async function judge({ followedAtMs, wipedAtMs, readAtMs, value }: Telling): Promise<string[]> {
  let nowMs = followedAtMs;
  const violations = new Violations(() => nowMs);
  const lifetimes = new Lifetimes(drawSwarm(new SeededRandom(1), SCALES.small));
  const ledger = new Ledger({ violations, lifetimes, isTimeCausal: true, nowMs: () => nowMs });
  const first = putOf(1, 'v1');
  const log = () => inspectedLog(KEY, [first]);
  for (const region of ['here', 'wiped']) await ledger.follow({ region, origin: 1 }, log());
  nowMs = wipedAtMs;
  ledger.forget('wiped');
  await ledger.follow({ region: 'wiped', origin: 2 }, log());
  const etag = formatEtag({ origin: 1, n: 1, time: first.time });
  const written = {
    ...recordOf('create', 'v1', [0, 1]),
    outcome: { kind: 'ok', etag, value: 'v1', token: '0:1#1#1=1' },
  };
  // Lost with the disk, and promised by nobody who is still there.
  const lost = { ...recordOf('upsert', 'v2', [2, 3]), region: 'wiped', outcome: undefined };
  const read = { ...recordOf('read', undefined, readAtMs), outcome: { kind: 'ok', etag, value, token: '' } };
  judgeHistory([written, lost, read] as OperationRecord[], {
    ledger,
    violations,
    regions: ['here', 'wiped'],
    wipes: (region) => (region === 'wiped' ? 1 : 0),
    forwardedAfterMs: 900,
    needsLeases: true,
  });
  return violations.list.map(({ invariant }) => invariant);
}

function putOf(n: number, value: string): Put {
  const time = hybridTime(START_UNIX_MS + n);
  const body = Buffer.from(JSON.stringify({ id: ITEM.id, pk: ITEM.partitionKey, value }));
  return {
    kind: 'put',
    dot: { origin: 1, n },
    context: VECTOR,
    time,
    incarnation: n,
    priority: undefined,
    body,
  };
}

function recordOf(
  kind: 'create' | 'upsert' | 'read',
  value: string | undefined,
  [fromMs, toMs]: readonly [number, number],
) {
  const plain = { priority: undefined, unique: undefined, ifMatch: undefined, sessionToken: undefined };
  const request = { kind, item: ITEM, value, ...plain, client: 0, session: 0, batch: undefined };
  const place = { partition: 0, key: KEY, rangeId: '0' };
  const times = { invokedAtMs: fromMs, completedAtMs: toMs, tailBefore: 1, tailAfter: 1 };
  return { number: 1, region: 'here', wipes: 0, request, ...place, ...times };
}

const LAST_MOMENTS = { followedAtMs: 500, wipedAtMs: 900, readAtMs: [600, 700], value: 'v2' } as const;

test('what a region showed after its log was read, and before it lost it, nobody can tell', async () => {
  expect(await judge(LAST_MOMENTS)).toEqual([]);
});

test.each([
  ['the log was read after the answer', { followedAtMs: 800 }],
  ['the region had lost its disk before the read', { wipedAtMs: 550 }],
  ['nobody ever asked for the value', { value: 'v3' }],
])('a strange answer is found when %s', async (_, change) => {
  expect(await judge({ ...LAST_MOMENTS, ...change })).toEqual(['a read shows what the region had']);
});
