import { describe, expect, test } from 'vitest';
import { type Environment, readOptions, type StartOptions } from './index.ts';

function options(argv: string[], env: Environment = {}): StartOptions {
  const result = readOptions(argv, env);
  if (result.kind === 'problems') throw new Error(result.problems.join('; '));
  return result.options;
}

function problems(argv: string[], env: Environment = {}): readonly string[] {
  const result = readOptions(argv, env);
  return result.kind === 'problems' ? result.problems : [];
}

describe('what is given', () => {
  test('nothing: three regions on 8081, durable, session consistency, faults allowed', () => {
    expect(options([])).toEqual({
      regions: ['West US', 'North Europe', 'Southeast Asia'],
      write: 'multi',
      consistency: 'Session',
      staleness: { operations: 100_000, seconds: 300 },
      unsafeBounds: false,
      operationTimeoutMs: 5_000,
      topology: { kind: 'auto' },
      port: 8081,
      host: '127.0.0.1',
      data: './.orrery',
      latency: { kind: 'none' },
      isolation: 'none',
      key: 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==',
      log: 'file',
      directory: 'embedded',
      allowFaults: true,
      json: false,
    });
  });

  test('flags in both spellings, variables, and a flag over a variable', () => {
    const env = {
      ORRERY_PORT: '9000',
      ORRERY_WRITE: 'single',
      ORRERY_ALLOW_FAULTS: 'false',
      ORRERY_JSON: '',
    };
    const given = options(['--port', '9100', '--regions=East US, West US 2', '--json'], env);
    expect(given).toMatchObject({ port: 9100, write: 'single', allowFaults: false, json: true });
    expect(given.regions).toEqual(['East US', 'West US 2']);
  });

  test('choices ignore case and come back in their published spelling', () => {
    expect(options(['--consistency', 'consistentprefix']).consistency).toBe('ConsistentPrefix');
  });

  test.each([
    ['none', { kind: 'none' }],
    ['real', { kind: 'real' }],
    ['0', { kind: 'fixed', ms: 0 }],
    ['12.5', { kind: 'fixed', ms: 12.5 }],
  ])('latency %s', (text, latency) => {
    expect(options(['--latency', text]).latency).toEqual(latency);
  });

  test('a switch can be turned off', () => {
    expect(options(['--no-allow-faults']).allowFaults).toBe(false);
    expect(options(['--allow-faults=false']).allowFaults).toBe(false);
  });

  test('the result is frozen to the ground', () => {
    const given = options([]);
    for (const value of [given, given.regions, given.staleness, given.latency]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
  });
});

describe('what is refused', () => {
  test('a distance needs places', () => {
    expect(problems(['--latency', 'real', '--regions', 'West US,Mars'])).toEqual([
      "--latency real needs regions of Azure, and 'Mars' is none that is known",
    ]);
    expect(options(['--latency', 'real']).latency).toEqual({ kind: 'real' });
  });

  test('every problem at once', () => {
    const argv = ['--port', 'x', '--wat', '--write=both', '--latency', 'slow', 'extra', '--host'];
    expect(problems(argv)).toEqual([
      'unknown flag --wat',
      '--host needs a value',
      "--write must be one of multi, single, not 'both'",
      "--port must be a whole number from 0 to 65535, not 'x'",
      "unexpected argument 'extra'",
      "--latency must be none, real, or milliseconds from 0 to 60000, not 'slow'",
    ]);
  });

  test.each([
    [['--no-port'], /unknown flag --no-port/],
    [['-p', '1'], /unknown flag -p/],
    [['--port=1', '--port=2'], /--port is given twice/],
    [['--port', '-1'], /not '-1'/],
    [['--port', '--json'], /--port needs a value/],
    [['--port', '65527'], /65536, above 65535/],
    [['--port', '1e3'], /whole number/],
    [['--regions', 'A,,B'], /empty name/],
    [['--regions', 'West US,westus'], /names 'westus' twice/],
    [['--regions', 'A/B'], /'A\/B' is no region name/],
    [['--regions', 'A,B,C,D,E,F,G,H,I'], /9 regions do not fit/],
    [['--data', 'd', '--ephemeral'], /contradict/],
    [['--key', 'secret!'], /--key must be base64/],
    [['--key', 'YQ'], /--key must be base64/],
    [['--log', 'mongodb://h'], /--log must be file or/],
    [['--directory', 'zk'], /--directory must be embedded or/],
    [['--latency', '60001'], /milliseconds from 0 to 60000/],
    [['--staleness', '5'], /must be K,T/],
    [['--staleness', '99999,300'], /at least 100000 operations for 3 region\(s\).*--unsafe-bounds/],
    [['--staleness', '100000,299'], /at least 300 seconds/],
    [['--staleness', '0,1', '--unsafe-bounds'], /at least 1 operations/],
    [['--staleness', '9999999999,300'], /at most 2147483647 operations/],
    [['--topology', 'ring'], /--topology must be auto, mesh, star/],
    [['--topology', 'mesh:West US'], /--topology must be/],
    [['--topology', 'star:Nowhere'], /hub of a star must be one of the regions, not 'Nowhere'/],
    [['--consistency', 'Strong'], /Strong needs --write single/],
  ])('%j', (argv, message) => {
    expect(problems(argv).join('\n')).toMatch(message);
  });

  test.each([[['--log', 'postgres://u:pw@h/db']], [['--directory', 'etcd://h:2379']]])(
    '%j is recognised, and said to be missing from this version',
    (argv) => {
      const found = problems(argv);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/not available in this version/);
      expect(found[0]).not.toContain('pw');
    },
  );

  test('a bad variable is called by its name', () => {
    expect(problems([], { ORRERY_PORT: 'x' })).toEqual([
      "ORRERY_PORT must be a whole number from 0 to 65535, not 'x'",
    ]);
  });
});

describe('what is permitted', () => {
  test.each([
    [['--staleness', '10,5', '--regions', 'A'], 10],
    [['--staleness', '2, 1', '--unsafe-bounds'], 2],
  ])('%j', (argv, operations) => {
    expect(options(argv).staleness.operations).toBe(operations);
  });

  test('more regions than the port plan holds, on free ports', () => {
    expect(options(['--regions', 'A,B,C,D,E,F,G,H,I', '--port', '0']).regions).toHaveLength(9);
  });

  test('the last port that leaves room', () => {
    expect(options(['--port', '65526']).port).toBe(65_526);
  });

  test('ephemeral state has no folder, and a flag overrules a variable', () => {
    expect(options(['--ephemeral']).data).toBeUndefined();
    expect(options(['--ephemeral'], { ORRERY_DATA: 'd' }).data).toBeUndefined();
    expect(options(['--data', 'd'], { ORRERY_EPHEMERAL: 'true' }).data).toBe('d');
    expect(problems([], { ORRERY_DATA: 'd', ORRERY_EPHEMERAL: '1' })).toHaveLength(1);
  });
});
