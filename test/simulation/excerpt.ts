/**
 * Part of a seed's story: what is left when some of its requests, faults and regions do not happen.
 * Everything that happens draws its chances from a stream of its own, so that what is left out changes as
 * little as possible for the rest.
 */
export interface Excerpt {
  /** Only the first so many regions exist. */
  readonly regions?: number | undefined;
  /** Names of the requests (`client.number`) and strikes (`fault.number`) that happen; all when missing. */
  readonly acts?: ReadonlySet<string> | undefined;
}

export function includes({ acts }: Excerpt, act: string): boolean {
  return acts === undefined || acts.has(act);
}

/** Number of the last request of a client that happens. */
export function lastRequest({ acts }: Excerpt, client: number): number {
  if (acts === undefined) return Number.POSITIVE_INFINITY;
  let last = -1;
  for (const act of acts) {
    const [who, number] = act.split('.');
    if (who === String(client)) last = Math.max(last, Number(number));
  }
  return last;
}

/** As `--only` of `npm run sim` takes it. */
export function formatExcerpt({ regions, acts }: Excerpt): string {
  return [...(regions === undefined ? [] : [`regions.${regions}`]), ...(acts ?? [])].join(',');
}

export function parseExcerpt(text: string): Excerpt {
  const names = text.split(',').filter((name) => name !== '');
  const regions = names.find((name) => name.startsWith('regions.'));
  return {
    regions: regions === undefined ? undefined : Number(regions.slice('regions.'.length)),
    acts: new Set(names.filter((name) => name !== regions)),
  };
}
