/** A run as the host drives it: step by step, whoever takes the steps. */
import type { Json, JsonObject } from '../base/index.ts';
import type { SandboxReport, StepLimits } from './sandbox.ts';
import {
  ACCEPT_SHARE,
  type HostRequest,
  type ScriptHost,
  type ScriptOutcome,
  type ScriptRun,
} from './script-run.ts';

/** A report, and how many interrupts the steps so far have left over. */
export interface StepResult {
  readonly report: SandboxReport;
  readonly interruptsLeft: number;
}

/** A fresh sandbox, wherever it stands. */
export interface Stepper {
  step(end: 'begin' | 'resume', text: string, limits: StepLimits): Promise<StepResult> | StepResult;
}

/** Characters of `console.log` that are kept: they travel in a header. */
const LOG_CHARACTERS_MAX = 4096;

export async function runToEnd(
  stepper: Stepper,
  run: ScriptRun,
  host: ScriptHost,
  monotonicMs: () => number,
): Promise<ScriptOutcome> {
  const { limits } = run;
  const endMs = monotonicMs() + limits.timeMs;
  let interrupts = limits.interrupts;
  let end: 'begin' | 'resume' = 'begin';
  let text = beginText(run);
  for (;;) {
    const timeMs = endMs - monotonicMs();
    if (timeMs <= 0) return failed('time', 'The script did not end within its time.');
    const { report, interruptsLeft } = await stepper.step(end, text, { timeMs, interrupts });
    if (report.kind !== 'report') return failed(report.kind, report.message);
    const { asked } = report.report;
    if (!Array.isArray(asked)) return outcomeOf(report.report);
    interrupts = interruptsLeft;
    end = 'resume';
    text = JSON.stringify(await host(asked.map(requestOf)));
  }
}

function beginText(run: ScriptRun): string {
  const { limits, isLogging, ...input } = run;
  return JSON.stringify({
    ...input,
    acceptMs: limits.timeMs * ACCEPT_SHARE,
    requestsMax: limits.requests,
    logCharactersMax: isLogging === true ? LOG_CHARACTERS_MAX : 0,
  });
}

const OPERATIONS: readonly string[] = ['create', 'read', 'replace', 'upsert', 'delete', 'query', 'list'];

/** The guest's word is not to be trusted: what is no request becomes one that fails. */
function requestOf(asked: Json): HostRequest {
  const request = isObject(asked) ? asked : {};
  const isKnown = typeof request.op === 'string' && OPERATIONS.includes(request.op);
  return {
    op: isKnown ? (request.op as HostRequest['op']) : 'read',
    link: request.link,
    body: request.body,
    query: request.query,
    options: isObject(request.options) ? request.options : {},
  };
}

function outcomeOf(report: JsonObject): ScriptOutcome {
  const log = typeof report.log === 'string' ? report.log.slice(0, LOG_CHARACTERS_MAX) : '';
  const { thrown } = report;
  const hasRefused = report.hasRefused === true;
  if (thrown === undefined) {
    return { kind: 'done', body: report.body, requestBody: report.requestBody, log, hasRefused };
  }
  const { message, stack, number } = isObject(thrown) ? thrown : {};
  const text = typeof message === 'string' ? message : 'Error';
  if (text === 'InternalError: out of memory') return failed('memory', 'The script used up its memory.', log);
  return {
    kind: 'failed',
    reason: 'exception',
    message: typeof stack === 'string' && stack !== '' ? `${text}\r\nStack trace: ${text}\n${stack}` : text,
    number: typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined,
    log,
    hasRefused,
  };
}

function failed(reason: 'time' | 'memory' | 'crash', message: string, log = ''): ScriptOutcome {
  return { kind: 'failed', reason, message, number: undefined, log, hasRefused: false };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
