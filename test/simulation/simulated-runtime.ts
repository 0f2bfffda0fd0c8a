import type { Cancel, Runtime } from '../../src/runtime/index.ts';
import { EventQueue, type TimedEvent } from './event-queue.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Trace } from './trace.ts';

/** Simulated time starts on the first of January 2026. */
export const START_UNIX_MS = Date.UTC(2026, 0, 1);

interface ScheduledTask extends TimedEvent {
  /** Whose code runs; dropped when that machine has crashed, held back while it is paused. */
  readonly machine: SimulatedMachine | undefined;
  readonly label: string;
  task: (() => void) | undefined;
}

/** Times are rounded: however little is left of a machine's wait, it must not end before time goes on. */
const WAIT_MS_MIN = 0.001;
/** A moment with so many events does not end. */
const MOMENT_EVENTS_MAX = 1_000_000;
/** So many events at most share a turn of the real event loop, where unhandled rejections are found. */
const EVENTS_PER_TURN = 64;

/**
 * Time for a whole planet in one process. Nothing happens between two events except promise jobs, and these
 * run to their end before the next event, and no product code under simulation waits for anything real. So
 * one seed always gives one story.
 */
export class SimulatedRuntime {
  readonly #queue = new EventQueue<ScheduledTask>();
  readonly #trace: Trace;
  readonly random: SeededRandom;
  #elapsedMs = 0;
  #sequence = 0;
  #events = 0;
  /** How many events had happened when time came to where it stands. */
  #eventsBefore = 0;

  constructor(options: { random: SeededRandom; trace: Trace }) {
    this.random = options.random;
    this.#trace = options.trace;
  }

  /** Simulated milliseconds since the start. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** What was noted so far, with the moment. */
  readonly notes: { readonly atMs: number; readonly what: string }[] = [];

  /** Writes down what was done to the world, rather than in it. */
  note(what: string): void {
    this.#trace.record(this.#elapsedMs, '--', what);
    this.notes.push({ atMs: this.#elapsedMs, what });
  }

  /** Writes down what happened without being an event of the world. */
  record(what: string): void {
    this.#trace.record(this.#elapsedMs, '--', what);
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  /** A machine's own view of time and chance. `life` tells its successive incarnations apart. */
  forRegion(name: string, options: { skewMs?: number; life?: number } = {}): SimulatedMachine {
    const random = this.random.split(`${name}#${options.life ?? 0}`);
    return new SimulatedMachine({ runtime: this, name, random, skewMs: options.skewMs ?? 0 });
  }

  /** Runs `task` after `delayMs`; `label` names it in the trace. */
  schedule(
    options: { delayMs: number; label: string; machine?: SimulatedMachine },
    task: () => void,
  ): Cancel {
    const event: ScheduledTask = {
      atMs: this.#elapsedMs + Math.max(0, options.delayMs),
      sequence: this.#sequence++,
      machine: options.machine,
      label: options.label,
      task,
    };
    this.#queue.push(event);
    return () => {
      event.task = undefined;
    };
  }

  /** Resolves after `delayMs`: for the harness, not for machines. */
  sleep(delayMs: number, label: string): Promise<void> {
    return new Promise((resolve) => this.schedule({ delayMs, label }, resolve));
  }

  /**
   * Lets events happen until none is left, until simulated time would pass `untilMs`, or until `isDone`
   * says so after an event. Rejects with what an event throws, and when time does not go on.
   */
  run(options: { untilMs: number; isDone?: () => boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      // Node empties the queue of promise jobs before it takes the next tick, if that tick was asked for by
      // a promise job. A turn of the event loop would do the same for ten times the price.
      const soon = (): void => process.nextTick(step);
      // The job of a promise costs nothing beside that of `queueMicrotask`, which remembers who asked.
      const idle = Promise.resolve();
      const step = (): void => {
        try {
          if (options.isDone?.() === true || !this.#step(options.untilMs)) {
            resolve();
            return;
          }
        } catch (error) {
          reject(error);
          return;
        }
        if (this.#events % EVENTS_PER_TURN === 0) setImmediate(step);
        else void idle.then(soon);
      };
      setImmediate(step);
    });
  }

  /** One event; false when there is none up to `untilMs`, and then time stands there. */
  #step(untilMs: number): boolean {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atMs > untilMs) {
        if (Number.isFinite(untilMs)) this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
        return false;
      }
      this.#queue.pop();
      const { task, machine } = next;
      if (task === undefined || machine?.isHalted === true) continue;
      if (next.atMs > this.#elapsedMs) this.#eventsBefore = this.#events;
      this.#elapsedMs = next.atMs;
      if (machine?.isPaused === true) {
        machine.holdBack(task, next.label);
        continue;
      }
      this.#events += 1;
      if (this.#events - this.#eventsBefore > MOMENT_EVENTS_MAX) {
        throw new Error(
          `time stands still at ${next.atMs} ms: ${next.label} of ${machine?.name ?? 'the world'}`,
        );
      }
      this.#trace.record(next.atMs, machine?.name ?? '-', next.label);
      task();
      return true;
    }
  }
}

/** One region's machine: its clock may be wrong, it may freeze for a while, and it may stop for good. */
export class SimulatedMachine implements Runtime {
  readonly name: string;
  readonly #runtime: SimulatedRuntime;
  readonly #random: SeededRandom;
  #skewMs: number;
  /** The machine's clock runs this much faster than true time. */
  #rate = 1;
  /** Since when `#rate` holds: true time, and what the machine's clock showed then. */
  #since = { trueMs: 0, localMs: 0 };
  #isHalted = false;
  #heldBack: { task: () => void; label: string }[] | undefined;

  constructor(options: { runtime: SimulatedRuntime; name: string; random: SeededRandom; skewMs: number }) {
    this.#runtime = options.runtime;
    this.name = options.name;
    this.#random = options.random;
    this.#skewMs = options.skewMs;
  }

  // What the product sees.

  nowMs(): number {
    return Math.floor(START_UNIX_MS + this.monotonicMs() + this.#skewMs);
  }

  monotonicMs(): number {
    return this.#since.localMs + (this.#runtime.elapsedMs - this.#since.trueMs) * this.#rate;
  }

  random(): number {
    return this.#random.next();
  }

  uuid(): string {
    return this.#random.uuid();
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.schedule(Math.max(delayMs / this.#rate, WAIT_MS_MIN), 'timer', task);
  }

  soon(task: () => void): void {
    this.schedule(0, 'soon', task);
  }

  // What the simulation does to it.

  /** Simulated milliseconds since the start, whatever the machine's clocks show. */
  get trueMs(): number {
    return this.#runtime.elapsedMs;
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  get isPaused(): boolean {
    return this.#heldBack !== undefined;
  }

  schedule(delayMs: number, label: string, task: () => void): Cancel {
    return this.#runtime.schedule({ delayMs, label, machine: this }, task);
  }

  /** The power is gone: nothing that this machine planned will happen. */
  halt(): void {
    this.#isHalted = true;
    this.#heldBack = undefined;
  }

  /** Nothing of this machine happens until `resume`, as with SIGSTOP; its clock goes on. */
  pause(): void {
    this.#heldBack ??= [];
  }

  resume(): void {
    const held = this.#heldBack ?? [];
    this.#heldBack = undefined;
    for (const { task, label } of held) this.schedule(0, label, task);
  }

  holdBack(task: () => void, label: string): void {
    this.#heldBack?.push({ task, label });
  }

  /** Steps the wall clock: `skewMs` ahead of true time. */
  setSkew(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  /** Makes all clocks of the machine run fast (or slow, when negative) by `ppm` millionths. */
  setDrift(ppm: number): void {
    this.#since = { trueMs: this.#runtime.elapsedMs, localMs: this.monotonicMs() };
    this.#rate = 1 + ppm / 1e6;
  }
}
