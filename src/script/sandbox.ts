/**
 * One script in a realm of its own: an instance of QuickJS in WebAssembly with its own memory.
 *
 * The memory's maximum is the limit that holds: QuickJS's own limit counts allocations, not bytes. After it
 * was reached, tearing the instance down in order may abort, so an instance is never disposed of: it is
 * dropped whole, and serves one run only. Interrupts end loops and regular expressions that never would.
 */
import releaseSync from '@jitl/quickjs-wasmfile-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
  Scope,
} from 'quickjs-emscripten-core';
import type { JsonObject } from '../base/index.ts';
import { compileWasm, createWasmMemory, type Runtime, type WasmModule } from '../runtime/index.ts';
import { GUEST_PRELUDE } from './guest-prelude.ts';

/** The package's types describe its CommonJS form, where the default is one step further in. */
const VARIANT = releaseSync as unknown as QuickJSSyncVariant;
const WASM = '@jitl/quickjs-wasmfile-release-sync/wasm';
const PAGE_BYTES = 64 << 10;
/** What the module asks for at its birth. */
const INITIAL_PAGES = 256;
/** More would let deep recursion run into the end of the host's own stack first. */
const STACK_BYTES = 256 << 10;

export type SandboxRuntime = Pick<Runtime, 'nowMs' | 'monotonicMs' | 'random'>;

/** What a step came to: the script's own words as parsed JSON, or the limit that it broke. */
export type SandboxReport =
  | { readonly kind: 'report'; readonly report: JsonObject }
  | { readonly kind: 'time' | 'memory' | 'crash'; readonly message: string };

/** What one step may use of what its run has left. */
export interface StepLimits {
  readonly timeMs: number;
  readonly interrupts: number;
}

/** An instance of the engine with a memory of its own. */
export interface ScriptInstance {
  readonly engine: QuickJSWASMModule;
  readonly isFull: () => boolean;
}

let compiled: Promise<WasmModule> | undefined;

/** `memoryBytes`: the most that the instance can ever have. */
export async function loadInstance(memoryBytes: number): Promise<ScriptInstance> {
  compiled ??= compileWasm(WASM);
  const memory = createWasmMemory(INITIAL_PAGES, Math.floor(memoryBytes / PAGE_BYTES));
  const parts = { wasmModule: (await compiled) as never, wasmMemory: memory as never };
  const engine = await newQuickJSWASMModuleFromVariant(newVariant(VARIANT, parts));
  // It grows in steps, and one that does not fit is refused: full is somewhat less than the maximum.
  return { engine, isFull: () => memory.buffer.byteLength > memoryBytes * 0.85 };
}

export class Sandbox {
  readonly #runtime: SandboxRuntime;
  readonly #engine: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #ends: QuickJSHandle;
  readonly #isFull: () => boolean;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #interruptsLeft = 0;
  #isInterrupted = false;

  private constructor(
    runtime: SandboxRuntime,
    engine: QuickJSRuntime,
    context: QuickJSContext,
    ends: QuickJSHandle,
    isFull: () => boolean,
  ) {
    this.#runtime = runtime;
    this.#engine = engine;
    this.#context = context;
    this.#ends = ends;
    this.#isFull = isFull;
    engine.setInterruptHandler(() => {
      this.#interruptsLeft -= 1;
      this.#isInterrupted ||= this.#interruptsLeft < 0 || runtime.monotonicMs() > this.#deadlineMs;
      return this.#isInterrupted;
    });
  }

  /** A fresh realm in an instance of its own, ready for a script. */
  static async create(runtime: SandboxRuntime, memoryBytes: number): Promise<Sandbox> {
    return Sandbox.in(await loadInstance(memoryBytes), runtime);
  }

  /** A fresh realm in an instance that others may have used and may use: see `dispose`. */
  static in({ engine: quickJs, isFull }: ScriptInstance, runtime: SandboxRuntime): Sandbox {
    const engine = quickJs.newRuntime();
    engine.setMaxStackSize(STACK_BYTES);
    const context = engine.newContext();
    const prelude = context.unwrapResult(context.evalCode(GUEST_PRELUDE, 'prelude'));
    const now = context.newFunction('now', () => context.newNumber(runtime.nowMs()));
    const random = context.newFunction('random', () => context.newNumber(runtime.random()));
    const ends = context.unwrapResult(context.callFunction(prelude, context.undefined, now, random));
    for (const handle of [prelude, now, random]) handle.dispose();
    return new Sandbox(runtime, engine, context, ends, isFull);
  }

  /** Gives back what the realm holds of its instance. Not after a limit was broken: it could abort. */
  dispose(): void {
    this.#ends.dispose();
    this.#context.dispose();
    this.#engine.dispose();
  }

  /** Hands JSON text to one of the guest's ends and runs it until it waits for the host or is done. */
  step(end: 'begin' | 'resume', text: string, limits: StepLimits): SandboxReport {
    this.#deadlineMs = this.#runtime.monotonicMs() + limits.timeMs;
    this.#interruptsLeft = limits.interrupts;
    try {
      const failure = this.#invoke(end, text).failure ?? this.#runJobs();
      if (failure !== undefined) return failure;
      const { text: reported, failure: silence } = this.#invoke('report');
      if (silence !== undefined) return silence;
      const report = JSON.parse(reported ?? '') as JsonObject;
      return this.#isInterrupted ? TIME : { kind: 'report', report };
    } catch (error) {
      // An abort inside, or a host stack that ran out: the instance is in no known state.
      return this.#broken(String(error));
    }
  }

  /** Interrupts that the last step left over. */
  get interruptsLeft(): number {
    return Math.max(0, this.#interruptsLeft);
  }

  /** Calls one of the guest's ends; `text` is what `report` says. */
  #invoke(end: 'begin' | 'resume' | 'report', argument?: string): { text?: string; failure?: SandboxReport } {
    return Scope.withScope((scope) => {
      const context = this.#context;
      const called = scope.manage(context.getProp(this.#ends, end));
      const given = argument === undefined ? [] : [scope.manage(context.newString(argument))];
      const result = context.callFunction(called, this.#ends, ...given);
      if (result.error) return { failure: this.#failure(scope.manage(result.error)) };
      const value = scope.manage(result.value);
      return end === 'report' ? { text: context.getString(value) } : {};
    });
  }

  /** What promises of the script wait for. */
  #runJobs(): SandboxReport | undefined {
    while (this.#engine.hasPendingJob()) {
      const result = this.#engine.executePendingJobs(100);
      if (result.error) return this.#failure(result.error);
      result.dispose();
    }
    return undefined;
  }

  #failure(error: QuickJSHandle): SandboxReport {
    const context = this.#context;
    return this.#broken(context.getProp(error, 'message').consume((text) => context.getString(text)));
  }

  /** With its memory full, QuickJS cannot always say so any more. */
  #broken(message: string): SandboxReport {
    if (this.#isInterrupted) return TIME;
    return this.#isFull() ? MEMORY : { kind: 'crash', message: message.slice(0, 200) };
  }
}

const TIME: SandboxReport = { kind: 'time', message: 'The script did not end within its time.' };
const MEMORY: SandboxReport = { kind: 'memory', message: 'The script used up its memory.' };
