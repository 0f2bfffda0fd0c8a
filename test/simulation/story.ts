import type { OperationRecord, Outcome } from './client-history.ts';
import type { QueryRecord } from './query-history.ts';
import type { Violation } from './violations.ts';

/** What clients and faults did in one simulation. */
export interface Story {
  /** Faults, restarts. */
  readonly notes: readonly { readonly atMs: number; readonly what: string }[];
  readonly records: OperationRecord[];
  readonly queries: QueryRecord[];
  /** Names of requests and strikes: see Excerpt. */
  readonly acts: string[];
}

/** One line for each thing that happened, in order of its end, for people to read. */
export function writeStory({ notes, records, queries }: Story, violations: readonly Violation[]): string[] {
  const lines: { atMs: number; text: string }[] = notes.map(({ atMs, what }) => ({
    atMs,
    text: `-- ${what}`,
  }));
  for (const record of records) lines.push({ atMs: endOf(record), text: textOfRequest(record) });
  for (const { atMs, number, region, values } of queries) {
    lines.push({ atMs, text: `${region}: query #${number} finds [${values.join(' ')}]` });
  }
  for (const { atMs, invariant, message } of violations) {
    lines.push({ atMs, text: `!! ${invariant}: ${message.split('\n', 1)[0]}` });
  }
  lines.sort((a, b) => a.atMs - b.atMs);
  return lines.map(({ atMs, text }) => `${atMs.toFixed(1).padStart(10)} ms  ${text}`);
}

function endOf({ outcome, completedAtMs, invokedAtMs }: OperationRecord): number {
  return outcome === undefined ? invokedAtMs : completedAtMs;
}

function textOfRequest(record: OperationRecord): string {
  const { number, region, request, outcome, invokedAtMs } = record;
  const { kind, item, value, priority, ifMatch, sessionToken, client, session, batch } = request;
  const details = [
    ...(value === undefined ? [] : [`= ${value}`]),
    ...(value === undefined || priority === undefined ? [] : [`priority ${priority}`]),
    ...(batch === undefined ? [] : [`in batch ${batch}`]),
    ...(ifMatch === undefined ? [] : [`if ${ifMatch}`]),
    ...(sessionToken === undefined ? [] : [`token ${sessionToken}`]),
  ];
  const what = `#${number} ${kind} ${item.partitionKey}/${item.id} ${details.join(', ')}`.trimEnd();
  const since = `since ${invokedAtMs.toFixed(1)} ms`;
  return `${region}: client ${client}.${session} ${what} -> ${textOfOutcome(outcome)} (${since})`;
}

function textOfOutcome(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case undefined:
      return 'no answer yet';
    case 'ok':
      return [outcome.value ?? 'done', outcome.etag, outcome.token].filter(Boolean).join(' ');
    case 'refused':
      return outcome.code;
    case 'unknown':
      return `nobody knows: ${outcome.reason}`;
  }
}
