import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Advice, CATALOGUE, type ErrorKind } from '../src/errors/index.ts';

/**
 * The rules of the house that no linter knows, as data. Each failure names file, line and what to write
 * instead. A new arrow or a new exception is a line in this file, so that a review sees it.
 */

/** Top to bottom: imports point downward only. */
const ORDER = [
  ...['cli', 'server', 'config', 'api', 'engine', 'account', 'replication', 'partition', 'merge', 'query'],
  ...['index', 'script', 'resource', 'log', 'store', 'causality', 'runtime', 'errors', 'base'],
];

/** Every allowed arrow between modules; all may use `errors` and `base`. The server wires, so it may use all. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  cli: ['server', 'config'],
  server: ORDER.slice(ORDER.indexOf('server') + 1),
  config: ['account'],
  api: ['engine', 'account', 'replication', 'query', 'resource', 'causality', 'runtime'],
  engine: ['account', 'partition', 'query', 'index', 'script', 'resource', 'log', 'causality', 'runtime'],
  account: ['resource', 'log', 'store', 'causality', 'runtime'],
  replication: ['partition', 'log', 'causality', 'runtime'],
  partition: ['merge', 'query', 'index', 'resource', 'log', 'store', 'causality', 'runtime'],
  merge: ['resource', 'causality'],
  query: ['index', 'script', 'resource'],
  index: ['resource'],
  script: ['resource', 'runtime'],
  resource: ['causality'],
  log: ['runtime'],
  store: ['runtime'],
  causality: ['runtime'],
  runtime: [],
  errors: [],
  base: [],
};

interface Ban {
  readonly text: RegExp;
  /** Modules (or paths below src) where it may stand; tests may do what they need. */
  readonly only: readonly string[];
  readonly use: string;
}

const BANNED: readonly Ban[] = [
  {
    text: /\b(Date\.now|performance\.now|process\.hrtime)\b|new Date\(\)/,
    only: ['runtime'],
    use: 'Runtime.nowMs or monotonicMs',
  },
  {
    text: /(?<![.\w#])(setTimeout|setInterval|setImmediate)\(|node:timers/,
    only: ['runtime'],
    use: 'Runtime.after or soon',
  },
  {
    text: /\bMath\.random\b|\b(randomUUID|randomBytes|randomInt|randomFill\w*|getRandomValues)\b/,
    only: ['runtime'],
    use: 'Runtime.random or uuid',
  },
  {
    text: /^import (?!type ).*'node:(fs|net|tls|http|https|http2|dgram|dns|worker_threads)(\/\w+)?'/m,
    only: ['runtime'],
    use: 'the Disk, Network and HTTP faces of runtime',
  },
  { text: /'node:(child_process|cluster)'/, only: ['runtime', 'server'], use: 'runtime' },
  { text: /from 'classic-level'/, only: ['store'], use: 'Store' },
  { text: /\bprocess\.env\b/, only: ['config'], use: 'an option of src/config' },
  { text: /\bprocess\.exit\(/, only: ['cli', 'server'], use: 'an error that reaches the composition root' },
  { text: /\bnew Error\(/, only: ['base', 'errors'], use: 'DatabaseError, assert, or a named class' },
  { text: /(?<![.\w])eval\(|\bnew Function\(|'node:vm'/, only: [], use: 'the sandbox of src/script' },
  { text: /\bconsole\.\w+\(/, only: [], use: "the cli's Terminal, or a log function that is passed in" },
];

const FILE_LINES_MAX = 500;
const TEST_FILE_LINES_MAX = 800;
const LINE_CHARACTERS_MAX = 110;

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** `text` with comments blanked out; line numbers stay. */
  readonly code: string;
  readonly imports: readonly Import[];
}

interface Import {
  /** From the root of the repository; undefined for packages and node: modules. */
  readonly target: string | undefined;
  readonly isTypeOnly: boolean;
}

function listFiles(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return /^(node_modules|dist|coverage|\..+)$/.test(entry.name) ? [] : listFiles(path, ending);
    return ending.test(entry.name) ? [path] : [];
  });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const blank = (comment: string): string => comment.replaceAll(/[^\n]/g, ' ');
  // A comment starts a line or follows a space: `//` inside an address or a regular expression does not.
  const code = text.replaceAll(/(?<=^|\s)\/\*[\s\S]*?\*\//g, blank).replaceAll(/(?<=^|\s)\/\/ .*$/gm, blank);
  return { path, text, code, imports: readImports(path, code) };
}

function readImports(path: string, code: string): Import[] {
  const found: Import[] = [];
  const statements =
    /^(?:import|export)\s+(type\s)?([^;'"]*?\bfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|new URL\(\s*'(\.[^']+)'/gm;
  for (const [, type, names, target, dynamic, url] of code.matchAll(statements)) {
    const name = target ?? dynamic ?? url ?? '';
    const resolved = name.startsWith('.') ? join(dirname(path), name).replace(/\.js$/, '.ts') : undefined;
    // `import { type A, type B }` is erased as well.
    const isErased = names !== undefined && /^\{(\s*type\s[^,}]+,?)+\s*\}\s*from\s*$/.test(names.trim());
    found.push({ target: resolved, isTypeOnly: type !== undefined || isErased });
  }
  return found;
}

const sources = listFiles('src', /\.ts$/).map(readSource);
const tests = listFiles('test', /\.ts$/).map(readSource);
const byPath = new Map([...sources, ...tests].map((file) => [file.path, file]));
const product = sources.filter((file) => !/\.(test|bench)\.ts$/.test(file.path));

function moduleOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** What only its `index.ts` may be imported of from outside: a module, or one front door of `api`. */
function roomOf(path: string): string {
  return /^src\/(api\/[^/]+|[^/]+)\//.exec(path)?.[1] ?? 'test';
}

/** `path:line` of each match. */
function placesOf(file: { path: string }, code: string, pattern: RegExp): string[] {
  const flags = pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`;
  return [...code.matchAll(new RegExp(pattern.source, flags))].map(
    (match) => `${file.path}:${code.slice(0, match.index).split('\n').length}`,
  );
}

describe('arrows', () => {
  test('the list itself points downward only, so modules form no circle', () => {
    expect(Object.keys(ARROWS)).toEqual(ORDER);
    const upward = Object.entries(ARROWS).flatMap(([from, targets]) =>
      targets.filter((to) => ORDER.indexOf(to) <= ORDER.indexOf(from)).map((to) => `${from} -> ${to}`),
    );
    expect(upward).toEqual([]);
  });

  test('every folder of src is a module of the list', () => {
    const folders = readdirSync(join(ROOT, 'src'));
    expect(folders.filter((folder) => !ORDER.includes(folder))).toEqual([]);
  });

  test('modules import along the arrows only', () => {
    const wrong = product.flatMap((file) => {
      const from = moduleOf(file.path) ?? '';
      const allowed = [from, 'errors', 'base', ...(ARROWS[from] ?? [])];
      return file.imports
        .map((one) => one.target)
        .filter((target) => target !== undefined && !allowed.includes(moduleOf(target) ?? 'outside src'))
        .map((target) => `${file.path} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('a module is entered by its index.ts, and never from inside', () => {
    const wrong = [...sources, ...tests].flatMap((file) =>
      file.imports.flatMap(({ target }) => {
        if (target === undefined || !target.startsWith('src/')) return [];
        const isForeign = roomOf(file.path) !== roomOf(target);
        const isFace = target === `src/${roomOf(target)}/index.ts`;
        const isInsideFace = !isForeign && isFace && !file.path.endsWith('.test.ts');
        // The command line has no face: it is where everything starts.
        const isMain = target === 'src/cli/main.ts' && file.path.startsWith('test/');
        return (isForeign && !isFace && !isMain) || isInsideFace ? [`${file.path} -> ${target}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('front doors know nothing of each other', () => {
    const wrong = product.flatMap((file) =>
      file.imports.flatMap(({ target }) => {
        const [from, to] = [roomOf(file.path), roomOf(target ?? '')];
        return from.startsWith('api/') && to.startsWith('api/') && from !== to
          ? [`${file.path} -> ${target}`]
          : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('a face only re-exports, by name', () => {
    const wrong = product
      .filter((file) => file.path === `src/${roomOf(file.path)}/index.ts`)
      .filter((file) => file.code.replaceAll(/export (type )?\{[^}]*\} from '\.[^']*';/g, '').trim() !== '')
      .map((file) => file.path);
    expect(wrong).toEqual([]);
  });

  test('files form no circle', () => {
    const circles: string[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'open') circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      if (state.has(path)) return;
      state.set(path, 'open');
      for (const { target, isTypeOnly } of byPath.get(path)?.imports ?? []) {
        if (target !== undefined && !isTypeOnly) visit(target, [...trail, path]);
      }
      state.set(path, 'done');
    };
    for (const file of product) visit(file.path, []);
    expect(circles).toEqual([]);
  });

  test('every import leads to a file', () => {
    const broken = [...sources, ...tests].flatMap((file) =>
      file.imports
        .filter(({ target }) => target !== undefined && /\.ts$/.test(target) && !byPath.has(target))
        .map(({ target }) => `${file.path} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

describe('banned', () => {
  test.each(BANNED)('$text only in $only; elsewhere use $use', ({ text, only }) => {
    const isAllowed = (file: SourceFile): boolean =>
      only.some((place) => file.path.startsWith(`src/${place}/`));
    expect(
      product.filter((file) => !isAllowed(file)).flatMap((file) => placesOf(file, file.code, text)),
    ).toEqual([]);
  });

  test('no test is switched off or runs alone', () => {
    const pattern = /\b(test|it|describe|suite)\.(only|skip|todo)\b/;
    expect([...sources, ...tests].flatMap((file) => placesOf(file, file.code, pattern))).toEqual([]);
  });

  test('what is left to do names an issue, and nothing is left to fix', () => {
    const pattern = /\bTODO\b(?![:(]? ?#\d)|\bFIX(?:ME)\b/;
    const others = [...sources, ...tests].filter((file) => file.path !== 'test/tidy.test.ts');
    expect(others.flatMap((file) => placesOf(file, file.text, pattern))).toEqual([]);
  });

  test('no path of one machine', () => {
    const files = ['src', 'test', 'conformance', 'bench', 'docs', '.ci']
      .flatMap((folder) => listFiles(folder, /\.(ts|mjs|md|json|sh)$|^run$/))
      .filter((path) => !path.endsWith('package-lock.json'))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
    const pattern = /(?<![\w.:/)}])\/(home|root|work|tmp|Users|mnt|farm)\/\w/;
    expect(files.flatMap((file) => placesOf(file, file.text, pattern))).toEqual([]);
  });
});

describe('size', () => {
  test(`files have at most ${FILE_LINES_MAX} lines, tests ${TEST_FILE_LINES_MAX}`, () => {
    const isLong = ({ path, text }: SourceFile): boolean =>
      text.split('\n').length - 1 > (/\.test\.ts$|^test\//.test(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX);
    expect([...sources, ...tests].filter(isLong).map((file) => file.path)).toEqual([]);
  });

  test(`lines have at most ${LINE_CHARACTERS_MAX} characters`, () => {
    // A literal that cannot be broken without hurting the search for it may stand on a long line of a test.
    const hasLongLiteral = (line: string): boolean => /(['"`/]).{50,}\1|`[^`]{50,}$/.test(line);
    const wrong = [...sources, ...tests].flatMap((file) =>
      file.text.split('\n').flatMap((line, index) => {
        if ([...line].length <= LINE_CHARACTERS_MAX) return [];
        return file.path.endsWith('.test.ts') && hasLongLiteral(line) ? [] : [`${file.path}:${index + 1}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

test('no dead file: each is reached from the command line, or from tests other than its own', () => {
  const reached = new Set<string>();
  const visit = (path: string, ownTestOf?: string): void => {
    if (reached.has(path) || path === ownTestOf) return;
    reached.add(path);
    for (const { target } of byPath.get(path)?.imports ?? []) if (target !== undefined) visit(target);
  };
  visit('src/cli/main.ts');
  for (const file of tests) visit(file.path);
  for (const file of sources) {
    if (!file.path.endsWith('.test.ts')) continue;
    const own = file.path.replace(/\.test\.ts$/, '.ts');
    for (const { target } of file.imports) if (target !== undefined) visit(target, own);
  }
  expect(product.map((file) => file.path).filter((path) => !reached.has(path))).toEqual([]);
});

describe('pages', () => {
  const pages = listFiles('.', /\.md$/).map((path) => ({
    path,
    text: readFileSync(join(ROOT, path), 'utf8'),
  }));

  test('every link leads to a file', () => {
    const broken = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test('docs/decisions/README.md lists every decision', async () => {
    const titles = pages.flatMap(({ path, text }) => {
      const [, name, number] = /^docs\/decisions\/((\d{3})-[a-z0-9-]+\.md)$/.exec(path) ?? [];
      if (name === undefined) return [];
      const title = /^# (\d{3}) (.+)\n/.exec(text);
      expect(title?.[1], `the title of ${path} begins with its number`).toBe(number);
      return [`* ${number} [${title?.[2]}](${name})`];
    });
    const page = [
      '# Decisions',
      '',
      'One page each: the context, the choice, what was refused and why. Numbers never change, tens belong to one area; a',
      'decision that is given up keeps its page and names its successor. This list is made from the pages:',
      '`npx vitest run --project tidy -u` writes it anew.',
      '',
      ...titles.sort(),
      '',
    ].join('\n');
    await expect(page).toMatchFileSnapshot(
      relative(dirname(fileURLToPath(import.meta.url)), join(ROOT, 'docs/decisions/README.md')),
    );
  });
});

describe('errors', () => {
  const advice: Readonly<Record<Advice, string>> = {
    'fix-request': 'Mend the request; the same one will fail again.',
    'other-replica': 'Ask another region, or the same one a little later.',
    'after-refresh': 'Read the metadata again (container, partition key ranges), then repeat.',
    'after-delay': 'Wait for the time in `x-ms-retry-after-ms`, then repeat.',
    'other-region': 'Read the account document again and repeat in another region.',
    'unknown-outcome': 'The write may or may not have happened: read before you repeat it.',
    report: 'A fault of the server: report it, with the activity id.',
  };

  function renderCatalogue(): string {
    const rows = Object.entries(CATALOGUE).map(([code, kind]: [string, ErrorKind]) => {
      const status = kind.substatus === undefined ? `${kind.status}` : `${kind.status}/${kind.substatus}`;
      return `| \`${code}\` | ${status} | \`${kind.name}\` | ${advice[kind.advice]} |`;
    });
    return [
      '# Errors',
      '',
      'Every failure that a caller may act on. The SQL protocol shows *name* as `code` in the body, *status* as the',
      'HTTP status and what follows the slash as `x-ms-substatus`; other front doors map them to their own protocols.',
      '',
      'This page is made from `src/errors/catalogue.ts`: `npx vitest run --project tidy -u` writes it anew.',
      '',
      '| error | status | name | what to do |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  }

  test('docstrings name errors of the catalogue only', () => {
    const wrong = sources.flatMap((file) =>
      [...file.text.matchAll(/@throws DatabaseError(?:[^@*]|\*(?!\/))*/g)].flatMap(({ 0: told, index }) =>
        [...told.matchAll(/`([A-Z]\w+)`/g)]
          .filter(([, code = '']) => !Object.hasOwn(CATALOGUE, code))
          .map(([, code]) => `${file.path}:${file.text.slice(0, index).split('\n').length} ${code}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('the catalogue and docs/errors.md are equal', async () => {
    await expect(renderCatalogue()).toMatchFileSnapshot(
      relative(dirname(fileURLToPath(import.meta.url)), join(ROOT, 'docs/errors.md')),
    );
  });
});
