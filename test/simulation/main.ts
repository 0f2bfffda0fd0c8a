import { parseArgs } from 'node:util';
import { type Excerpt, formatExcerpt, parseExcerpt } from './excerpt.ts';
import { makeProductPlanet } from './product-planet.ts';
import { reachedTooSeldom } from './reachability.ts';
import { runSeeds, type SeedReport, serveSeeds } from './seed-workers.ts';
import { shrink } from './shrinking.ts';
import { type SimulationResult, simulate } from './simulation.ts';
import { SCALES, type ScaleName } from './swarm.ts';

/*
 * Many seeds, on as many cores as one likes. Prints what was found, made as short as it gets, with the one
 * command that replays it, and what the seeds had in them: a fault that never struck proves nothing.
 */

const HELP = `npm run sim -- [options]
  --seeds N      how many seeds (default 100)
  --from K       the first one (default 0)
  --scale NAME   full (default): 5 regions, at least 2,000 requests and 20 faults a seed; or small
  --jobs N       how many processes (default 2)
  --twice        runs each seed twice and compares the stories
  --trace        prints every event of the first seed
  --story        prints what clients and faults did in the first seed
  --only ACTS    with one seed: only these requests and faults happen, as printed for a failing seed
  --no-shrink    prints the first failing seed as it is
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '0' },
    scale: { type: 'string', default: 'full' },
    jobs: { type: 'string', default: '2' },
    twice: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    story: { type: 'boolean', default: false },
    only: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const scaleName: ScaleName = values.scale === 'small' ? 'small' : 'full';

function play(seed: number, excerpt: Excerpt = {}, isTraced = false): Promise<SimulationResult> {
  const sink = isTraced ? { traceSink: (line: string) => console.log(line) } : {};
  return simulate({ seed, scale: SCALES[scaleName], excerpt, makePlanet: makeProductPlanet, ...sink });
}

async function report(seed: number): Promise<SeedReport> {
  const { violations, digest, counts, simulatedMs } = await play(seed);
  const isSame = !values.twice || (await play(seed)).digest === digest;
  return {
    seed,
    violations: isSame ? violations : [{ invariant: 'one seed, one story', message: '', atMs: 0 }],
    counts: [...counts, ['simulated seconds', Math.round(simulatedMs / 1000)]],
  };
}

async function showShortest(seed: number): Promise<void> {
  const shrunk = values['no-shrink'] ? undefined : await shrink({ play: (excerpt) => play(seed, excerpt) });
  const result = shrunk?.result ?? (await play(seed));
  const only = shrunk === undefined ? '' : ` --only ${formatExcerpt(shrunk.excerpt)}`;
  console.log(`\nreplay: npm run sim -- --seeds 1 --from ${seed} --scale ${scaleName} --story${only}`);
  if (shrunk !== undefined) {
    console.log(`after ${shrunk.runs} runs, ${shrunk.excerpt.acts?.size ?? 0} requests and faults are left:`);
  }
  console.log(result.story().join('\n'));
}

async function runOne(seed: number): Promise<number> {
  const excerpt = values.only === undefined ? {} : parseExcerpt(values.only);
  const result = await play(seed, excerpt, values.trace);
  if (values.story) console.log(result.story().join('\n'));
  show({ seed, violations: result.violations, counts: [...result.counts] });
  return result.violations.length === 0 ? 0 : 1;
}

function show({ seed, violations }: SeedReport): void {
  if (violations.length > 0) console.log(`\nseed ${seed} fails:`);
  for (const { invariant, message, atMs } of violations)
    console.log(`  ${atMs.toFixed(0)} ms ${invariant}: ${message}`);
}

async function runAll(): Promise<number> {
  const [from, seeds] = [Number(values.from), Number(values.seeds)];
  const totals = new Map<string, number>();
  const fewest = new Map<string, number>();
  const failed: number[] = [];
  const startMs = performance.now();
  const onReport = (one: SeedReport) => {
    show(one);
    if (one.violations.length > 0) failed.push(one.seed);
    for (const [name, count] of one.counts) {
      totals.set(name, (totals.get(name) ?? 0) + count);
      fewest.set(name, Math.min(fewest.get(name) ?? Number.POSITIVE_INFINITY, count));
    }
  };
  const args = ['--worker', '--scale', scaleName, ...(values.twice ? ['--twice'] : [])];
  await runSeeds({ from, seeds, jobs: Number(values.jobs), args }, onReport);
  const seconds = (performance.now() - startMs) / 1000;
  const first = failed.toSorted((a, b) => a - b)[0];
  if (first !== undefined) await showShortest(first);
  console.log(`\n${seeds} seeds from ${from}: ${failed.length} failed, ${seconds.toFixed(1)} s`);
  for (const [name, count] of [...totals].sort()) console.log(`  ${name.padEnd(40)} ${count}`);
  for (const name of ['requests', 'strikes']) console.log(`  fewest ${name} of a seed: ${fewest.get(name)}`);
  const missing = reachedTooSeldom(totals, { seeds, scale: scaleName });
  for (const { name, count, least } of missing) console.log(`  ${name}: ${count} times, expected ${least}`);
  return failed.length === 0 && missing.length === 0 ? 0 : 1;
}

if (values.help) console.log(HELP);
else if (values.worker) serveSeeds(report);
else if (Number(values.seeds) === 1) process.exitCode = await runOne(Number(values.from));
else process.exitCode = await runAll();
