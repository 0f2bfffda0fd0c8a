import { expect, test } from 'vitest';
import { describeOptions, flagOf, managementUrl, OPTIONS } from './index.ts';

test('help names every flag with its variable', () => {
  const help = describeOptions(OPTIONS);
  for (const name of Object.keys(OPTIONS)) expect(help).toContain(`  ${flagOf(name)}`);
  expect(help).toContain('--allow-faults');
  expect(help).toContain('ORRERY_ALLOW_FAULTS');
  expect(help).toContain('ORRERY_PORT; default 8081)');
  expect(help).toContain('--write multi|single');
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});

test('the management listener stands nine above the port, or where it is said to', () => {
  const url = (values: Partial<Parameters<typeof managementUrl>[0]>): string =>
    managementUrl({ host: '127.0.0.1', port: 8081, management: undefined, ...values });
  expect(url({})).toBe('http://127.0.0.1:8090');
  expect(url({ host: '::', port: 9000 })).toBe('http://localhost:9009');
  expect(url({ host: '::1' })).toBe('http://[::1]:8090');
  expect(url({ management: 'http://h:1/' })).toBe('http://h:1');
});
