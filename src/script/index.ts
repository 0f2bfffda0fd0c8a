/** Scripts of users, run in a sandbox that has nothing but the language and what the host answers. */
export { createInProcessRunner } from './in-process-runner.ts';
export { loadInstance, type ScriptInstance } from './sandbox.ts';
export { createScriptPool, type ScriptPoolOptions } from './script-pool.ts';
export {
  type HostAnswer,
  type HostRequest,
  SCRIPT_LIMITS,
  type ScriptHost,
  type ScriptKind,
  type ScriptLimits,
  type ScriptOutcome,
  type ScriptRun,
  type ScriptRunner,
} from './script-run.ts';
