import type { OptionTable, Values } from '../config/index.ts';
import {
  CLIENT_OPTIONS,
  describeOptions,
  environment,
  flagOf,
  managementUrl,
  readFlags,
} from '../config/index.ts';
import { demandManagement, ManagementError } from './management-client.ts';
import { refuse, type Terminal } from './terminal.ts';

const FAULT_OPTIONS = {
  from: {
    type: 'text',
    placeholder: 'REGION',
    default: undefined,
    variable: false,
    help: 'One end of a link.',
  },
  to: { type: 'text', placeholder: 'REGION', default: undefined, variable: false, help: 'Its other end.' },
  region: {
    type: 'text',
    placeholder: 'REGION',
    default: undefined,
    variable: false,
    help: 'The region concerned.',
  },
  direction: {
    type: 'choice',
    choices: ['both', 'one'],
    default: undefined,
    variable: false,
    help: 'Whether a cut stops both directions of the link.',
  },
  ms: {
    type: 'integer',
    placeholder: 'MS',
    min: -86_400_000,
    max: 86_400_000,
    default: undefined,
    variable: false,
    help: 'Delay, or how far a clock is off.',
  },
  jitterMs: {
    type: 'integer',
    placeholder: 'MS',
    min: 0,
    max: 60_000,
    default: undefined,
    variable: false,
    help: 'Random part that is added to a delay.',
  },
  probability: {
    type: 'number',
    placeholder: 'P',
    min: 0,
    max: 1,
    default: undefined,
    variable: false,
    help: 'Share of frames hit.',
  },
  entriesPerSecond: {
    type: 'number',
    placeholder: 'N',
    min: 0.001,
    max: 1_000_000,
    default: undefined,
    variable: false,
    help: 'What a throttled link still carries.',
  },
  ppm: {
    type: 'integer',
    placeholder: 'PPM',
    min: -10_000,
    max: 10_000,
    default: undefined,
    variable: false,
    help: 'Clock drift, in parts per million.',
  },
  timeoutMs: {
    type: 'integer',
    placeholder: 'MS',
    min: 1,
    max: 3_600_000,
    default: undefined,
    variable: false,
    help: 'How long quiesce waits; 30000 unless given.',
  },
  all: { type: 'switch', default: false, variable: false, help: 'Remove every fault.' },
} as const satisfies OptionTable;

type FaultField = Exclude<keyof typeof FAULT_OPTIONS, 'all' | 'timeoutMs'>;

/** What each kind of fault must and may be told. */
const KINDS: Readonly<
  Record<string, { readonly required: readonly FaultField[]; readonly optional?: readonly FaultField[] }>
> = {
  cut: { required: ['from', 'to'], optional: ['direction'] },
  isolate: { required: ['region'] },
  delay: { required: ['from', 'to', 'ms'], optional: ['jitterMs'] },
  duplicate: { required: ['from', 'to', 'probability'] },
  reorder: { required: ['from', 'to', 'probability'] },
  throttle: { required: ['from', 'to', 'entriesPerSecond'] },
  pause: { required: ['region'] },
  skew: { required: ['region', 'ms'] },
  drift: { required: ['region', 'ppm'] },
};

const REGION_ACTIONS = ['kill', 'start', 'wipe', 'collect'];

/** One request to the management listener, and the line that tells a person of its success. */
interface Order {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  tell(answer: unknown): string[];
}

export function faultHelp(): string {
  return `orrery fault list
orrery fault add KIND …                 KIND: ${Object.keys(KINDS).join(', ')}
orrery fault remove ID | --all
orrery fault kill|start|wipe|collect REGION
orrery fault quiesce                    heal everything, wait until all regions agree

${describeOptions({ ...FAULT_OPTIONS, ...CLIENT_OPTIONS })}`;
}

/** Runs `orrery fault …` and gives the exit code. */
export async function fault(argv: readonly string[], terminal: Terminal): Promise<number> {
  const table = { ...FAULT_OPTIONS, ...CLIENT_OPTIONS };
  const { values, positionals, problems } = readFlags(table, argv, environment());
  const found = [...problems];
  const order = readOrder(positionals, values, found);
  if (order === undefined || found.length > 0) {
    refuse(terminal, values.json, found);
    return 2;
  }
  try {
    const answer = await demandManagement(managementUrl(values), order.method, order.path, order.body);
    if (values.json) terminal.out(JSON.stringify(answer ?? {}));
    else for (const line of order.tell(answer)) terminal.out(line);
    return 0;
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    refuse(terminal, values.json, [error.message]);
    return 1;
  }
}

function readOrder(
  words: readonly string[],
  values: Values<typeof FAULT_OPTIONS>,
  problems: string[],
): Order | undefined {
  const [action, subject, ...rest] = words;
  if (rest.length > 0) problems.push(`unexpected argument '${rest[0]}'; names with spaces need quotes`);
  if (action === 'list') return { method: 'GET', path: '/faults', tell: describeList };
  if (action === 'add') return readAddition(subject, values, problems);
  if (action === 'remove') {
    if ((subject === undefined) !== values.all)
      problems.push('fault remove needs the id of one fault, or --all');
    const path = values.all ? '/faults' : `/faults/${encodeURIComponent(subject ?? '')}`;
    return {
      method: 'DELETE',
      path,
      tell: () => [values.all ? 'all faults removed' : `fault ${subject} removed`],
    };
  }
  if (action === 'quiesce') {
    const body = { timeoutMs: values.timeoutMs ?? 30_000 };
    return { method: 'POST', path: '/faults/quiesce', body, tell: () => ['all regions agree'] };
  }
  if (action !== undefined && REGION_ACTIONS.includes(action)) {
    const region = subject ?? values.region;
    if (region === undefined) problems.push(`fault ${action} needs a region`);
    return {
      method: 'POST',
      path: `/faults/${action}`,
      body: { region },
      tell: () => [`${action} ${region}: done`],
    };
  }
  const known = ['list', 'add', 'remove', ...REGION_ACTIONS, 'quiesce'].join(', ');
  problems.push(
    action === undefined
      ? `fault needs one of ${known}`
      : `unknown fault command '${action}'; one of ${known}`,
  );
  return undefined;
}

function readAddition(
  kind: string | undefined,
  values: Values<typeof FAULT_OPTIONS>,
  problems: string[],
): Order | undefined {
  const fields = kind === undefined || !Object.hasOwn(KINDS, kind) ? undefined : KINDS[kind];
  if (fields === undefined) {
    problems.push(`fault add needs one of ${Object.keys(KINDS).join(', ')}`);
    return undefined;
  }
  const body: Record<string, unknown> = { kind };
  for (const field of Object.keys(FAULT_OPTIONS) as (keyof typeof FAULT_OPTIONS)[]) {
    if (field === 'all' || field === 'timeoutMs') continue;
    const value = values[field];
    const isRequired = fields.required.includes(field);
    if (value === undefined && isRequired) problems.push(`fault add ${kind} needs ${flagOf(field)}`);
    if (value === undefined) continue;
    if (!isRequired && !fields.optional?.includes(field)) {
      problems.push(`fault add ${kind} has no ${flagOf(field)}`);
    }
    body[field] = value;
  }
  const tell = (answer: unknown): string[] => [`fault ${(answer as { id?: unknown } | undefined)?.id} added`];
  return { method: 'POST', path: '/faults', body, tell };
}

function describeList(answer: unknown): string[] {
  const faults = Array.isArray(answer)
    ? answer
    : ((answer as { faults?: unknown[] } | undefined)?.faults ?? []);
  return faults.length === 0 ? ['no faults'] : faults.map((one) => JSON.stringify(one));
}
