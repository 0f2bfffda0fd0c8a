import type { Environment } from './flags.ts';

/** This process's variables: the one place that reads them. */
export function environment(): Environment {
  return process.env;
}
