/*
 * Property tests draw the same examples each time, so that a test run says something about the change and not
 * about luck. To look further than that:
 *
 *   ORRERY_PROPERTY_SEED=random ORRERY_PROPERTY_RUNS=100 npx vitest run --project unit src/merge
 */
import fc from 'fast-check';

const DEFAULT_SEED = 20_261_123;

const seed = process.env.ORRERY_PROPERTY_SEED;
const factor = Number(process.env.ORRERY_PROPERTY_RUNS ?? 1);

fc.configureGlobal({
  ...(seed === 'random' ? {} : { seed: Number(seed ?? DEFAULT_SEED) }),
  numRuns: 100 * factor,
});

/** Tests that draw by themselves count their seeds from here; the name of one that fails says its seed. */
const firstSeed =
  seed === 'random' ? Math.floor(Math.random() * 1_000_000_000) : seed === undefined ? 1 : Number(seed);

/** Seeds for such tests: the same as every day, unless others are asked for. */
export function seeds(usual: number): number[] {
  return Array.from({ length: runs(usual) }, (_, i) => firstSeed + i);
}

/** What to draw where `usual` examples do day by day. */
export function runs(usual: number): number {
  return usual * factor;
}
