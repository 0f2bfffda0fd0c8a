import { type ChildProcess, fork } from 'node:child_process';
import type { Violation } from './violations.ts';

/** What one seed came to, as plain data that can pass between processes. */
export interface SeedReport {
  readonly seed: number;
  /** Of its story: see SimulationResult. */
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly counts: readonly (readonly [name: string, count: number])[];
}

export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
  /** How many processes share the seeds. */
  readonly jobs: number;
  /** With which this program, started again, calls `serveSeeds`. */
  readonly args: readonly string[];
  /** Asked before each seed: when it says so, only those that have begun are played to their end. */
  readonly isOver: () => boolean;
}

/**
 * Worlds make much that is soon forgotten: with room for it, it need not be looked through so often. Every
 * core has a worker of its own already, so more threads that collect only stand in each other's way. Stacks
 * are for people, who play a seed that failed again; the product's refusals need none.
 */
const WORKER_FLAGS = [
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--single-threaded-gc',
  '--stack-trace-limit=0',
];

/** Runs seeds in processes of their own; rejects when one of these ends before its time. */
export async function runSeeds(range: SeedRange, onReport: (report: SeedReport) => void): Promise<void> {
  const { from, seeds, jobs, args, isOver } = range;
  const end = from + seeds;
  let next = from;
  const work = (worker: ChildProcess) =>
    new Promise<void>((resolve, reject) => {
      const give = () => {
        if (next < end && !isOver()) worker.send(next++);
        else {
          resolve();
          worker.disconnect();
        }
      };
      worker.on('message', (report: SeedReport) => {
        onReport(report);
        give();
      });
      worker.on('exit', (code, signal) => reject(new Error(`a worker ended: ${signal ?? code}`)));
      give();
    });
  const [, program = ''] = process.argv;
  const workers = Array.from({ length: Math.min(jobs, seeds) }, () =>
    fork(program, args, { execArgv: WORKER_FLAGS }),
  );
  await Promise.all(workers.map(work));
}

/** In a worker: runs the seeds that its parent names, one after the other. */
export function serveSeeds(run: (seed: number) => Promise<SeedReport>): void {
  // A terminal interrupts everybody: the parent gives no more seeds, and this one is played to its end.
  process.on('SIGINT', () => undefined);
  process.on('message', (seed: number) => {
    void run(seed).then((report) => process.send?.(report));
  });
}
