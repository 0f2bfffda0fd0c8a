import { describe, expect, test } from 'vitest';
import { initialAccountState } from '../../account/index.ts';
import { accountBody, accountCommands } from './account-body.ts';

const state = initialAccountState({
  id: 'tested',
  regions: ['A', 'B'],
  multipleWriteRegions: false,
  consistency: { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 },
});

test('the account is shown with names, not origins', () => {
  expect(accountBody(state)).toMatchObject({
    regions: ['A', 'B'],
    quorum: { epoch: 1, regions: ['A', 'B'] },
    topology: { kind: 'auto' },
    consistency: { level: 'Session' },
  });
});

describe('changes', () => {
  test('what is left out of a policy stays', () => {
    expect(accountCommands({ consistency: { level: 'Strong' } }, state)).toEqual([
      {
        kind: 'changeConsistency',
        consistency: { level: 'Strong', stalenessOperations: 100_000, stalenessSeconds: 300 },
        isUnsafe: false,
      },
    ]);
    expect(accountCommands({ topology: { kind: 'chain' } }, state)).toEqual([
      { kind: 'changeTopology', topology: { kind: 'chain' } },
    ]);
    expect(accountCommands({}, state)).toEqual([]);
  });

  test.each([[undefined], ['x'], [{ regions: [] }], [{ consistency: 'Strong' }], [{ topology: 'chain' }]])(
    '%j is refused',
    (body) => {
      expect(() => accountCommands(body, state)).toThrow();
    },
  );
});
