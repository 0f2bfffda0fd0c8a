import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../test/simulation/simulated-disk.ts';
import { SimulatedRuntime } from '../../test/simulation/simulated-runtime.ts';
import { Trace } from '../../test/simulation/trace.ts';
import type { Disk, Runtime } from '../runtime/index.ts';
import { openFileLog } from './file-log.ts';
import type { Log } from './log.ts';
import { createMemoryLog, MemoryMedium } from './memory-log.ts';

/**
 * Random writers, crashes and restarts, against a model that knows what was acknowledged. After each restart
 * every acknowledged entry must be there, nothing may be there that nobody appended, each append must be
 * there whole or not at all, and what a reader has seen once must stay.
 */

/** What the model knows of one partition. */
interface Model {
  /** Entry of LSN i + 1 at i: all that are sure to be there. */
  acknowledged: string[];
  /** Appends that were accepted and not acknowledged, in order. */
  unsure: string[][];
  /** Highest trim that was asked for, and that was acknowledged. */
  trimAsked: number;
  trimmed: number;
  isDropAsked: boolean;
  isDropped: boolean;
}

type Death = 'power' | 'kill' | 'close';

/** One life of the machine, from an open to a death. */
interface Life {
  readonly durationMs: number;
  readonly death: Death;
}

interface Story {
  readonly seed: number;
  readonly lives: readonly Life[];
  readonly writers: number;
  readonly segmentBytes: number;
  readonly entryBytesMax: number;
}

/** A busy machine runs fewer stories; a failing one is not made smaller for longer than this. */
const TIME_LIMIT_MS = 60_000;

/** Where logs are opened, again and again. */
interface Machine {
  open(runtime: Runtime): Promise<Log>;
  die(death: 'power' | 'kill'): void;
}

const stories: fc.Arbitrary<Story> = fc.record({
  seed: fc.integer(),
  lives: fc.array(
    fc.record({
      durationMs: fc.integer({ min: 0, max: 600 }).map((tenths) => tenths / 10),
      death: fc.constantFrom<Death>('power', 'power', 'power', 'kill', 'close'),
    }),
    { minLength: 2, maxLength: 6 },
  ),
  writers: fc.integer({ min: 1, max: 6 }),
  segmentBytes: fc.constantFrom(6000, 20_000, 100_000),
  entryBytesMax: fc.constantFrom(20, 300, 9000),
});

function fileMachine(story: Story, wrap: (disk: Disk) => Disk = (disk) => disk): Machine {
  const random = new SeededRandom(`disk ${story.seed}`);
  const disk = new SimulatedDisk({
    random: () => random.next(),
    latency: { writeMs: [0, 0.3], syncMs: [0.1, 3], readMs: [0, 0.1] },
  });
  const { segmentBytes } = story;
  return {
    open: (runtime) => {
      const mounted = wrap(disk.mount(runtime));
      return openFileLog({ disk: mounted, directory: '/log', runtime, segmentBytes, tailCacheBytes: 20_000 });
    },
    die: (death) => (death === 'power' ? disk.powerLoss() : disk.processCrash()),
  };
}

function memoryMachine(story: Story): Machine {
  const random = new SeededRandom(`medium ${story.seed}`);
  const medium = new MemoryMedium();
  let log = createMemoryLog({ medium });
  return {
    open: async (runtime) => {
      log = createMemoryLog({ runtime, medium, syncMs: 1 });
      return log;
    },
    // Bytes in memory do not outlive a process either.
    die: () => log.powerLoss(random.pick(['lost', 'torn', 'kept'])),
  };
}

class Simulation {
  readonly #story: Story;
  readonly #machine: Machine;
  readonly #runtime: SimulatedRuntime;
  readonly #random: SeededRandom;
  readonly #models = new Map<number, Model>();
  #entries = 0;
  acknowledgements = 0;

  constructor(story: Story, machine: Machine) {
    this.#story = story;
    this.#machine = machine;
    this.#random = new SeededRandom(story.seed);
    this.#runtime = new SimulatedRuntime({ random: this.#random.split('time'), trace: new Trace() });
  }

  async run(): Promise<void> {
    for (const [number, life] of this.#story.lives.entries()) await this.#live(life, number);
    await this.#live({ durationMs: 20, death: 'close' }, this.#story.lives.length);
  }

  async #live({ durationMs, death }: Life, number: number): Promise<void> {
    const machine = this.#runtime.forRegion('node', { life: number });
    const untilMs = this.#runtime.elapsedMs + durationMs;
    let isDead = false;
    let outcome: { error: unknown } | undefined;
    let log: Log | undefined;
    const work = (async () => {
      log = await this.#machine.open(machine);
      await this.#check(log);
      const writers = Array.from({ length: this.#story.writers }, (_, index) =>
        this.#write(log as Log, index + 1, () => isDead),
      );
      await Promise.all([...writers, this.#tidyUp(log, machine, () => isDead)]);
    })().catch((error) => {
      outcome = { error };
    });
    await this.#runtime.run({ untilMs, isDone: () => outcome !== undefined });
    isDead = true;
    if (death === 'close' && outcome === undefined) {
      const closed = work.then(() => log?.close());
      let isClosed = false;
      void closed.then(() => {
        isClosed = true;
      });
      await this.#runtime.run({ untilMs: Number.POSITIVE_INFINITY, isDone: () => isClosed });
      await closed;
    }
    if (outcome !== undefined) throw (outcome as { error: unknown }).error;
    machine.halt();
    this.#machine.die(death === 'power' ? 'power' : 'kill');
  }

  /** Appends without end; several appends of one partition can be under way. */
  async #write(log: Log, partition: number, isDead: () => boolean): Promise<void> {
    const model = this.#model(partition);
    const window: Promise<unknown>[] = [];
    while (!isDead() && !model.isDropAsked) {
      const entries = Array.from({ length: this.#random.integer(1, 3) }, () => this.#entry());
      const tail = model.acknowledged.length + model.unsure.flat().length;
      model.unsure.push(entries);
      window.push(
        log.append(partition, tail, entries.map(Buffer.from)).then((after) => {
          expect(after).toBe(tail + entries.length);
          expect(model.unsure.shift(), 'appends resolve in order').toBe(entries);
          model.acknowledged.push(...entries);
          this.acknowledgements++;
        }),
      );
      if (window.length >= this.#random.integer(1, 4)) await Promise.all(window.splice(0));
    }
    await Promise.all(window);
  }

  async #tidyUp(log: Log, runtime: Runtime, isDead: () => boolean): Promise<void> {
    while (!isDead()) {
      await new Promise<void>((resolve) => runtime.after(this.#random.between(0, 30), resolve));
      const partition = this.#random.integer(1, this.#story.writers);
      const model = this.#model(partition);
      if (isDead() || model.isDropAsked) continue;
      if (partition === 1 && this.#random.chance(0.1)) {
        model.isDropAsked = true;
        await log.drop(partition);
        model.isDropped = true;
      } else {
        const lsn = this.#random.integer(0, log.tail(partition));
        model.trimAsked = Math.max(model.trimAsked, lsn);
        await log.trim(partition, lsn);
        model.trimmed = Math.max(model.trimmed, lsn);
      }
    }
  }

  /** Holds what a restart found against what is known, and takes it over as what is known. */
  async #check(log: Log): Promise<void> {
    for (const [partition, model] of this.#models) {
      const tail = log.tail(partition);
      const head = log.head(partition);
      if (model.isDropped) {
        expect(tail, 'a dropped partition stays dropped').toBe(0);
        await expect(log.append(partition, 0, [Buffer.from('x')])).rejects.toThrow('dropped');
      }
      if (model.isDropAsked && tail === 0) {
        Object.assign(model, { isDropped: true, acknowledged: [], unsure: [] });
        continue;
      }
      expect(tail, `partition ${partition} lost what was acknowledged`).toBeGreaterThanOrEqual(
        model.acknowledged.length,
      );
      while (model.acknowledged.length < tail && model.unsure.length > 0) {
        model.acknowledged.push(...(model.unsure.shift() ?? []));
      }
      expect(tail, `partition ${partition} holds a part of an append`).toBe(model.acknowledged.length);
      model.unsure = [];
      expect(head - 1).toBeGreaterThanOrEqual(model.trimmed);
      expect(head - 1).toBeLessThanOrEqual(model.trimAsked);
      model.trimmed = head - 1;
      const found: string[] = [];
      while (head + found.length <= tail) {
        const bytesMax = this.#random.integer(1, 5000);
        for (const entry of await log.read(partition, head + found.length, bytesMax)) {
          found.push(Buffer.from(entry).toString());
        }
      }
      expect(found).toEqual(model.acknowledged.slice(head - 1));
    }
    const expected = [...this.#models].filter(([, model]) => model.acknowledged.length > 0);
    expect(log.partitions().sort()).toEqual(expected.map(([partition]) => partition).sort());
  }

  #model(partition: number): Model {
    let model = this.#models.get(partition);
    if (model === undefined) {
      const sure = { acknowledged: [], trimAsked: 0, trimmed: 0 };
      model = { ...sure, unsure: [], isDropAsked: false, isDropped: false };
      this.#models.set(partition, model);
    }
    return model;
  }

  #entry(): string {
    return `${this.#entries++}:`.padEnd(this.#random.integer(1, this.#story.entryBytesMax), '.');
  }
}

test('file engine: whatever the power takes, nothing acknowledged is lost', async () => {
  let acknowledgements = 0;
  await fc.assert(
    fc.asyncProperty(stories, async (story) => {
      const simulation = new Simulation(story, fileMachine(story));
      await simulation.run();
      acknowledgements += simulation.acknowledgements;
    }),
    { numRuns: runs(150), interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
  expect(acknowledgements).toBeGreaterThan(1000);
}, 120_000);

test('memory engine: the same', async () => {
  await fc.assert(
    fc.asyncProperty(stories, async (story) => {
      await new Simulation(story, memoryMachine(story)).run();
    }),
    { numRuns: runs(50), interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
}, 120_000);

test('the property notices a disk whose syncs return too early', async () => {
  const lying = (disk: Disk): Disk => ({
    ...bindAll(disk),
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      file.sync = async () => undefined;
      return file;
    },
  });
  const run = fc.check(
    fc.asyncProperty(stories, (story) => new Simulation(story, fileMachine(story, lying)).run()),
    { numRuns: 100, endOnFailure: true },
  );
  expect((await run).failed).toBe(true);
}, 120_000);

function bindAll(disk: Disk): Disk {
  return {
    open: (path, mode) => disk.open(path, mode),
    list: (directory) => disk.list(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    removeTree: (directory) => disk.removeTree(directory),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    lock: (path) => disk.lock(path),
  };
}
