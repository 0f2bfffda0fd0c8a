import { flagOf, type Option, type OptionTable, type Values, variableOf } from './option.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a value came from; a flag beats a variable. */
export type Source = 'flag' | 'variable';

export interface Reading<T extends OptionTable> {
  /** Defaults where nothing (or nothing valid) was given. */
  readonly values: Values<T>;
  /** Absent for options left at their default. */
  readonly sources: ReadonlyMap<keyof T, Source>;
  readonly positionals: readonly string[];
  /** One sentence for each thing that is wrong; with any, `values` must not be used. */
  readonly problems: readonly string[];
}

interface Given {
  readonly name: string;
  readonly text: string;
  readonly source: Source;
  /** As its user knows it, for messages. */
  readonly label: string;
}

/**
 * Reads a table's options from `--name value`, `--name=value`, `--switch`, `--no-switch` and variables.
 * Words after a bare `--` are positionals.
 */
export function readFlags<T extends OptionTable>(
  table: T,
  argv: readonly string[],
  env: Environment,
): Reading<T> {
  const problems: string[] = [];
  const positionals: string[] = [];
  const given = new Map<string, Given>();
  for (const [name, option] of Object.entries(table)) {
    const variable = variableOf(name);
    const text = option.variable === false ? undefined : env[variable];
    // Set but empty is how many shells and containers spell "not set".
    if (text !== undefined && text !== '')
      given.set(name, { name, text, source: 'variable', label: variable });
  }
  readArguments(table, argv, given, positionals, problems);
  const values: Record<string, unknown> = {};
  const sources = new Map<keyof T, Source>();
  for (const [name, option] of Object.entries(table)) {
    const entry = given.get(name);
    values[name] = option.default;
    if (entry === undefined) continue;
    sources.set(name, entry.source);
    const value = parseValue(option, entry, problems);
    if (value !== undefined) values[name] = value;
  }
  return { values: values as Values<T>, sources, positionals, problems };
}

function readArguments(
  table: OptionTable,
  argv: readonly string[],
  given: Map<string, Given>,
  positionals: string[],
  problems: string[],
): void {
  const byFlag = new Map(Object.keys(table).map((name) => [flagOf(name), name]));
  const seen = new Set<string>();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      positionals.push(...argv.slice(at + 1));
      return;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const label = equals < 0 ? word : word.slice(0, equals);
    const isNegated = label.startsWith('--no-') && !byFlag.has(label);
    const name = byFlag.get(isNegated ? `--${label.slice(5)}` : label);
    const option = name === undefined ? undefined : table[name];
    if (name === undefined || option === undefined || (isNegated && option.type !== 'switch')) {
      problems.push(`unknown flag ${label}`);
      continue;
    }
    let text: string | undefined;
    if (option.type === 'switch') {
      text = equals < 0 ? String(!isNegated) : word.slice(equals + 1);
      if (isNegated && equals >= 0) problems.push(`${label} takes no value`);
    } else if (equals >= 0) text = word.slice(equals + 1);
    // A negative number is a value, another flag is not.
    else if (/^(?!--)/.test(argv[at + 1] ?? '--')) text = argv[++at];
    if (seen.has(name)) problems.push(`${flagOf(name)} is given twice`);
    seen.add(name);
    if (text === undefined || text === '') problems.push(`${label} needs a value`);
    else given.set(name, { name, text, source: 'flag', label });
  }
}

function parseValue(option: Option, given: Given, problems: string[]): string | number | boolean | undefined {
  const { text, label } = given;
  switch (option.type) {
    case 'text':
      return text;
    case 'choice': {
      const choice = option.choices.find((one) => one.toLowerCase() === text.toLowerCase());
      if (choice === undefined) {
        problems.push(`${label} must be one of ${option.choices.join(', ')}, not '${text}'`);
      }
      return choice;
    }
    case 'switch': {
      if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true;
      if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return false;
      problems.push(`${label} must be true or false, not '${text}'`);
      return undefined;
    }
    default: {
      const isWhole = option.type === 'integer';
      const isNumber = isWhole ? /^-?\d{1,15}$/.test(text) : /^-?\d{1,15}(\.\d{1,15})?$/.test(text);
      const value = Number(text);
      if (isNumber && value >= option.min && value <= option.max) return value;
      const kind = isWhole ? 'a whole number' : 'a number';
      problems.push(`${label} must be ${kind} from ${option.min} to ${option.max}, not '${text}'`);
      return undefined;
    }
  }
}
