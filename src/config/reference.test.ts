import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { flagOf, type Option, type OptionTable, variableOf } from './option.ts';
import { CLIENT_OPTIONS, EXPLAIN_OPTIONS, OPTIONS } from './options.ts';

/** docs/configuration.md says more than `--help`, in its own words; what can be compared has to be the same. */

const PAGE = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

interface Row {
  readonly flag: string;
  readonly variable: string;
  readonly default: string;
  readonly meaning: string;
}

/** The table under the heading that begins so. */
function rowsUnder(heading: string): Row[] {
  const [, section = ''] = PAGE.split(`\n## ${heading}`);
  const [, table = ''] = /\|---\|---\|---\|---\|\n([\s\S]*?)\n(?:\n|$)/.exec(section) ?? [];
  return table.split('\n').map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const [, flag = '', variable = '', standard = '', meaning = ''] = cells;
    return { flag, variable, default: standard, meaning };
  });
}

/** Defaults that the page describes rather than shows. */
function showsDefault({ default: standard }: Option, shown: string): boolean {
  if (standard === false) return shown === 'off';
  if (standard === undefined) return !shown.startsWith('`');
  return shown === `\`${standard}\`` || (String(standard).length > 40 && shown.includes('well-known'));
}

test.each<[string, OptionTable]>([
  ['`orrery start`', OPTIONS],
  ['The other commands', CLIENT_OPTIONS],
  ['`orrery explain`', EXPLAIN_OPTIONS],
])('%s: the page has every option, and no other', (heading, table) => {
  const rows = rowsUnder(heading);
  const entries = Object.entries(table);
  expect(rows.map(({ flag }) => /^`(--[a-z-]+)/.exec(flag)?.[1])).toEqual(
    entries.map(([name]) => flagOf(name)),
  );
  for (const [place, [name, option]] of entries.entries()) {
    const row = rows[place] ?? expect.unreachable(`${name} has a row`);
    expect(row.variable).toBe(option.variable === false ? '' : `\`${variableOf(name)}\``);
    expect(showsDefault(option, row.default), `${name}: default ${row.default}`).toBe(true);
    expect(row.flag.includes(' '), `${name} takes a value`).toBe(option.type !== 'switch');
    const words = `${row.flag} ${row.meaning}`;
    if (option.type === 'choice') for (const choice of option.choices) expect(words).toContain(choice);
    if (option.type === 'integer') expect(words).toContain(`${option.min} to ${option.max}.`);
  }
});
