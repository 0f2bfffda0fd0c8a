import { expect, test } from 'vitest';
import { undemanding } from '../../test/kit/undemanding-levels.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { type SimulatedMachine, SimulatedRuntime } from '../../test/simulation/simulated-runtime.ts';
import { Trace } from '../../test/simulation/trace.ts';
import { type Origin, VersionVector } from '../causality/index.ts';
import { encodeEntry, type PartitionTable, peekEntry, type ReplicatedPartition } from '../partition/index.ts';
import { type Channel, createLocalNetwork, type Network } from '../runtime/index.ts';
import { startReplication } from './replication.ts';
import { decodeMessage, encodeEntries, encodeMessage, type Message } from './wire.ts';

function entry(origin: Origin, seen = new VersionVector()): Uint8Array {
  const operation = { dot: { origin, n: 1 }, context: seen, time: 1, incarnation: 1, priority: undefined };
  return encodeEntry({
    changes: [{ itemKey: 'k', operation: { kind: 'put', ...operation, body: Buffer.from('{}') } }],
  });
}

/** A source (region B, origin 2) that says what the test wants it to say. */
class ScriptedSource {
  readonly heard: Message[] = [];
  /** When each session began, in milliseconds. */
  readonly sessionsAtMs: number[] = [];

  async listen(
    network: Network,
    machine: SimulatedMachine,
    onMessage: (message: Message, answer: Answer) => void,
  ) {
    await network.listen('B', (channel) => {
      this.sessionsAtMs.push(machine.trueMs);
      const answer = new Answer(channel);
      channel.onFrame((frame) => {
        const message = decodeMessage(frame);
        this.heard.push(message);
        onMessage(message, answer);
      });
    });
  }
}

class Answer {
  readonly channel: Channel;
  #control = 0;
  #entries = 0;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  say(message: Message): void {
    this.channel.send(encodeMessage(++this.#control, message));
  }

  give(...entries: Uint8Array[]): void {
    this.channel.send(encodeEntries(++this.#entries, [{ partition: 1, entries }]));
  }
}

/** Region A with one partition that is durable at once, and the source it pulls from. */
async function world(onMessage: (message: Message, answer: Answer) => void) {
  const runtime = new SimulatedRuntime({ random: new SeededRandom(1), trace: new Trace() });
  const machine = runtime.forRegion('A');
  const network = createLocalNetwork(machine);
  const source = new ScriptedSource();
  await source.listen(network, machine, onMessage);
  const vector = new VersionVector();
  const durable = new Set<(numbers: readonly number[]) => void>();
  const partition: ReplicatedPartition = {
    number: 1,
    vector,
    tail: () => 0,
    knownOf: () => undefined,
    coveredLsn: () => 0,
    read: async () => [],
    receive: async (entries) => {
      for (const bytes of entries) {
        const { dot, context } = peekEntry(bytes);
        expect(vector.coversAll(context)).toBe(true);
        vector.advance(dot.origin, dot.n);
      }
      for (const listener of durable) listener([1]);
    },
  };
  const table: PartitionTable = {
    get: (number) => (number === 1 ? partition : undefined),
    numbers: () => [1],
    onOpened: () => () => undefined,
    onDurable: (listener) => {
      durable.add(listener);
      return () => durable.delete(listener);
    },
    onDropped: () => () => undefined,
  };
  const failures: unknown[] = [];
  const replication = await startReplication({
    runtime: machine,
    network,
    account: 'test',
    epoch: () => 1,
    self: { region: 'A', origin: 1 },
    listenAddress: 'A',
    members: () => [{ region: 'B', origin: 2, address: 'B' }],
    retired: () => [],
    table,
    levels: undemanding(machine, table, 1),
    onFailure: (error) => failures.push(error),
  });
  const run = (ms: number): Promise<void> => runtime.run({ untilMs: runtime.elapsedMs + ms });
  return { run, source, vector, partition, replication, failures };
}

const welcome: Message = { kind: 'welcome', region: 'B', origin: 2 };
const ANSWER = { kind: 'answer', askedAtMs: 0, wallMs: 0, clocks: [], leaseMs: 0, entryFrames: 0 } as const;
const missing = entry(3);
/** A write of B that builds on one of C, origin 3. */
const building = entry(2, new VersionVector([[3, 1]]));

/** Keeps C's write back unless the session began with asking for it. */
function stubborn(message: Message, answer: Answer): void {
  if (message.kind === 'ask') answer.say({ ...ANSWER, entryFrames: 1 });
  if (message.kind !== 'hello') return;
  answer.say(welcome);
  if (message.wants.includes(3)) answer.give(missing, building);
  else answer.give(building);
}

test('a source that holds back what is waited for is asked for it, then anew for everything', async () => {
  const { run, source, vector } = await world(stubborn);
  await run(1_500);
  expect(source.heard).toContainEqual({ kind: 'want', origins: [2, 3] });
  expect(source.sessionsAtMs).toHaveLength(1);
  await run(4_000);
  expect(source.sessionsAtMs).toHaveLength(2);
  expect(vector.toString()).toBe('2:1 3:1');
});

test('entries go on as soon as what they wait for is there, whichever way it came', async () => {
  const { run, vector, replication, partition } = await world(stubborn);
  await run(100);
  expect(replication.status().waitingEntries).toBe(1);
  await partition.receive([missing]);
  await run(1);
  expect(vector.toString()).toBe('2:1 3:1');
  expect(replication.isIdle()).toBe(true);
});

test('a source that refuses is asked again, ever more seldom', async () => {
  const { run, source, replication } = await world((message, answer) => {
    if (message.kind === 'hello') answer.say({ kind: 'refuse', reason: 'never heard of you' });
  });
  await run(20_000);
  const waits = source.sessionsAtMs.slice(1).map((atMs, at) => atMs - (source.sessionsAtMs[at] ?? 0));
  expect(waits[0]).toBeLessThan(60);
  expect(waits.every((ms) => ms <= 1_001)).toBe(true);
  expect(Math.min(...waits.slice(6))).toBeGreaterThan(400);
  expect(replication.status().peers[0]?.lastError).toMatch(/never heard of you/);
});

test.each([
  ['no frame at all', (answer: Answer) => answer.channel.send(Buffer.from('GET / HTTP/1.1'))],
  ['no entry', (answer: Answer) => answer.give(Buffer.from('GET / HTTP/1.1'))],
  ['an entry cut short', (answer: Answer) => answer.give(missing.subarray(0, 5))],
])('%s ends the session and harms nobody', async (_, send) => {
  const { run, source, replication, failures } = await world((message, answer) => {
    if (message.kind !== 'hello') return;
    answer.say(welcome);
    send(answer);
  });
  await run(3_000);
  expect(source.sessionsAtMs.length).toBeGreaterThan(3);
  expect(replication.status().peers[0]?.isConnected).toBe(false);
  expect(failures).toEqual([]);
});

test('nothing happens any more after close, or after a crash', async () => {
  for (const end of ['close', 'abandon'] as const) {
    const { run, source, vector, replication } = await world((message, answer) => {
      if (message.kind === 'hello') answer.say(welcome);
      // The first question comes with the beginning, the next after half a second.
      if (message.kind === 'ask' && source.heard.filter(({ kind }) => kind === 'ask').length > 1)
        answer.give(missing);
    });
    await run(400);
    await replication[end]();
    const heard = source.heard.length;
    await run(10_000);
    expect(source.heard.length).toBe(heard);
    expect(vector.toString()).toBe('');
  }
});
