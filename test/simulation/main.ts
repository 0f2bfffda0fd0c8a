import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Excerpt, formatExcerpt, parseExcerpt } from './excerpt.ts';
import { makeProductPlanet } from './product-planet.ts';
import { SeedTally } from './seed-tally.ts';
import { runSeeds, type SeedReport, serveSeeds } from './seed-workers.ts';
import { shrink } from './shrinking.ts';
import { type SimulationResult, simulate } from './simulation.ts';
import { SCALES, type ScaleName } from './swarm.ts';

/*
 * Many seeds, on as many cores as one likes. Prints what was found, made as short as it gets, with the one
 * command that replays it, and what the seeds had in them: a fault that never struck proves nothing.
 */

const HELP = `npm run sim -- [options]
  --seeds N      how many seeds (default 100; with --time as many as there is time for)
  --time S       begins no more seeds after so many seconds
  --from K       the first one (default 0)
  --scale NAME   full (default): 5 regions, at least 2,000 requests and 20 faults a seed; or small
  --jobs N       how many processes (default: one for each core)
  --twice        runs each seed twice and compares the stories
  --trace        prints every event of the first seed
  --story        prints what clients and faults did in the first seed
  --only ACTS    with one seed: only these requests and faults happen, as printed for a failing seed
  --no-shrink    prints the first failing seed as it is
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    time: { type: 'string' },
    from: { type: 'string', default: '0' },
    scale: { type: 'string', default: 'full' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    twice: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    story: { type: 'boolean', default: false },
    only: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const SECONDS_BETWEEN_LINES = 10;

const scaleName: ScaleName = values.scale === 'small' ? 'small' : 'full';
const seeds = Number(values.seeds ?? (values.time === undefined ? 100 : Number.POSITIVE_INFINITY));

function play(seed: number, excerpt: Excerpt = {}, isTraced = false): Promise<SimulationResult> {
  const sink = isTraced ? { traceSink: (line: string) => console.log(line) } : {};
  return simulate({ seed, scale: SCALES[scaleName], excerpt, makePlanet: makeProductPlanet, ...sink });
}

async function report(seed: number): Promise<SeedReport> {
  const { violations, digest, counts, simulatedMs } = await play(seed);
  const isSame = !values.twice || (await play(seed)).digest === digest;
  return {
    seed,
    digest,
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
  show({ seed, violations: result.violations });
  console.log(`story ${result.digest}`);
  return result.violations.length === 0 ? 0 : 1;
}

function show({ seed, violations }: Pick<SeedReport, 'seed' | 'violations'>): void {
  if (violations.length > 0) console.log(`\nseed ${seed} fails:`);
  for (const { invariant, message, atMs } of violations)
    console.log(`  ${atMs.toFixed(0)} ms ${invariant}: ${message}`);
}

async function runAll(): Promise<number> {
  const from = Number(values.from);
  const tally = new SeedTally({ seeds, scale: scaleName });
  const untilMs = values.time === undefined ? Number.POSITIVE_INFINITY : 1_000 * Number(values.time);
  let isStopped = false;
  process.once('SIGINT', () => {
    isStopped = true;
  });
  const progress = setInterval(() => console.error(tally.progress()), 1_000 * SECONDS_BETWEEN_LINES);
  const args = ['--worker', '--scale', scaleName, ...(values.twice ? ['--twice'] : [])];
  const isOver = () => isStopped || tally.elapsedMs >= untilMs;
  try {
    await runSeeds({ from, seeds, jobs: Number(values.jobs), args, isOver }, (one) => {
      show(one);
      tally.add(one);
    });
  } finally {
    clearInterval(progress);
  }
  const first = tally.firstFailed;
  if (first !== undefined) await showShortest(first);
  console.log(`\n${tally.summary(from).join('\n')}`);
  return tally.isGreen ? 0 : 1;
}

if (values.help) console.log(HELP);
else if (values.worker) serveSeeds(report);
else if (seeds === 1) process.exitCode = await runOne(Number(values.from));
else process.exitCode = await runAll();
