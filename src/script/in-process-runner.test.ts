import { describe, expect, test } from 'vitest';
import type { Json } from '../base/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { createInProcessRunner } from './in-process-runner.ts';
import { loadInstance } from './sandbox.ts';
import {
  type HostAnswer,
  type HostRequest,
  SCRIPT_LIMITS,
  type ScriptOutcome,
  type ScriptRun,
} from './script-run.ts';

const runtime = createNodeRuntime();
const runner = createInProcessRunner(runtime);

/** Runs `source`; requests are answered by `answer`, one by one, and noted in `asked`. */
async function check(
  source: string,
  run: Partial<ScriptRun> = {},
  answer: (request: HostRequest) => HostAnswer = () => ({ resource: undefined }),
): Promise<{ outcome: ScriptOutcome; asked: HostRequest[]; turns: number }> {
  const asked: HostRequest[] = [];
  let turns = 0;
  const outcome = await runner.run(
    {
      kind: 'procedure',
      source,
      arguments: [],
      selfLink: 'self',
      altLink: 'alt',
      limits: SCRIPT_LIMITS,
      ...run,
    },
    async (requests) => {
      turns += 1;
      asked.push(...requests);
      return requests.map(answer);
    },
  );
  return { outcome, asked, turns };
}

async function bodyOf(source: string, run: Partial<ScriptRun> = {}): Promise<Json | undefined> {
  const { outcome } = await check(source, run);
  if (outcome.kind !== 'done') throw new RangeError(outcome.message);
  return outcome.body;
}

function failureOf(outcome: ScriptOutcome): Extract<ScriptOutcome, { kind: 'failed' }> {
  if (outcome.kind === 'done') throw new RangeError('the script did not fail');
  return outcome;
}

const SET = 'getContext().getResponse().setBody';

describe('what a body may be', () => {
  test.each([
    ['a function', `function (a, b) { ${SET}(a + b); }`],
    ['a named function', `function sum(a, b) { ${SET}(a + b); }`],
    ['an arrow function', `(a, b) => { ${SET}(a + b); }`],
    ['a method', `sum(a, b) { ${SET}(a + b); }`],
    ['a function and a comment', `function (a, b) { ${SET}(a + b); } // adds`],
    ['a declaration with a semicolon', `function sum(a, b) { ${SET}(a + b); };`],
    ['two declarations', `function sum(a, b) { add(a, b); } function add(a, b) { ${SET}(a + b); }`],
    ['an async function', `async function (a, b) { await 1; ${SET}(a + b); }`],
  ])('%s', async (_, source) => {
    expect(await bodyOf(source, { arguments: [1, 2] })).toBe(3);
  });

  test('bad syntax is the script’s own failure', async () => {
    const { outcome } = await check('function (a { }');
    expect(failureOf(outcome)).toMatchObject({ reason: 'exception' });
    expect(failureOf(outcome).message).toContain('SyntaxError');
  });
});

describe('response and log', () => {
  test('what was set last counts, and appending makes text', async () => {
    expect(await bodyOf(`function () { ${SET}(1); ${SET}({ a: [null] }); }`)).toEqual({ a: [null] });
    const append = `var r = getContext().getResponse(); r.setBody('a'); r.appendValue('Body', 'b');`;
    expect(await bodyOf(`function () { ${append} }`)).toBe('ab');
    expect(await bodyOf('function () {}')).toBeUndefined();
  });

  test('console.log is formatted, and kept only when asked for', async () => {
    const source = `function () { console.log('%s is %d and %j', 'x', '3', {a: 1}, 'rest'); console.log(1, [2]); }`;
    const { outcome } = await check(source, { isLogging: true });
    expect(outcome.log).toBe('x is 3 and {"a":1} rest\n1 [2]\n');
    expect((await check(source)).outcome.log).toBe('');
  });

  test('the log has an end', async () => {
    const source = `function () { for (var i = 0; i < 10000; i++) console.log('0123456789'); }`;
    expect((await check(source, { isLogging: true })).outcome.log.length).toBe(4096);
  });
});

describe('collection', () => {
  const keep = (request: HostRequest): HostAnswer => ({ resource: request.body });

  test('calls of one turn go together, callbacks run in order', async () => {
    const source = `function () {
      var c = getContext().getCollection(), seen = [];
      for (var i = 0; i < 3; i++) c.createDocument(c.getSelfLink(), { id: 'd' + i }, function (e, d) {
        seen.push(d.id);
        if (seen.length === 3) ${SET}(seen);
      });
    }`;
    const { outcome, asked, turns } = await check(source, {}, keep);
    expect(outcome).toMatchObject({ kind: 'done', body: ['d0', 'd1', 'd2'] });
    expect(asked.map((one) => one.op)).toEqual(['create', 'create', 'create']);
    expect(turns).toBe(1);
  });

  test('a callback may ask again', async () => {
    const source = `function () {
      var c = __;
      c.readDocument(c.getAltLink() + '/docs/a', { etag: 'x' }, function (e, d) {
        c.replaceDocument('link', { id: 'b' }, function (e, d) { ${SET}(d); });
      });
    }`;
    const { outcome, asked, turns } = await check(source, {}, keep);
    expect(outcome).toMatchObject({ kind: 'done', body: { id: 'b' } });
    expect(asked[0]).toMatchObject({ op: 'read', link: 'alt/docs/a', options: { etag: 'x' } });
    expect(turns).toBe(2);
  });

  const refuse = (): HostAnswer => ({ error: { number: 409, body: '{"Errors":["taken"]}' } });

  test('a failure reaches the callback with its number', async () => {
    const source = `function () {
      __.createDocument('l', {}, function (e) { ${SET}([e.number, e.body, e instanceof Error]); });
    }`;
    const { outcome } = await check(source, {}, refuse);
    expect(outcome).toMatchObject({ body: [409, '{"Errors":["taken"]}', true] });
  });

  test('a failure without a callback, or thrown on, ends the run and what was behind it', async () => {
    const behind = `__.createDocument('l', {}, function () { throw new Error('too late'); });`;
    for (const first of ['', ', function (e) { if (e) throw e; }']) {
      const { outcome } = await check(
        `function () { __.createDocument('l', {}${first}); ${behind} }`,
        {},
        refuse,
      );
      expect(failureOf(outcome)).toMatchObject({ reason: 'exception', number: 409 });
      expect(failureOf(outcome).message).toContain('taken');
    }
  });

  test('the object that was given may change afterwards', async () => {
    const source = `function () { var d = { id: 'a' }; __.createDocument('l', d); d.id = 'b'; }`;
    const { asked } = await check(source, {}, keep);
    expect(asked[0]?.body).toEqual({ id: 'a' });
  });

  test('beyond the number of requests nothing is accepted', async () => {
    const source = `function () {
      var n = 0; while (__.deleteDocument('l', {}, function () {})) n++; ${SET}(n);
    }`;
    const { outcome, asked } = await check(source, { limits: { ...SCRIPT_LIMITS, requests: 7 } });
    expect(outcome).toMatchObject({ body: 7 });
    expect(asked.length).toBe(7);
  });

  test('a script that forges a request gets an answer like any other', async () => {
    const source = `function () { JSON.stringify = null; Array.prototype.join = null; __.deleteDocument('l'); }`;
    const { outcome } = await check(source);
    expect(outcome.kind).toBe('failed');
  });
});

describe('fluent queries', () => {
  const rows: Json[] = [{ n: 3, t: ['a'] }, { n: 1, t: ['b', 'c'] }, { n: 2 }];
  const pages = (request: HostRequest): HostAnswer => {
    const start = Number(request.options.continuation ?? 0);
    const size = Number(request.options.pageSize ?? 2);
    const feed = rows.slice(start, start + size);
    return { feed, continuation: start + size < rows.length ? String(start + size) : undefined };
  };
  const result = async (call: string): Promise<Json | undefined> => {
    const { outcome } = await check(`function () { ${call} }`, {}, pages);
    if (outcome.kind !== 'done') throw new RangeError(outcome.message);
    return outcome.body;
  };

  test('a step alone works on a page', async () => {
    const call = `__.filter(function (d) { return d.n > 2; }, function (e, f, o) { ${SET}([f, o.continuation]); })`;
    expect(await result(call)).toEqual([[rows[0]], '2']);
    expect(await result(`__.pluck('n', { pageSize: 3 }, function (e, f) { ${SET}(f); })`)).toEqual([3, 1, 2]);
    expect(
      await result(`__.unwind('t', function (d, t) { return t; }, function (e, f) { ${SET}(f); })`),
    ).toEqual(['a', 'b', 'c']);
  });

  test('a chain that sorts reads all pages', async () => {
    const call = `__.chain().filter(function (d) { return d.n < 3; }).sortBy(function (d) { return d.n; })
      .map(function (d) { return d.n; }).value(function (e, f) { ${SET}(f); })`;
    expect(await result(call)).toEqual([1, 2]);
  });
});

describe('triggers and functions', () => {
  test('a trigger sees and changes its request', async () => {
    const source = `function () {
      var r = getContext().getRequest(), b = r.getBody(); b.op = r.getOperationType(); r.setBody(b);
    }`;
    const run = { kind: 'trigger', requestBody: { id: 'a' }, operationType: 'Create' } as const;
    expect((await check(source, run)).outcome).toMatchObject({ requestBody: { id: 'a', op: 'Create' } });
  });

  test('a function runs over rows, and undefined passes through', async () => {
    const rows: Json[] = [
      [[1], [2]],
      [[1], []],
      [[{ a: 1 }], [null]],
    ];
    const source = 'function (a, b) { return b === undefined ? undefined : typeof getContext + typeof a; }';
    expect(await bodyOf(source, { kind: 'function', arguments: rows })).toEqual([
      ['undefinednumber'],
      [],
      ['undefinedobject'],
    ]);
  });
});

describe('limits', () => {
  const limits = { ...SCRIPT_LIMITS, timeMs: 200 };

  test.each([
    ['a loop', 'function () { for (;;) {} }'],
    ['a loop that catches', 'function () { for (;;) { try { for (;;) {} } catch (e) {} } }'],
    ['a regular expression', `function () { /(a+)+b/.test('a'.repeat(50)); }`],
    ['a promise that never rests', 'async function () { for (;;) await 1; }'],
  ])('time ends %s', async (_, source) => {
    const startMs = runtime.monotonicMs();
    expect((await check(source, { limits })).outcome).toMatchObject({ kind: 'failed', reason: 'time' });
    expect(runtime.monotonicMs() - startMs).toBeLessThan(2000);
  });

  test('interrupts end a run at the same place every time', async () => {
    const source = `function () { var n = 0; for (;;) { n++; if (n % 10000 === 0) console.log(n); } }`;
    const run = { limits: { ...SCRIPT_LIMITS, interrupts: 5 } };
    expect((await check(source, run)).outcome).toMatchObject({ kind: 'failed', reason: 'time' });
  });

  test.each([
    ['strings', `function () { var a = []; for (;;) a.push('x'.repeat(10000) + a.length); }`],
    ['objects', 'function () { var a = []; for (;;) a.push({ a: a }); }'],
    ['buffers', 'function () { var a = []; for (;;) a.push(new Uint8Array(1 << 20)); }'],
  ])('memory ends %s, flat outside', async (_, source) => {
    const run = { limits: { ...SCRIPT_LIMITS, memoryBytes: 32 << 20 } };
    const before = process.memoryUsage().rss;
    expect((await check(source, run)).outcome).toMatchObject({ kind: 'failed', reason: 'memory' });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
  });

  test('endless recursion is an exception of the script', async () => {
    const { outcome } = await check('function () { function f() { return f() + 1; } f(); }');
    expect(failureOf(outcome)).toMatchObject({ reason: 'exception' });
    expect(failureOf(outcome).message).toContain('stack overflow');
  });
});

describe('isolation', () => {
  test('there is nothing but the language', async () => {
    const names = [
      'require',
      'process',
      'setTimeout',
      'fetch',
      'XMLHttpRequest',
      'WebAssembly',
      'globalThis.std',
    ];
    const source = `function (names) { ${SET}(names.map(function (n) { try { return typeof (0, eval)(n); }
      catch (e) { return 'undefined'; } })); }`;
    expect(await bodyOf(source, { arguments: [names] })).toEqual(names.map(() => 'undefined'));
  });

  test('a run leaves nothing to the next one', async () => {
    await check('function () { globalThis.leak = 1; Array.prototype.leak = 1; }');
    expect(await bodyOf(`function () { ${SET}([typeof leak, typeof [].leak]); }`)).toEqual([
      'undefined',
      'undefined',
    ]);
  });

  test('time and chance are the host’s', async () => {
    const fixed = createInProcessRunner({
      nowMs: () => 86_400_000,
      monotonicMs: () => 0,
      random: () => 0.25,
    });
    const source = `function () {
      var times = [Date.now(), new Date().getTime(), new Date(5).getTime()];
      ${SET}(times.concat(Math.random(), new Date() instanceof Date));
    }`;
    const run: ScriptRun = { kind: 'procedure', source, arguments: [], limits: SCRIPT_LIMITS };
    expect(await fixed.run(run, async () => [])).toMatchObject({
      body: [86_400_000, 86_400_000, 5, 0.25, true],
    });
  });
});

test('runs can share an instance, each in a realm of its own', async () => {
  const shared = createInProcessRunner(runtime, await loadInstance(SCRIPT_LIMITS.memoryBytes));
  const source = `function () { globalThis.n = (globalThis.n || 0) + 1; ${SET}(n);
    if (n > 1) throw new Error('leaked'); }`;
  const run: ScriptRun = { kind: 'procedure', source, arguments: [], limits: SCRIPT_LIMITS };
  for (let n = 0; n < 20; n++) expect(await shared.run(run, async () => [])).toMatchObject({ body: 1 });
});
