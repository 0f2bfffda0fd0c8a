import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], extra: Record<string, unknown> = {}) => ({
  test: { name, include, environment: 'node', ...extra },
});

// Each kind of test has its own files and time limit; see CONTRIBUTING.md.
export default defineConfig({
  test: {
    // By itself the runner leaves one core to itself: half of two.
    maxWorkers: '100%',
    projects: [
      // Generous: what hangs is found all the same, and a loaded machine fails nothing.
      project('unit', ['src/**/*.test.ts', 'test/semantics/**/*.test.ts', 'test/checkers/*.test.ts'], {
        setupFiles: ['test/kit/properties.ts'],
        testTimeout: 60_000,
        hookTimeout: 60_000,
      }),
      project('tidy', ['test/tidy.test.ts']),
      project('sim', ['test/simulation/**/*.test.ts'], { testTimeout: 600_000 }),
      project('e2e', ['test/e2e/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 60_000,
        fileParallelism: false,
      }),
    ],
  },
});
