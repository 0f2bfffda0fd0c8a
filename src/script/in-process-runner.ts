import { Sandbox, type SandboxRuntime, type ScriptInstance } from './sandbox.ts';
import type { ScriptRunner } from './script-run.ts';
import { runToEnd } from './script-session.ts';

/**
 * Runs scripts in this thread, which stands still meanwhile: for the simulator, where a run must be a
 * function of the seed, and for tests. A server has `createScriptPool`.
 *
 * `instance`: one for all runs, so that a run has nothing to wait for but its host. Without it each run loads
 * one of its own, as in the pool, and may break any limit.
 */
export function createInProcessRunner(runtime: SandboxRuntime, instance?: ScriptInstance): ScriptRunner {
  return {
    async run(run, host) {
      const sandbox =
        instance === undefined
          ? await Sandbox.create(runtime, run.limits.memoryBytes)
          : Sandbox.in(instance, runtime);
      const stepper = {
        step: (...step: Parameters<Sandbox['step']>) => ({
          report: sandbox.step(...step),
          interruptsLeft: sandbox.interruptsLeft,
        }),
      };
      let isIntact = true;
      try {
        const outcome = await runToEnd(stepper, run, host, () => runtime.monotonicMs());
        isIntact = outcome.kind === 'done' || outcome.reason === 'exception';
        return outcome;
      } finally {
        if (instance !== undefined && isIntact) sandbox.dispose();
      }
    },
    close: () => undefined,
  };
}
