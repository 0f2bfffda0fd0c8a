import { flagOf, type Option, type OptionTable, variableOf } from './option.ts';

const TEXT_COLUMN = 30;
const LINE_CHARACTERS_MAX = 100;

/** The lines of a table for `--help`: flag, meaning, range, variable and default. */
export function describeOptions(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, option]) => describeOption(name, option))
    .join('\n');
}

function describeOption(name: string, option: Option): string {
  const shape = option.placeholder ?? (option.type === 'choice' ? option.choices.join('|') : undefined);
  const flag = `  ${flagOf(name)}${option.type === 'switch' || shape === undefined ? '' : ` ${shape}`}`;
  const notes: string[] = [];
  if (option.placeholder !== undefined && option.type === 'choice') notes.push(option.choices.join(', '));
  if (option.type === 'integer' || option.type === 'number') notes.push(`${option.min} to ${option.max}`);
  if (option.variable !== false) notes.push(variableOf(name));
  // A default too long for one line is described by its help.
  if (option.default !== undefined && option.default !== false && String(option.default).length <= 40) {
    notes.push(`default ${option.default}`);
  }
  const lines = wrap(`${option.help}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`);
  const indent = ' '.repeat(TEXT_COLUMN);
  const start = flag.length < TEXT_COLUMN ? flag.padEnd(TEXT_COLUMN) : `${flag}\n${indent}`;
  return start + lines.join(`\n${indent}`);
}

function wrap(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (TEXT_COLUMN + last.length + 1 + word.length <= LINE_CHARACTERS_MAX)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
