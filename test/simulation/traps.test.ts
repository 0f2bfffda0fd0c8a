import { expect, test } from 'vitest';
import { hybridTime, VersionVector } from '../../src/causality/index.ts';
import type { Delete, ItemOperation, Put } from '../../src/merge/index.ts';
import { inspectedLog } from './inspected-log.ts';
import { Ledger } from './ledger.ts';
import { Lifetimes } from './lifetimes.ts';
import { SeededRandom } from './seeded-random.ts';
import { START_UNIX_MS } from './simulated-runtime.ts';
import { drawSwarm, SCALES } from './swarm.ts';
import { countTraps } from './traps.ts';
import { Violations } from './violations.ts';

const NONE = new VersionVector();
const SECOND_MS = 1_000;

interface Writing {
  readonly by: readonly [origin: number, n: number];
  readonly saw?: VersionVector;
  readonly priority?: number;
  readonly atMs?: number;
}

function put({ by: [origin, n], saw = NONE, priority, atMs = origin * SECOND_MS }: Writing): Put {
  const body = Buffer.from(JSON.stringify({ value: `v${origin}.${n}` }));
  const time = hybridTime(START_UNIX_MS + atMs);
  return { kind: 'put', dot: { origin, n }, context: saw, time, incarnation: 7, priority, body };
}

function ending(origin: number, saw: VersionVector): Delete {
  const time = hybridTime(START_UNIX_MS + origin * SECOND_MS);
  return { kind: 'delete', dot: { origin, n: 1 }, context: saw, time, incarnations: [7] };
}

/** The traps that came up in a region which had these operations, in this order. */
async function trapsIn(operations: readonly ItemOperation[]): Promise<string[]> {
  const lifetimes = new Lifetimes(drawSwarm(new SeededRandom(1), SCALES.small));
  const violations = new Violations(() => 0);
  const ledger = new Ledger({ violations, lifetimes, isTimeCausal: true, nowMs: () => 0 });
  await ledger.follow({ region: 'A', origin: 9 }, inspectedLog('k', operations));
  expect(violations.list).toEqual([]);
  const counts = countTraps({ ledger, records: [], regions: ['A'] });
  return [...counts].filter(([, count]) => count > 0).map(([name]) => name.replace('trap: ', ''));
}

const FIRST = put({ by: [1, 1], priority: 100 });
const LOWER = put({ by: [1, 2], saw: new VersionVector([[1, 1]]), priority: 50, atMs: 1 });

test('one that saw another and is lower, with a third between them', async () => {
  const third = put({ by: [2, 1], priority: 75 });
  expect(await trapsIn([FIRST, third, LOWER])).toEqual(['later, higher and neither']);
  expect(await trapsIn([FIRST, put({ by: [2, 1], priority: 20 }), LOWER])).toEqual([]);
  // Whoever saw the first of them competes with the second alone.
  const informed = put({ by: [2, 1], saw: new VersionVector([[1, 1]]), priority: 75 });
  expect(await trapsIn([FIRST, informed, LOWER])).toEqual([]);
});

test('one that lost, and shows again when its winner is replaced by who had not seen it', async () => {
  const [lost, winner] = [put({ by: [1, 1], priority: 50 }), put({ by: [2, 1], priority: 75 })];
  const low = put({ by: [2, 2], saw: new VersionVector([[2, 1]]), priority: 10 });
  expect(await trapsIn([lost, winner, low])).toContain('a winner that had lost shows again');
});

test('a delete, and a write of the same item that neither saw', async () => {
  const saw = new VersionVector([[1, 1]]);
  const late = put({ by: [3, 1], saw });
  const expected = ['a write comes after its item has ended', 'a delete meets a write it had not seen'];
  expect(await trapsIn([FIRST, ending(2, saw), late])).toEqual(expected);
  expect(await trapsIn([FIRST, late, ending(2, saw)])).toEqual(expected.slice(1));
});

test('two writes that a time in whole seconds does not tell apart', async () => {
  const [one, other] = [put({ by: [1, 1], atMs: 1_200 }), put({ by: [2, 1], atMs: 1_700 })];
  expect(await trapsIn([one, other])).toEqual(['concurrent writes of one second']);
  expect(await trapsIn([one, put({ by: [2, 1], atMs: 2_100 })])).toEqual([]);
});
