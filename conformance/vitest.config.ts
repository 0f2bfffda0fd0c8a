import { defineConfig } from 'vitest/config';

const common = {
  environment: 'node',
  setupFiles: 'harness/clean-up.ts',
  testTimeout: 30_000,
  hookTimeout: 30_000,
} as const;

// Every file has its own server process, so files may run beside each other; two at a time, for two cores.
export default defineConfig(({ mode }) => ({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...common, name: 'conformance', include: ['suites/**/*.test.ts'] } },
      {
        // The server reads this variable: the same promises, with a child process for each region.
        test: {
          ...common,
          name: 'processes',
          include: ['suites/regions.test.ts', 'suites/durability.test.ts', 'suites/consistency.test.ts'],
          env: { ORRERY_ISOLATION: 'process' },
        },
      },
      {
        // Each trouble once at each level in every test run; `npm run test:chaos` goes on for ten minutes.
        test: {
          ...common,
          name: 'chaos',
          include: ['chaos/**/*.test.ts'],
          env: { CHAOS_SECONDS: process.env.CHAOS_SECONDS ?? (mode === 'chaos' ? '600' : '60') },
        },
      },
    ],
  },
}));
