/** Entry point of a script thread: takes the steps of one run after another, each in a fresh sandbox. */
import { createNodeRuntime, listenToStarter } from '../runtime/index.ts';
import { Sandbox, type StepLimits } from './sandbox.ts';
import type { StepResult } from './script-session.ts';

/** What a pool posts. A `begin` ends the run before it, however that one stood. */
export interface StepRequest {
  readonly end: 'begin' | 'resume';
  readonly text: string;
  readonly limits: StepLimits;
  readonly memoryBytes: number;
}

const runtime = createNodeRuntime();
let current: Sandbox | undefined;
/** Made ahead, while nobody waits: instance, realm and prelude take a few milliseconds. */
let spare: { readonly memoryBytes: number; readonly sandbox: Promise<Sandbox> } | undefined;

const post = listenToStarter((message) => void take(message as StepRequest));

async function take({ end, text, limits, memoryBytes }: StepRequest): Promise<void> {
  if (end === 'begin') current = await fresh(memoryBytes);
  if (current === undefined) return;
  const report = current.step(end, text, limits);
  post({ report, interruptsLeft: current.interruptsLeft } satisfies StepResult);
  const isOver = report.kind !== 'report' || report.report.asked === undefined;
  if (!isOver) return;
  current = undefined;
  runtime.soon(() => {
    spare ??= { memoryBytes, sandbox: Sandbox.create(runtime, memoryBytes) };
  });
}

function fresh(memoryBytes: number): Promise<Sandbox> {
  const ready = spare;
  spare = undefined;
  return ready?.memoryBytes === memoryBytes ? ready.sandbox : Sandbox.create(runtime, memoryBytes);
}
