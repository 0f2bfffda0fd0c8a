import { judgeLevel } from './client-checks.ts';
import { judgeHistory, type OperationRecord, valuesAsked } from './client-history.ts';
import { judgeConditional } from './conditional-writes.ts';
import { judgeConflicts } from './conflict-history.ts';
import { judgeCounters } from './counters.ts';
import type { Excerpt } from './excerpt.ts';
import { Ledger } from './ledger.ts';
import { Lifetimes } from './lifetimes.ts';
import { judgeLists } from './lists.ts';
import { Nemesis } from './nemesis.ts';
import { Observer } from './observer.ts';
import { People } from './people.ts';
import { PlanetDriver, textOf } from './planet-driver.ts';
import { judgeQueries } from './query-history.ts';
import type { PlanetUnderTest } from './region-under-test.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { type Story, writeStory } from './story.ts';
import { drawSwarm, isTimeCausal, SCALES, type Scale, type Swarm } from './swarm.ts';
import { judgeTokens } from './token-history.ts';
import { Trace } from './trace.ts';
import { countTraps } from './traps.ts';
import { type Violation, Violations } from './violations.ts';
import { Workload } from './workload.ts';

/** What a planet is made of in a simulation. */
export interface PlanetContext {
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly swarm: Swarm;
}

export type MakePlanet = (context: PlanetContext) => Promise<PlanetUnderTest>;

export interface SimulationOptions {
  readonly seed: number;
  readonly makePlanet: MakePlanet;
  /** Default: the small one. */
  readonly scale?: Scale;
  /** Default: everything happens. */
  readonly excerpt?: Excerpt;
  /** Changes the world that the seed draws: for tests of one thing. */
  readonly adjust?: (swarm: Swarm) => Swarm;
  readonly traceSink?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Hash of all that happened: equal for two runs of one seed, or something real leaked in. */
  readonly digest: string;
  /** How often each thing happened: kinds of faults, outcomes of requests, states that were judged. */
  readonly counts: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
  /** Names of the requests and strikes that happened, in order: see Excerpt. */
  readonly acts: readonly string[];
  /** What clients and faults did, one line each, in order. */
  readonly story: () => string[];
  readonly recentLines: readonly string[];
}

/** Longest time that healing may take (I2), and then that siblings and marks may stay (I20). */
const HEAL_MS_MAX = 30_000;
const SETTLE_MS_MAX = 60_000;
const OBSERVE_EVERY_MS = 500;
const SIMULATED_MS_MAX = 24 * 3_600_000;
/** Reads with a token wait about this long before another region is asked. */
const FORWARDED_AFTER_MS = 900;

/** One seed, from the start of all regions to the judgement. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const trace = new Trace(options.traceSink);
  const random = new SeededRandom(options.seed);
  const runtime = new SimulatedRuntime({ random: random.split('runtime'), trace });
  const network = new SimulatedNetwork({ runtime, random: random.split('network') });
  const { scale = SCALES.small, excerpt = {} } = options;
  const drawn = drawSwarm(random.split('swarm'), scale);
  const adjusted = options.adjust?.(drawn) ?? drawn;
  const swarm = { ...adjusted, regions: adjusted.regions.slice(0, excerpt.regions) };
  network.setAllLinks(swarm.link);
  const violations = new Violations(() => runtime.elapsedMs);
  const counts = new Map<string, number>();
  const story: Story = { notes: runtime.notes, records: [], queries: [], acts: [] };
  const world = { runtime, network, swarm, violations, random, counts, excerpt, story };

  let isDone = false;
  const fail = (error: unknown) => violations.report('the process goes on', textOf(error));
  process.on('unhandledRejection', fail);
  try {
    void live(world, options.makePlanet)
      .catch(fail)
      .finally(() => {
        isDone = true;
      });
    await runtime.run({ untilMs: SIMULATED_MS_MAX, isDone: () => isDone });
    if (!isDone) violations.report('the process goes on', 'the simulation came to a standstill');
  } catch (error) {
    fail(error);
  } finally {
    process.off('unhandledRejection', fail);
  }
  for (const [name, count] of Object.entries(network.counts)) counts.set(`frames ${name}`, count);
  return {
    seed: options.seed,
    violations: violations.list,
    digest: trace.digest(),
    counts,
    simulatedMs: runtime.elapsedMs,
    acts: story.acts,
    story: () => writeStory(story, violations.list),
    recentLines: trace.recent(60),
  };
}

interface World {
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly swarm: Swarm;
  readonly violations: Violations;
  readonly random: SeededRandom;
  readonly counts: Map<string, number>;
  readonly excerpt: Excerpt;
  readonly story: Story;
}

async function live(world: World, makePlanet: MakePlanet): Promise<void> {
  const { runtime, network, swarm, violations, random, counts, story } = world;
  const planet = await makePlanet({ runtime, network, random: random.split('planet'), swarm });
  const ledger = new Ledger({
    violations,
    lifetimes: new Lifetimes(swarm),
    nowMs: () => runtime.elapsedMs,
    isTimeCausal: isTimeCausal(swarm),
    isUnique: swarm.uniqueValues > 0,
  });
  const onWiped = (region: string) => ledger.forget(region);
  const driver = new PlanetDriver({ ...world, planet, skewMs: swarm.skewMs, onWiped });
  const observer = new Observer({ ...world, driver, ledger });
  const progress = () => workload.progress;
  const chance = random.split('nemesis');
  const nemesis = new Nemesis({ ...world, driver, acts: story.acts, random: chance, progress });
  const hadEnough = () => nemesis.count >= swarm.strikesMin;
  const people = new People({ ...world, driver, ledger });
  const workload = new Workload({ ...world, driver, people, random: random.split('workload'), hadEnough });

  await Promise.all(driver.names.map((name) => driver.start(name)));
  await workload.makeShared();
  nemesis.start();
  const observing = observer.run(OBSERVE_EVERY_MS);
  await Promise.all([workload.run(), workload.collect()]);
  await nemesis.stop();
  observer.stop();
  await observing;
  if (await becomesQuiet(world, observer)) {
    await people.compareAll(() => observer.observe(), SETTLE_MS_MAX);
    await becomesSettled(world, observer, people);
    await observer.judgeEnd();
    const wipes = (region: string) => driver.wipes(region);
    const needsLeases = swarm.account === 'strong' || swarm.account === 'bounded';
    const regions = driver.names;
    judgeHistory(workload.records, {
      ledger,
      violations,
      regions,
      wipes,
      forwardedAfterMs: FORWARDED_AFTER_MS,
      needsLeases,
    });
    counts.set('conflicts of items that gave way', judgeConflicts({ ledger, swarm, violations }));
    counts.set('counters judged', judgeCounters({ records: workload.records, driver, violations }));
    judgeOneOrder(world, driver, workload.records);
    judgeTokens(workload.records, violations);
    const asked = valuesAsked(workload.records);
    judgeQueries(workload.queries, { ledger, violations, wipes, needsLeases, asked });
    judgeLevel({ records: workload.records, swarm, ledger, violations, wipes });
    for (const [name, count] of countTraps({ ledger, records: workload.records, regions })) {
      counts.set(name, count);
    }
  }
  for (const { region } of driver.open()) await region.close();

  counts.set('states judged', observer.judged);
  counts.set('queries judged', observer.queries + workload.queries.length);
  counts.set('entries', sum(ledger.partitions().map((number) => ledger.universe(number).size)));
  counts.set(`account ${swarm.account}`, 1);
  counts.set(`topology ${swarm.topology}`, 1);
  if (swarm.uniqueValues > 0) counts.set('items that gave way', ledger.countGivenWay());
  counts.set('requests', workload.made);
  counts.set('operations', workload.records.length + workload.queries.length);
  counts.set('strikes', nemesis.count);
  counts.set(`conflicts ${swarm.conflicts}`, 1);
  if (swarm.uniqueValues > 0) counts.set(`unique keys, conflicts ${swarm.conflicts}`, 1);
  if (swarm.defaultTtl !== undefined) counts.set('worlds with a time to live', 1);
  if (swarm.defaultTtl !== undefined && swarm.uniqueValues === 0) {
    counts.set('items taken away after their time', countExpiries(ledger));
  }
  counts.set('conflicts in the feed at the end', people.found);
  counts.set('conflicts dealt with', people.dealt);
  counts.set('disks found damaged', driver.replaced);
  counts.set('disks found outdated', driver.foundOutdated);
  counts.set('views made anew for an older disk', driver.remembered);
  for (const [fault, strikes] of nemesis.strikes) counts.set(`fault ${fault}`, strikes);
  countOutcomes(workload.records, counts);
}

function countOutcomes(records: readonly OperationRecord[], counts: Map<string, number>): void {
  const add = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { outcome, request } of records) {
    add(`${request.kind} ${outcome?.kind === 'refused' ? outcome.code : (outcome?.kind ?? 'pending')}`);
    if (outcome?.kind === 'unknown') add(`unknown: ${outcome.reason}`);
  }
}

/** I2: once nothing is in the way any more, all regions reach the same vectors. */
async function becomesQuiet({ runtime, violations }: World, observer: Observer): Promise<boolean> {
  const deadlineMs = runtime.elapsedMs + HEAL_MS_MAX;
  for (;;) {
    await observer.observe();
    const differences = observer.differences();
    if (differences.length === 0) return true;
    if (runtime.elapsedMs >= deadlineMs) {
      violations.report('I2 quiet regions have equal vectors', differences.slice(0, 5).join('; '));
      return false;
    }
    await runtime.sleep(100, 'heal');
  }
}

/** I20: and then, as people deal with what is for them, forget what nobody needs any more. */
async function becomesSettled(
  { runtime, violations }: World,
  observer: Observer,
  people: People,
): Promise<void> {
  const deadlineMs = runtime.elapsedMs + SETTLE_MS_MAX;
  for (;;) {
    const unsettled = observer.unsettled();
    if (unsettled.length === 0) return;
    if (runtime.elapsedMs >= deadlineMs) {
      violations.report('I20 siblings and marks go away', `still there: ${unsettled.slice(0, 5).join('; ')}`);
      return;
    }
    await people.dealWithAll();
    await runtime.sleep(250, 'settle');
    await observer.observe();
  }
}

/** Where one region writes, and none of it was lost, what clients saw there has one order. */
function judgeOneOrder(
  { swarm, counts, violations }: World,
  driver: PlanetDriver,
  records: readonly OperationRecord[],
): void {
  const [writer = ''] = swarm.regions;
  if (swarm.account === 'multi' || swarm.defaultTtl !== undefined || driver.wipes(writer) > 0) return;
  const isOrdered = ({ region }: OperationRecord) => swarm.account === 'strong' || region === writer;
  const isHere = ({ region, isVoid }: OperationRecord) => region === writer && !isVoid;
  counts.set('transactions on lists judged', judgeLists(records.filter(isHere), violations));
  const { judged, givenUp } = judgeConditional(records.filter(isOrdered), violations);
  counts.set('compare-and-set histories judged', judged);
  counts.set('compare-and-set histories given up', givenUp);
}

function countExpiries(ledger: Ledger): number {
  const changes = ledger.partitions().flatMap((number) => [...ledger.changes(number)]);
  return changes.filter(({ operation }) => operation.kind === 'expire').length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
