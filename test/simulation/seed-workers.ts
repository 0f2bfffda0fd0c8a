import { type ChildProcess, fork } from 'node:child_process';
import type { Violation } from './violations.ts';

/** What one seed came to, as plain data that can pass between processes. */
export interface SeedReport {
  readonly seed: number;
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
}

/** Runs seeds in processes of their own; rejects when one of these ends before its time. */
export async function runSeeds(range: SeedRange, onReport: (report: SeedReport) => void): Promise<void> {
  const { from, seeds, jobs, args } = range;
  const end = from + seeds;
  let next = from;
  const work = (worker: ChildProcess) =>
    new Promise<void>((resolve, reject) => {
      const give = () => {
        if (next < end) worker.send(next++);
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
  const workers = Array.from({ length: Math.min(jobs, seeds) }, () => fork(program, args));
  await Promise.all(workers.map(work));
}

/** In a worker: runs the seeds that its parent names, one after the other. */
export function serveSeeds(run: (seed: number) => Promise<SeedReport>): void {
  process.on('message', (seed: number) => {
    void run(seed).then((report) => process.send?.(report));
  });
}
