import {
  type ConsistencyLevel,
  REGION_NAMES,
  STALENESS_MAX,
  STALENESS_MIN,
  type Topology,
} from '../account/index.ts';
import { type Environment, type Reading, readFlags } from './flags.ts';
import { OPTIONS } from './options.ts';

/** What `orrery start` was asked for: valid, complete, deeply frozen. */
export interface StartOptions {
  /** Distinct names in failover-priority order, at least one. */
  readonly regions: readonly string[];
  readonly write: 'multi' | 'single';
  readonly consistency: ConsistencyLevel;
  readonly staleness: { readonly operations: number; readonly seconds: number };
  readonly unsafeBounds: boolean;
  /** Upper bound of every operation on items, in milliseconds. */
  readonly operationTimeoutMs: number;
  /** Which regions replicate with which directly, for an account that is made anew. */
  readonly topology: Topology;
  /** 0: every listener takes a free port. */
  readonly port: number;
  readonly host: string;
  /** As given, so possibly relative to the working directory; undefined: ephemeral, deleted at exit. */
  readonly data: string | undefined;
  readonly latency: Latency;
  readonly isolation: 'none' | 'process';
  /** Base64. */
  readonly key: string;
  readonly log: 'file';
  readonly directory: 'embedded';
  readonly allowFaults: boolean;
  readonly json: boolean;
}

/** Delay between regions, one way. */
export type Latency =
  | { readonly kind: 'none' }
  /** Estimated from the great circle between the regions; only known regions have a place. */
  | { readonly kind: 'real' }
  | { readonly kind: 'fixed'; readonly ms: number };

export type StartOptionsResult =
  | { readonly kind: 'options'; readonly options: StartOptions }
  | { readonly kind: 'problems'; readonly problems: readonly string[] };

/** Listeners above the global endpoint: the regions follow it, management stands at this distance. */
const MANAGEMENT_OFFSET = 9;
const REGION_NAME_CHARACTERS_MAX = 64;
const LATENCY_MS_MAX = 60_000;

/**
 * The options of `start` from its arguments (the command word taken off) and the environment. Every
 * problem is collected, so that its user can mend them all at once.
 */
export function readOptions(argv: readonly string[], env: Environment): StartOptionsResult {
  const reading = readFlags(OPTIONS, argv, env);
  const { values } = reading;
  const problems = [...reading.problems];
  for (const word of reading.positionals) problems.push(`unexpected argument '${word}'`);
  const regions = readRegions(values.regions, problems);
  const staleness = readStaleness(values.staleness, regions.length, values.unsafeBounds, problems);
  const data = readData(reading, problems);
  const latency = readLatency(values.latency, regions, problems);
  const topology = readTopology(values.topology, regions, problems);
  checkConsistency(reading, problems);
  checkPorts(values.port, regions.length, problems);
  checkEngines(values.log, values.directory, problems);
  checkKey(values.key, problems);
  if (/[\s/]/.test(values.host)) problems.push(`--host must be an address or a name, not '${values.host}'`);
  if (problems.length > 0) return { kind: 'problems', problems };
  const options: StartOptions = {
    regions: Object.freeze(regions),
    write: values.write,
    consistency: values.consistency,
    staleness: Object.freeze(staleness),
    unsafeBounds: values.unsafeBounds,
    operationTimeoutMs: values.operationTimeout,
    topology: Object.freeze(topology),
    port: values.port,
    host: values.host,
    data,
    latency: Object.freeze(latency),
    isolation: values.isolation,
    key: values.key,
    log: 'file',
    directory: 'embedded',
    allowFaults: values.allowFaults ?? true,
    json: values.json,
  };
  return { kind: 'options', options: Object.freeze(options) };
}

function readRegions(text: string, problems: string[]): string[] {
  const regions = text.split(',').map((name) => name.trim());
  const seen = new Set<string>();
  for (const name of regions) {
    // Clients compare region names without case and spaces, so two names that differ only there are one.
    const folded = name.toLowerCase().replaceAll(/\s/g, '');
    if (name === '') problems.push('--regions holds an empty name');
    else if (name.length > REGION_NAME_CHARACTERS_MAX || !/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u.test(name)) {
      problems.push(
        `--regions: '${name.slice(0, 80)}' is no region name; use at most ` +
          `${REGION_NAME_CHARACTERS_MAX} letters, digits, spaces, dots, dashes and underscores`,
      );
    } else if (seen.has(folded)) problems.push(`--regions names '${name}' twice`);
    seen.add(folded);
  }
  return regions;
}

function readStaleness(
  text: string | undefined,
  regionCount: number,
  isUnsafePermitted: boolean,
  problems: string[],
): StartOptions['staleness'] {
  const published = regionCount > 1 ? STALENESS_MIN.several : STALENESS_MIN.one;
  if (text === undefined) return { ...published };
  const match = /^(\d{1,12}),\s*(\d{1,12})$/.exec(text);
  if (match === null) {
    problems.push(`--staleness must be K,T: whole numbers of operations and of seconds, not '${text}'`);
    return { ...published };
  }
  const staleness = { operations: Number(match[1]), seconds: Number(match[2]) };
  for (const bound of ['operations', 'seconds'] as const) {
    const min = isUnsafePermitted ? 1 : published[bound];
    const value = staleness[bound];
    if (value > STALENESS_MAX[bound]) {
      problems.push(`--staleness: at most ${STALENESS_MAX[bound]} ${bound}, not ${value}`);
    } else if (value < min) {
      const advice = isUnsafePermitted ? '' : '; --unsafe-bounds permits less, for tests';
      problems.push(
        `--staleness: at least ${min} ${bound} for ${regionCount} region(s), not ${value}${advice}`,
      );
    }
  }
  return staleness;
}

function readData(reading: Reading<typeof OPTIONS>, problems: string[]): string | undefined {
  const { values, sources } = reading;
  if (!values.ephemeral) return values.data;
  // A flag may overrule a variable; two of one kind contradict each other.
  const dataSource = sources.get('data');
  const ephemeralSource = sources.get('ephemeral');
  if (dataSource === undefined) return undefined;
  if (dataSource === ephemeralSource)
    problems.push('--data and --ephemeral contradict each other: state is kept or deleted');
  return dataSource === 'flag' ? values.data : undefined;
}

function readLatency(text: string, regions: readonly string[], problems: string[]): Latency {
  if (text === 'none') return { kind: text };
  if (text === 'real') {
    for (const region of regions) {
      if (!REGION_NAMES.includes(region)) {
        problems.push(`--latency real needs regions of Azure, and '${region}' is none that is known`);
      }
    }
    return { kind: text };
  }
  const ms = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(ms <= LATENCY_MS_MAX)) {
    problems.push(`--latency must be none, real, or milliseconds from 0 to ${LATENCY_MS_MAX}, not '${text}'`);
    return { kind: 'none' };
  }
  return { kind: 'fixed', ms };
}

function readTopology(text: string, regions: readonly string[], problems: string[]): Topology {
  const [kind, hub] = text.includes(':')
    ? [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]
    : [text];
  switch (kind) {
    case 'auto':
    case 'mesh':
    case 'chain':
    case 'tree':
      if (hub === undefined) return { kind };
      break;
    case 'star':
      if (hub === undefined) return { kind };
      if (regions.includes(hub)) return { kind, hub };
      problems.push(`--topology: the hub of a star must be one of the regions, not '${hub}'`);
      return { kind };
  }
  problems.push(`--topology must be auto, mesh, star, star:REGION, chain or tree, not '${text}'`);
  return { kind: 'auto' };
}

function checkConsistency({ values }: Reading<typeof OPTIONS>, problems: string[]): void {
  if (values.consistency === 'Strong' && values.write === 'multi') {
    problems.push('--consistency Strong needs --write single: several write regions cannot agree in time');
  }
}

function checkPorts(port: number, regionCount: number, problems: string[]): void {
  if (port === 0) return;
  if (port + MANAGEMENT_OFFSET > 65_535) {
    problems.push(
      `--port ${port} leaves no room: management listens on ${port + MANAGEMENT_OFFSET}, above 65535`,
    );
  }
  if (regionCount >= MANAGEMENT_OFFSET) {
    problems.push(
      `${regionCount} regions do not fit below the management port; use at most ${MANAGEMENT_OFFSET - 1}, ` +
        'or --port 0 for free ports',
    );
  }
}

/** Repeats no value: such addresses hold passwords. */
function checkEngines(log: string, directory: string, problems: string[]): void {
  if (/^postgres(ql)?:\/\//.test(log)) {
    problems.push('--log postgres://… is not available in this version');
  } else if (log !== 'file') problems.push('--log must be file or postgres://…');
  if (directory.startsWith('etcd://')) {
    problems.push('--directory etcd://… is not available in this version');
  } else if (directory !== 'embedded') {
    problems.push('--directory must be embedded or etcd://…');
  }
}

/** Names the flag only: a key does not belong in a terminal's scrollback or a log. */
function checkKey(key: string, problems: string[]): void {
  const isBase64 = Buffer.from(key, 'base64').toString('base64') === key;
  if (!isBase64) problems.push('--key must be base64, with its padding');
}
