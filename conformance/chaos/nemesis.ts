import type { FaultClient } from '../harness/fault-client.ts';
import { CALM, type WeatherProxy } from './weather-proxy.ts';

export interface NemesisOptions {
  readonly faults: FaultClient;
  readonly regions: readonly string[];
  readonly proxies: readonly WeatherProxy[];
  /** SIGKILL for all processes at once, and a start from what they left on disk. */
  readonly killAll: () => Promise<void>;
  readonly isOver: () => boolean;
}

const PEACE_MS_MAX = 1_000;
const TROUBLE_MS_MAX = 3_000;
const SKEW_MS_MAX = 3_600_000;

type Trouble = (options: NemesisOptions) => Promise<() => Promise<void>>;

/** One trouble after the other until it is over, and each of them once; how often each of them struck. */
export async function haunt(options: NemesisOptions): Promise<Map<string, number>> {
  const strikes = new Map<string, number>();
  const names = Object.keys(TROUBLES);
  for (let number = 0; number < names.length || !options.isOver(); number++) {
    await sleep(Math.random() * PEACE_MS_MAX);
    const name = number < names.length ? names[number] : pick(names);
    const undo = await TROUBLES[name as keyof typeof TROUBLES](options);
    strikes.set(String(name), (strikes.get(String(name)) ?? 0) + 1);
    await sleep(200 + Math.random() * TROUBLE_MS_MAX);
    await undo();
  }
  return strikes;
}

const link = ({ regions }: NemesisOptions) => {
  const from = pick(regions);
  return { from, to: pick(regions.filter((name) => name !== from)) };
};

const fault =
  (body: (options: NemesisOptions) => Record<string, unknown>): Trouble =>
  (options) =>
    options.faults.add(body(options));

const weather =
  (change: Partial<WeatherProxy['weather']>): Trouble =>
  async ({ proxies }) => {
    const proxy = pick(proxies);
    proxy.weather = { ...CALM, ...change };
    return async () => {
      proxy.weather = CALM;
    };
  };

const TROUBLES = {
  'kill -9 of a region': async ({ faults, regions }) => {
    const region = pick(regions);
    await faults.kill(region);
    return () => faults.start(region);
  },
  'SIGSTOP of a region': fault(({ regions }) => ({ kind: 'pause', region: pick(regions) })),
  'kill -9 of everything': async ({ killAll }) => {
    await killAll();
    return async () => undefined;
  },
  cut: fault((options) => ({ kind: 'cut', ...link(options), direction: 'both' })),
  'cut one way': fault((options) => ({ kind: 'cut', ...link(options), direction: 'one' })),
  isolate: fault(({ regions }) => ({ kind: 'isolate', region: pick(regions) })),
  delay: fault((options) => ({ kind: 'delay', ...link(options), ms: 400, jitterMs: 600 })),
  duplicate: fault((options) => ({ kind: 'duplicate', ...link(options), probability: 0.3 })),
  reorder: fault((options) => ({ kind: 'reorder', ...link(options), probability: 0.3 })),
  skew: fault(({ regions }) => ({
    kind: 'skew',
    region: pick(regions),
    ms: Math.round((Math.random() - 0.5) * 2 * SKEW_MS_MAX),
  })),
  drift: fault(({ regions }) => ({ kind: 'drift', region: pick(regions), ppm: pick([-500, 500]) })),
  'slow clients': weather({ delayMs: 150 }),
  'broken connections': weather({ breakProbability: 0.02 }),
  'stalled connections': weather({ isStalled: true }),
} as const satisfies Record<string, Trouble>;

export const TROUBLE_NAMES: readonly string[] = Object.keys(TROUBLES);

function pick<T>(list: readonly T[]): T {
  const found = list[Math.floor(Math.random() * list.length)];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
