/** The options tables, read once; the only place that looks at the environment. */
export { environment } from './environment.ts';
export { type Environment, type Reading, readFlags, type Source } from './flags.ts';
export { describeOptions } from './help.ts';
export { endpointUrl, managementUrl } from './management-url.ts';
export { flagOf, type Option, type OptionTable, type Values } from './option.ts';
export { CLIENT_OPTIONS, EXPLAIN_OPTIONS, OPTIONS } from './options.ts';
export { type Latency, readOptions, type StartOptions, type StartOptionsResult } from './start-options.ts';
