import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FUNCTION_ALIASES, FUNCTION_FAMILIES, findFunction } from './function-table.ts';

/** The pages that name the functions are made from the table, or compared with it. */

const all = FUNCTION_FAMILIES.flatMap((family) => family.functions);

function renderReference(): string {
  const families = FUNCTION_FAMILIES.flatMap(({ title, functions }) => [
    `## ${title}`,
    '',
    '| function | gives |',
    '|---|---|',
    ...functions.map(({ signature, about }) => `| \`${signature}\` | ${about.replaceAll('|', '\\|')} |`),
    '',
  ]);
  const aliases = Object.entries(FUNCTION_ALIASES).map(([alias, name]) => `| \`${alias}\` | \`${name}\` |`);
  return [
    '# Built-in functions',
    '',
    'Names may be written in any case. What stands in brackets may be left out; `...` stands for any number more. An argument',
    'of another type than the function takes, or one that is `undefined`, makes the result `undefined`, unless the line says',
    'otherwise; type checks answer `false`. A wrong number of arguments is error SC2050, an unknown function SC2005.',
    '',
    'What the functions mean down to the corners is written in the cases of `test/semantics`.',
    '',
    'This page is made from `src/query/functions`: `npx vitest run --project unit src/query/functions -u` writes it anew.',
    '',
    ...families,
    '## Other names',
    '',
    '| name | is |',
    '|---|---|',
    ...aliases,
    '',
  ].join('\n');
}

test('the table and docs/functions.md are equal', async () => {
  await expect(renderReference()).toMatchFileSnapshot('../../../docs/functions.md');
});

test('COMPATIBILITY.md names every function in the row of its family, and no other', () => {
  const text = readFileSync(new URL('../../../COMPATIBILITY.md', import.meta.url), 'utf8');
  const [, table = ''] = /\| functions \| status \| \|\n([\s\S]*?)\n\n/.exec(text) ?? [];
  const rows = new Map(
    table.split('\n').map((row) => {
      const [, title = '', status = '', names = ''] = row.split('|').map((cell) => cell.trim());
      return [
        title,
        status === 'no' ? [] : [...names.matchAll(/`(_?[A-Z][A-Z0-9_]*)`/g)].map(([, name]) => name),
      ];
    }),
  );
  for (const { title, functions } of FUNCTION_FAMILIES) {
    expect(rows.get(title.toLowerCase()), title).toEqual(functions.map(({ name }) => name));
  }
  expect([...rows.values()].flat().length).toBe(all.length);
});

test('no name stands for two functions', () => {
  const names = [...all.map(({ name }) => name), ...Object.keys(FUNCTION_ALIASES)];
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(findFunction(name.toLowerCase())).toBeDefined();
});

test('families are sorted by name', () => {
  for (const { functions } of FUNCTION_FAMILIES) {
    const names = functions.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
  }
});
