import type { Json, JsonObject } from '../base/index.ts';

/** What a script is run as: decides what it finds around it. */
export type ScriptKind =
  /** Stored procedures and merge procedures: the context, and arguments. */
  | 'procedure'
  /** Triggers: the context, with the request (and for post-triggers the response) of the write. */
  | 'trigger'
  /** Functions of queries: nothing but the language. */
  | 'function';

export interface ScriptLimits {
  /** From the first instruction to the end, waiting for the database included. */
  readonly timeMs: number;
  /** Of WebAssembly memory, everything included. */
  readonly memoryBytes: number;
  /**
   * A bound of work that no clock decides: some ten thousand instructions each. It makes runs end where time
   * stands still, as in the simulator, and end at the same place each time.
   */
  readonly interrupts: number;
  /** Calls of the collection in one run: one more is not accepted. */
  readonly requests: number;
}

/** What the hosted service states, where it states anything. */
export const SCRIPT_LIMITS: ScriptLimits = {
  timeMs: 5000,
  memoryBytes: 64 << 20,
  interrupts: 200_000,
  requests: 10_000,
};

/** Share of the time after which calls are no longer accepted, so that a script can end in good order. */
export const ACCEPT_SHARE = 0.8;

/** One call of the collection. `link` and the rest are as the script gave them: nothing was checked. */
export interface HostRequest {
  readonly op: 'create' | 'read' | 'replace' | 'upsert' | 'delete' | 'query' | 'list';
  readonly link: Json | undefined;
  readonly body: Json | undefined;
  readonly query: Json | undefined;
  readonly options: JsonObject;
}

/** The answer to one request, as the script's callback gets it. `number`: like an HTTP status. */
export type HostAnswer =
  | { readonly resource: Json | undefined }
  | { readonly feed: readonly Json[]; readonly continuation: string | undefined }
  | { readonly error: { readonly number: number; readonly body: string } };

/** The database as one run sees it. Must not reject for what the script did wrong: that is an answer. */
export type ScriptHost = (requests: readonly HostRequest[]) => Promise<readonly HostAnswer[]>;

export interface ScriptRun {
  readonly kind: ScriptKind;
  /** Source text of a function. */
  readonly source: string;
  /** Of a function: for each row its arguments, each an array of one value, or of none for undefined. */
  readonly arguments: readonly Json[];
  /** The container's links, as `getSelfLink` and `getAltLink` give them. */
  readonly selfLink?: string;
  readonly altLink?: string;
  /** The request of a trigger. */
  readonly requestBody?: Json | undefined;
  readonly operationType?: string;
  /** The response of a post-trigger. */
  readonly responseBody?: Json | undefined;
  /** Whether `console.log` is kept. */
  readonly isLogging?: boolean;
  readonly limits: ScriptLimits;
}

export type ScriptOutcome =
  | {
      readonly kind: 'done';
      /** What `setBody` left in the response; undefined when nothing did. */
      readonly body: Json | undefined;
      readonly requestBody: Json | undefined;
      readonly log: string;
      /** Whether calls of the collection were not accepted: what the script does may be half done. */
      readonly hasRefused: boolean;
    }
  | {
      readonly kind: 'failed';
      /**
       * `exception`: the script threw; `time`, `memory`: it went beyond a limit; `crash`: the sandbox
       * itself broke, and went.
       */
      readonly reason: 'exception' | 'time' | 'memory' | 'crash';
      readonly message: string;
      /** The `number` of the error that was thrown, if it is an integer. */
      readonly number: number | undefined;
      readonly log: string;
      /** Whether calls of the collection were not accepted, which may be why it threw. */
      readonly hasRefused: boolean;
    };

/** The one face of the sandbox. */
export interface ScriptRunner {
  /**
   * Runs a script from beginning to end. Resolves, also when the script fails in whatever way.
   * @throws DatabaseError `TooManyRequests` when too many runs wait already; what `host` rejects with.
   */
  run(run: ScriptRun, host: ScriptHost): Promise<ScriptOutcome>;
  /** Runs under way fail; later ones are refused. */
  close(): void;
}
