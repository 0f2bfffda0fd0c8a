import { parseArgs } from 'node:util';
import { makeProductPlanet } from './product-planet.ts';
import { type SimulationResult, simulate } from './simulation.ts';

/*
 * Many seeds, one after the other. Prints what was found, with the one command that replays it, and what the
 * seeds had in them: a fault that never struck proves nothing.
 */

const HELP = `npm run sim -- [options]
  --seeds N   how many seeds (default 100)
  --from K    the first one (default 0)
  --twice     runs each seed twice and compares the stories
  --trace     prints every event of the first seed
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '0' },
    twice: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function runSeed(seed: number, isTraced: boolean): Promise<SimulationResult> {
  const sink = isTraced ? { traceSink: (line: string) => console.log(line) } : {};
  return simulate({ seed, makePlanet: makeProductPlanet, ...sink });
}

function show({ seed, violations, recentLines }: SimulationResult): void {
  console.log(`\nseed ${seed} fails; replay it with: npm run sim -- --seeds 1 --from ${seed} --trace`);
  for (const { invariant, message, atMs } of violations)
    console.log(`  ${atMs.toFixed(0)} ms ${invariant}: ${message}`);
  console.log(
    recentLines
      .slice(-12)
      .map((line) => `    ${line}`)
      .join('\n'),
  );
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [from, seeds] = [Number(values.from), Number(values.seeds)];
  const totals = new Map<string, number>();
  const startMs = performance.now();
  let failed = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await runSeed(seed, values.trace && seed === from);
    if (result.violations.length > 0) {
      failed += 1;
      show(result);
    }
    if (values.twice && (await runSeed(seed, false)).digest !== result.digest) {
      failed += 1;
      console.log(`\nseed ${seed}: two runs tell two stories`);
    }
    for (const [name, count] of result.counts) totals.set(name, (totals.get(name) ?? 0) + count);
    totals.set(
      'simulated seconds',
      (totals.get('simulated seconds') ?? 0) + Math.round(result.simulatedMs / 1000),
    );
  }
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`\n${seeds} seeds from ${from}: ${failed} failed, ${seconds.toFixed(1)} s`);
  for (const [name, count] of [...totals].sort()) console.log(`  ${name.padEnd(32)} ${count}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
