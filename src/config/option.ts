/**
 * One setting. Its key in a table gives the names: `stalenessBound` is `--staleness-bound` and the variable
 * ORRERY_STALENESS_BOUND. `default: undefined` means that the reader of the table decides.
 */
export type Option = {
  /** One sentence for `--help`. */
  readonly help: string;
  /** What stands after the flag in `--help`; switches have none. */
  readonly placeholder?: string;
  /** False for arguments of one command, which no variable should set behind its user's back. */
  readonly variable?: false;
} & (
  | { readonly type: 'text'; readonly default: string | undefined }
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly default: string | undefined }
  | {
      readonly type: 'integer' | 'number';
      readonly min: number;
      readonly max: number;
      readonly default: number | undefined;
    }
  | { readonly type: 'switch'; readonly default: boolean | undefined }
);

export type OptionTable = Readonly<Record<string, Option>>;

type TypedValue<O extends Option> = O extends { type: 'choice'; choices: readonly (infer C)[] }
  ? C
  : O extends { type: 'integer' | 'number' }
    ? number
    : O extends { type: 'switch' }
      ? boolean
      : string;

/** The values that a table yields: `undefined` only where its default is. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: TypedValue<T[K]> | (T[K]['default'] extends undefined ? undefined : never);
};

/** `stalenessBound` -> `--staleness-bound`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `stalenessBound` -> `ORRERY_STALENESS_BOUND`. */
export function variableOf(name: string): string {
  return `ORRERY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
