import type { OptionTable } from './option.ts';

/** The key that every emulator of this protocol publishes: a convenience for development, never a secret. */
const WELL_KNOWN_KEY =
  'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';

/**
 * Every setting of `orrery start`. Flags, variables, types, ranges and help derive from this table;
 * relations between settings are checked in start-options.ts.
 */
export const OPTIONS = {
  regions: {
    type: 'text',
    placeholder: '"A,B,C"',
    default: 'West US,North Europe,Southeast Asia',
    help: 'Region names, in failover-priority order.',
  },
  write: {
    type: 'choice',
    choices: ['multi', 'single'],
    default: 'multi',
    help: 'Several write regions, or only the first.',
  },
  consistency: {
    type: 'choice',
    placeholder: 'LEVEL',
    choices: ['Strong', 'BoundedStaleness', 'Session', 'ConsistentPrefix', 'Eventual'],
    default: 'Session',
    help: 'Default consistency level of the account.',
  },
  staleness: {
    type: 'text',
    placeholder: 'K,T',
    default: undefined,
    help: 'Bound of BoundedStaleness: K operations, T seconds; the published minimum unless given.',
  },
  unsafeBounds: {
    type: 'switch',
    default: false,
    help: 'Permit --staleness below the published minimum, for tests.',
  },
  operationTimeout: {
    type: 'integer',
    placeholder: 'MS',
    default: 5_000,
    min: 100,
    max: 600_000,
    help: 'Upper bound of every operation on items; what takes longer is answered with a time-out (408).',
  },
  topology: {
    type: 'text',
    placeholder: 'auto|mesh|star[:REGION]|chain|tree',
    default: 'auto',
    help: 'Which regions replicate with which directly, for an account that is made anew.',
  },
  port: {
    type: 'integer',
    placeholder: 'N',
    default: 8081,
    min: 0,
    max: 65_535,
    help: 'Global endpoint; region i listens on N+1+i, management on N+9. 0 picks free ports.',
  },
  host: { type: 'text', placeholder: 'ADDRESS', default: '127.0.0.1', help: 'Listen address.' },
  data: {
    type: 'text',
    placeholder: 'DIR',
    default: './.orrery',
    help: 'Folder of the durable state.',
  },
  ephemeral: { type: 'switch', default: false, help: 'Delete all state at exit; excludes --data.' },
  latency: {
    type: 'text',
    placeholder: 'none|real|MS',
    default: 'none',
    help: 'Delay between regions: none, great-circle estimate, or a fixed one-way figure.',
  },
  isolation: {
    type: 'choice',
    choices: ['none', 'process'],
    default: 'none',
    help: 'All regions in one process, or one child process for each.',
  },
  key: {
    type: 'text',
    placeholder: 'BASE64',
    default: WELL_KNOWN_KEY,
    help: "Account key; the emulator's well-known key unless given.",
  },
  log: {
    type: 'text',
    placeholder: 'file|postgres://…',
    default: 'file',
    help: 'Where the partition logs live; postgres://… is refused in this version.',
  },
  directory: {
    type: 'text',
    placeholder: 'embedded|etcd://…',
    default: 'embedded',
    help: 'Where account state lives; etcd://… is refused in this version.',
  },
  allowFaults: {
    type: 'switch',
    default: undefined,
    help: 'Open the fault interface; on with the embedded directory, off otherwise.',
  },
  json: { type: 'switch', default: false, help: 'Machine-readable output, one JSON object per line.' },
} as const satisfies OptionTable;

/** What every command that talks to a running server takes. */
export const CLIENT_OPTIONS = {
  host: { ...OPTIONS.host, help: "The server's listen address." },
  port: { ...OPTIONS.port, min: 1, max: 65_526, help: "The server's --port; management is 9 above it." },
  management: {
    type: 'text',
    placeholder: 'URL',
    default: undefined,
    help: 'Management endpoint; needed when the server runs on free ports.',
  },
  json: OPTIONS.json,
} as const satisfies OptionTable;

/** What `orrery explain` takes: it speaks to the SQL API. */
export const EXPLAIN_OPTIONS = {
  host: CLIENT_OPTIONS.host,
  port: { ...CLIENT_OPTIONS.port, help: "The server's --port." },
  endpoint: {
    type: 'text',
    placeholder: 'URL',
    default: undefined,
    help: 'Global or regional endpoint of the SQL API, instead of --host and --port.',
  },
  key: OPTIONS.key,
  partitionKey: {
    type: 'text',
    placeholder: 'JSON',
    default: undefined,
    variable: false,
    help: 'Confines the query to one partition key, as a JSON array: \'["a"]\'.',
  },
  range: {
    type: 'text',
    placeholder: 'ID',
    default: undefined,
    variable: false,
    help: 'Confines the query to one partition key range.',
  },
  json: OPTIONS.json,
} as const satisfies OptionTable;
