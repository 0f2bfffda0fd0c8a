/**
 * Transactions that append to lists, and read them whole: a list tells its whole past, so the order of the
 * transactions can be told from what was read (the idea of Elle; Alvaro and Kingsbury, VLDB 2020). Every
 * element is appended once, and lists are read by transactions only.
 */
export interface ListTransaction {
  readonly name: string;
  readonly appends: readonly { readonly key: string; readonly element: string }[];
  readonly reads: readonly { readonly key: string; readonly elements: readonly string[] }[];
  /** False when it was refused for certain; undefined when nobody knows. */
  readonly isCommitted: boolean | undefined;
}

/** What keeps the history from being serializable, if anything does. */
export function checkSerializable(history: readonly ListTransaction[]): string[] {
  const writers = new Map<string, ListTransaction>();
  for (const one of history) for (const { element } of one.appends) writers.set(element, one);
  const lists = new Map<string, readonly string[]>();
  const problems: string[] = [];
  for (const { name, reads, isCommitted } of history) {
    if (isCommitted !== true) continue;
    for (const { key, elements } of reads) {
      for (const element of elements) {
        const writer = writers.get(element);
        if (writer === undefined) problems.push(`${name} reads ${element} of ${key}, which nobody appended`);
        else if (writer.isCommitted === false) problems.push(`${name} reads ${element}, which was refused`);
      }
      const longest = lists.get(key) ?? [];
      const [short, long] = elements.length < longest.length ? [elements, longest] : [longest, elements];
      if (short.some((element, place) => element !== long[place])) {
        problems.push(`${name} reads ${key} as [${elements}], another one as [${longest}]`);
      }
      lists.set(key, long);
    }
  }
  if (problems.length > 0) return problems;
  const circle = findCircle(dependencies(history, { writers, lists }));
  return circle === undefined ? [] : [`these depend on one another: ${circle.join(', ')}`];
}

interface Known {
  readonly writers: ReadonlyMap<string, ListTransaction>;
  /** The longest that was read of each list. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/** Who must come before whom: by who appended after whom, who read from whom, and who read before whom. */
function dependencies(
  history: readonly ListTransaction[],
  { writers, lists }: Known,
): Map<string, Set<string>> {
  const after = new Map<string, Set<string>>(history.map(({ name }) => [name, new Set()]));
  const order = (one: string | undefined, other: string | undefined) => {
    if (one !== undefined && other !== undefined && one !== other) after.get(one)?.add(other);
  };
  const writer = (element: string | undefined) =>
    element === undefined ? undefined : writers.get(element)?.name;
  for (const list of lists.values()) {
    for (const [place, element] of list.entries()) order(writer(element), writer(list[place + 1]));
  }
  for (const { name, reads, isCommitted } of history) {
    if (isCommitted !== true) continue;
    for (const { key, elements } of reads) {
      order(writer(elements.at(-1)), name);
      order(name, writer(lists.get(key)?.[elements.length]));
    }
  }
  return after;
}

/** Names along a circle of the graph; undefined when it has none. */
function findCircle(after: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const isDone = new Set<string>();
  for (const start of after.keys()) {
    const path: string[] = [];
    const open: { name: string; left: string[] }[] = [];
    const enter = (name: string) => {
      path.push(name);
      open.push({ name, left: [...(after.get(name) ?? [])] });
    };
    if (!isDone.has(start)) enter(start);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const next = top.left.pop();
      if (next === undefined) {
        isDone.add(top.name);
        open.pop();
        path.pop();
      } else if (path.includes(next)) return path.slice(path.indexOf(next));
      else if (!isDone.has(next)) enter(next);
    }
  }
  return undefined;
}
