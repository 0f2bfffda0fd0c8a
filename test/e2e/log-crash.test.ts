import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileLog, LogLockedError, openFileLog } from '../../src/log/index.ts';
import { createNodeDisk, createNodeRuntime } from '../../src/runtime/index.ts';

/**
 * A process appends and reports what the log acknowledged, and is killed without warning at a random moment,
 * again and again. What it reported must be there. The writer runs the built program.
 */

const WRITER = join(import.meta.dirname, 'log-crash-writer.mjs');
const PARTITIONS = [1, 2, 3, 4, 5, 6, 7, 8];
const ROUNDS = 8;

const disk = createNodeDisk();
const runtime = createNodeRuntime({ timersHoldProcess: true });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-log-crash-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

class Writer {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  #errors = '';

  constructor(life: number) {
    const args = [WRITER, directory, String(life)];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#output += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
  }

  async opened(): Promise<void> {
    while (!this.#output.startsWith('open\n')) {
      expect(this.#child.exitCode, this.#errors).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Kills the process and returns the last acknowledged LSN of each partition. */
  async kill(): Promise<Map<number, number>> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    const [, signal] = await ended;
    expect(signal, this.#errors).toBe('SIGKILL');
    const acknowledged = new Map<number, number>();
    // The last line may be cut off.
    const lines = this.#output.split('\n').slice(1, -1);
    for (const line of lines) {
      const [partition = 0, lsn = 0] = line.split(' ').map(Number);
      acknowledged.set(partition, lsn);
    }
    return acknowledged;
  }
}

const open = (): Promise<FileLog> => openFileLog({ disk, directory, runtime, segmentBytes: 1 << 20 });

/** Every entry from head to tail must be one that some life appended at this place. */
async function checkEntries(log: FileLog, lives: number): Promise<number> {
  let count = 0;
  for (const partition of PARTITIONS) {
    let lsn = log.head(partition);
    while (lsn <= log.tail(partition)) {
      for (const entry of await log.read(partition, lsn, 1 << 18)) {
        const [own, position, life] = Buffer.from(entry).toString('latin1').split(':').map(Number);
        expect([own, position]).toEqual([partition, lsn]);
        expect(life).toBeLessThanOrEqual(lives);
        expect(entry.length).toBe(40 + ((lsn * 37) % 900));
        lsn++;
        count++;
      }
    }
  }
  return count;
}

test('kill -9 at random moments loses nothing that was acknowledged', async () => {
  const tails = new Map<number, number>();
  let acknowledged = 0;
  let checked = 0;
  for (let life = 1; life <= ROUNDS; life++) {
    const writer = new Writer(life);
    await writer.opened();
    await expect(open(), 'the lock belongs to a living process').rejects.toBeInstanceOf(LogLockedError);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    for (const [partition, lsn] of await writer.kill()) {
      acknowledged += lsn - (tails.get(partition) ?? 0);
      tails.set(partition, lsn);
    }
    const log = await open();
    for (const [partition, lsn] of tails) {
      expect(log.tail(partition), `life ${life}, partition ${partition}`).toBeGreaterThanOrEqual(lsn);
      tails.set(partition, log.tail(partition));
    }
    checked += await checkEntries(log, life);
    await log.close();
  }
  expect(acknowledged).toBeGreaterThan(1000);
  expect(checked).toBeGreaterThan(1000);
});

test('a log that a killed process was still making can be opened', async () => {
  for (const delayMs of [20, 40, 60, 80, 100, 120]) {
    const writer = new Writer(1);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await writer.kill();
    const log = await open();
    await checkEntries(log, 1);
    await log.close();
  }
});
