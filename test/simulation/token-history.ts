import type { OperationRecord } from './client-history.ts';
import type { Violations } from './violations.ts';

/**
 * What the official clients rely on when they merge session tokens: those of one range and version name the
 * same regions. (They refuse the pair otherwise.)
 */
export function judgeTokens(records: readonly OperationRecord[], violations: Violations): void {
  const regionsOf = new Map<string, string>();
  for (const { outcome, number } of records) {
    if (outcome?.kind !== 'ok') continue;
    for (const token of outcome.token.split(',')) {
      const [name = '', position = ''] = token.split(':');
      const [version = '', , ...locals] = position.split('#');
      const regions = locals.map((local) => local.split('=')[0]).join(' ');
      const known = regionsOf.get(`${name} ${version}`);
      regionsOf.set(`${name} ${version}`, known ?? regions);
      if (known === undefined || known === regions) continue;
      violations.report(
        'I11 session token promise',
        `#${number} got ${token}, while another token of version ${version} names ${known}`,
      );
      return;
    }
  }
}
