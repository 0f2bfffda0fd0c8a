/** User-defined functions of queries: each is called for many rows in one run of the sandbox. */
import type { ContainerRecord, Directory } from '../account/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { FunctionCall, FunctionCaller } from '../query/index.ts';
import { SCRIPT_LIMITS, type ScriptRunner } from '../script/index.ts';
import { scriptFailure } from './script-failure.ts';

export interface FunctionCallerOptions {
  readonly directory: Directory;
  readonly runner: ScriptRunner;
}

type Value = FunctionCall['operands'][number];

/** @throws DatabaseError `BadRequest` for a function that the container has not, or that throws. */
export function functionCaller(options: FunctionCallerOptions, container: ContainerRecord): FunctionCaller {
  return async (calls) => {
    const places = new Map<string, number[]>();
    for (const [place, { name }] of calls.entries()) {
      const others = places.get(name);
      if (others === undefined) places.set(name, [place]);
      else others.push(place);
    }
    const values: Value[] = new Array(calls.length);
    for (const [name, own] of places) {
      const rows = own.map((place) => (calls[place] as FunctionCall).operands);
      const results = await callOne(options, container, name, rows);
      for (const [index, place] of own.entries()) values[place] = results[index];
    }
    return values;
  };
}

async function callOne(
  { directory, runner }: FunctionCallerOptions,
  container: ContainerRecord,
  name: string,
  rows: readonly (readonly Value[])[],
): Promise<Value[]> {
  const script = directory.findScript(container.rid, 'userDefinedFunction', name);
  if (script === undefined) {
    throw new DatabaseError('BadRequest', `The container has no user-defined function '${name}'.`);
  }
  const outcome = await runner.run(
    {
      kind: 'function',
      source: script.definition.body,
      // JSON has no undefined: a value is a list of one, and undefined an empty list.
      arguments: rows.map((row) => row.map((value) => (value === undefined ? [] : [value]))),
      limits: SCRIPT_LIMITS,
    },
    async () => [],
  );
  if (outcome.kind !== 'done') throw scriptFailure(outcome);
  const results = Array.isArray(outcome.body) ? outcome.body : [];
  return rows.map((_, index) => {
    const result = results[index];
    return Array.isArray(result) ? result[0] : undefined;
  });
}
