import { expect, test } from 'vitest';
import { normalizeScript, scriptBody } from './script-definition.ts';

const BODY = 'function () {}';

test('a procedure is id and body', () => {
  const script = normalizeScript('storedProcedure', { id: 'p', body: BODY, extra: 1 });
  expect(script).toEqual({ kind: 'storedProcedure', id: 'p', body: BODY });
  expect(scriptBody(script)).toEqual({ id: 'p', body: BODY });
});

test('a trigger also says when it runs, in whatever case', () => {
  const body = { id: 't', body: BODY, triggerType: 'pre', triggerOperation: 'ALL' };
  const script = normalizeScript('trigger', body);
  expect(scriptBody(script)).toEqual({ ...body, triggerType: 'Pre', triggerOperation: 'All' });
});

test.each([
  ['no id', 'storedProcedure', { body: BODY }],
  ['an id with a slash', 'storedProcedure', { id: 'a/b', body: BODY }],
  ['no body', 'userDefinedFunction', { id: 'a' }],
  ['a body that is no text', 'userDefinedFunction', { id: 'a', body: {} }],
  ['a body without end', 'userDefinedFunction', { id: 'a', body: 'x'.repeat(600_000) }],
  ['no trigger type', 'trigger', { id: 'a', body: BODY, triggerOperation: 'All' }],
  ['an unknown operation', 'trigger', { id: 'a', body: BODY, triggerType: 'Pre', triggerOperation: 'Read' }],
] as const)('%s is refused', (_, kind, body) => {
  expect(() => normalizeScript(kind, body)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
});
