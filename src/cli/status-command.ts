import { CLIENT_OPTIONS, environment, managementUrl, readFlags } from '../config/index.ts';
import { askManagement, demandManagement, ManagementError } from './management-client.ts';
import { refuse, type Terminal } from './terminal.ts';

/** A line of `/replication`, as far as `status` looks at it. */
interface ReplicationLine {
  readonly region: string;
  readonly role?: string;
  readonly siblings?: number;
  readonly tombstones?: number;
  readonly conflicts?: number;
  readonly lag?: Readonly<Record<string, { readonly operations: number; readonly ms: number }>>;
}

/** Runs `orrery status`: exit code 0 when the server is ready, 1 when it is not or nobody answers. */
export async function status(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals, problems } = readFlags(CLIENT_OPTIONS, argv, environment());
  const found = [...problems, ...positionals.map((word) => `unexpected argument '${word}'`)];
  if (found.length > 0) {
    refuse(terminal, values.json, found);
    return 2;
  }
  const base = managementUrl(values);
  try {
    const ready = await askManagement(base, 'GET', '/readyz');
    const replication = await demandManagement(base, 'GET', '/replication');
    if (values.json)
      terminal.out(JSON.stringify({ ready: ready.status === 200, reason: ready.body, replication }));
    else {
      terminal.out(ready.status === 200 ? 'ready' : `not ready: ${JSON.stringify(ready.body)}`);
      for (const line of describeReplication(linesOf(replication))) terminal.out(line);
    }
    return ready.status === 200 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    refuse(terminal, values.json, [error.message]);
    return 1;
  }
}

/** The list itself, or the one list that an envelope holds. */
function linesOf(answer: unknown): readonly ReplicationLine[] {
  if (Array.isArray(answer)) return answer;
  return Object.values((answer ?? {}) as object).find(Array.isArray) ?? [];
}

function describeReplication(lines: readonly ReplicationLine[]): string[] {
  const byRegion = new Map<string, ReplicationLine[]>();
  for (const line of lines) byRegion.set(line.region, [...(byRegion.get(line.region) ?? []), line]);
  const width = Math.max(0, ...[...byRegion.keys()].map((region) => region.length));
  return [...byRegion].map(([region, own]) => {
    const lags = own.flatMap((line) => Object.values(line.lag ?? {}));
    const sum = (field: 'siblings' | 'tombstones' | 'conflicts'): number =>
      own.reduce((total, line) => total + (line[field] ?? 0), 0);
    return (
      `${region.padEnd(width)}  ${own[0]?.role ?? ''}  partitions ${own.length}` +
      `  lag ${Math.max(0, ...lags.map((lag) => lag.operations))} operations` +
      ` ${Math.max(0, ...lags.map((lag) => lag.ms))} ms` +
      `  siblings ${sum('siblings')}  tombstones ${sum('tombstones')}  conflicts ${sum('conflicts')}`
    );
  });
}
