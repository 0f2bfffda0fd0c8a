/**
 * A hierarchical navigable small world: every vector is linked to a few near ones, and every sixteenth also
 * on the level above, every sixteenth of those on the next, and so on. A search walks from the top towards
 * the query, level by level, and on the lowest keeps a beam of the best. See Malkov and Yashunin,
 * "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
 * graphs" (2018), whose algorithms 1 to 5 these are.
 *
 * Removed vectors stay as bridges until a repair links their neighbours to each other; that is how
 * "FreshDiskANN" (Singh et al., 2021) keeps its recall under change.
 */
import { assert } from '../../base/index.ts';
import { DistanceHeap } from './distance-heap.ts';
import type { PreparedQuery, Slot, VectorSet } from './vector-set.ts';

/** Links of a vector on a level above the lowest; twice as many there. */
const LINKS = 16;
const LINKS_LOWEST = 2 * LINKS;
/** Beam while a vector looks for its neighbours. */
const BUILD_BEAM = 100;
/** Memory of one vector's links, those on upper levels and marks included. */
export const GRAPH_BYTES_PER_VECTOR = 4 * (LINKS_LOWEST + 1) + 16;

export interface VectorGraphOptions {
  readonly vectors: VectorSet;
  /** Uniform in [0, 1): decides how high a vector stands. */
  readonly random: () => number;
}

/** Neighbours found, nearest first. */
export interface Found {
  readonly slots: Slot[];
  readonly distances: number[];
}

export class VectorGraph {
  readonly #vectors: VectorSet;
  readonly #random: () => number;
  /** Links on the lowest level: for each slot a count, then that many slots. */
  #lowest = new Int32Array(0);
  /** Links on the levels above, by level minus one. */
  readonly #upper = new Map<Slot, Int32Array[]>();
  /** For each slot: 0 unknown, 1 live, 2 removed but still a bridge. */
  #states = new Uint8Array(0);
  #removed = 0;
  #live = 0;
  #entry: Slot = -1;
  #top = 0;
  /** Searches so far, and for each slot the last that met it. */
  #search = 0;
  #met = new Uint32Array(0);
  readonly #open = new DistanceHeap('nearest');
  readonly #best = new DistanceHeap('farthest');
  readonly #distances = new Map<Slot, number>();
  #repair: { next: Slot; readonly slots: Slot[] } | undefined;

  constructor(options: VectorGraphOptions) {
    this.#vectors = options.vectors;
    this.#random = options.random;
  }

  /** Vectors that can be found. */
  get count(): number {
    return this.#live;
  }

  /** Vectors that are only bridges. */
  get removedCount(): number {
    return this.#removed;
  }

  has(slot: Slot): boolean {
    return this.#states[slot] === 1;
  }

  insert(slot: Slot): void {
    this.#reserve(slot);
    assert(this.#states[slot] === 0, 'a slot is inserted once');
    const level = Math.floor(-Math.log(1 - this.#random()) / Math.log(LINKS));
    if (level > 0) {
      this.#upper.set(
        slot,
        Array.from({ length: level }, () => new Int32Array(LINKS + 1)),
      );
    }
    this.#lowest[slot * (LINKS_LOWEST + 1)] = 0;
    const distanceOf = (other: Slot) => this.#vectors.distance(slot, other);
    let entry = this.#entry;
    for (let at = this.#top; entry >= 0 && at > level; at--) entry = this.#descend(distanceOf, entry, at);
    for (let at = Math.min(level, this.#top); entry >= 0 && at >= 0; at--) {
      const found = this.#beam(distanceOf, entry, at, BUILD_BEAM);
      const near = this.#choose(found, LINKS);
      this.#setLinks(slot, at, near);
      for (const other of near) this.#link(other, slot, at);
      entry = found.slots[0] ?? entry;
    }
    this.#states[slot] = 1;
    this.#live++;
    if (this.#entry < 0 || level > this.#top) {
      this.#entry = slot;
      this.#top = level;
    }
  }

  /** The slot is found no more, but must not be used again before a repair gave it back. */
  remove(slot: Slot): void {
    assert(this.#states[slot] === 1, 'only what is there is removed');
    this.#states[slot] = 2;
    this.#live--;
    this.#removed++;
  }

  /** Up to `count` of the vectors nearest to the query, found with a beam that wide. */
  search(query: PreparedQuery, count: number, beam: number): Found {
    if (this.#entry < 0) return { slots: [], distances: [] };
    const distanceOf = (other: Slot) => this.#vectors.distanceTo(query, other);
    let entry = this.#entry;
    for (let at = this.#top; at > 0; at--) entry = this.#descend(distanceOf, entry, at);
    const { slots, distances } = this.#beam(distanceOf, entry, 0, Math.max(beam, count));
    return { slots: slots.slice(0, count), distances: distances.slice(0, count) };
  }

  /**
   * Links the neighbours of removed vectors to each other, looking at up to `count` slots; returns the slots
   * that are free for use again once a round is through, else undefined.
   */
  repair(count: number): Slot[] | undefined {
    if (this.#repair === undefined) {
      const slots: Slot[] = [];
      for (let slot = 0; slot < this.#states.length; slot++) if (this.#states[slot] === 2) slots.push(slot);
      this.#repair = { next: 0, slots };
    }
    const round = this.#repair;
    const end = Math.min(this.#states.length, round.next + count);
    for (; round.next < end; round.next++) if (this.#states[round.next] === 1) this.#mend(round.next);
    if (end < this.#states.length) return undefined;
    this.#repair = undefined;
    this.#release(round.slots);
    return round.slots;
  }

  #release(slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#states[slot] = 0;
      this.#upper.delete(slot);
    }
    this.#removed -= slots.length;
    if (this.#entry < 0 || this.#states[this.#entry] !== 0) return;
    this.#entry = -1;
    this.#top = 0;
    for (let slot = 0; slot < this.#states.length; slot++) {
      if (this.#states[slot] === 0) continue;
      const level = this.#upper.get(slot)?.length ?? 0;
      if (this.#entry >= 0 && level <= this.#top) continue;
      this.#entry = slot;
      this.#top = level;
    }
  }

  #mend(slot: Slot): void {
    const levels = this.#upper.get(slot)?.length ?? 0;
    for (let level = 0; level <= levels; level++) {
      const links = this.#links(slot, level);
      if (!links.some((other) => this.#states[other] === 2)) continue;
      const candidates = new Set<Slot>();
      for (const other of links) {
        if (this.#states[other] === 1) candidates.add(other);
        else
          for (const beyond of this.#links(other, level))
            if (this.#states[beyond] === 1) candidates.add(beyond);
      }
      candidates.delete(slot);
      this.#setLinks(slot, level, this.#choose(this.#sorted(slot, candidates), linksMax(level)));
    }
  }

  #sorted(slot: Slot, candidates: Iterable<Slot>): Found {
    const measured = [...candidates].map((other) => ({
      other,
      distance: this.#vectors.distance(slot, other),
    }));
    measured.sort((a, b) => a.distance - b.distance || a.other - b.other);
    return { slots: measured.map(({ other }) => other), distances: measured.map(({ distance }) => distance) };
  }

  /** The nearest that a walk downhill comes to. */
  #descend(distanceOf: (slot: Slot) => number, start: Slot, level: number): Slot {
    let at = start;
    let distance = distanceOf(at);
    for (;;) {
      let next = at;
      for (const other of this.#links(at, level)) {
        const candidate = distanceOf(other);
        if (candidate >= distance) continue;
        distance = candidate;
        next = other;
      }
      if (next === at) return at;
      at = next;
    }
  }

  /**
   * The best that a beam of that width finds on a level, nearest first; removed ones lead on but do not
   * count.
   */
  #beam(distanceOf: (slot: Slot) => number, start: Slot, level: number, width: number): Found {
    const open = this.#open;
    const best = this.#best;
    open.clear();
    best.clear();
    const search = this.#nextSearch();
    const distances = this.#distances;
    distances.clear();
    const meet = (slot: Slot) => {
      this.#met[slot] = search;
      const distance = distanceOf(slot);
      if (best.length >= width && distance >= best.topDistance) return;
      open.push(distance, slot);
      if (this.#states[slot] !== 1) return;
      best.push(distance, slot);
      distances.set(slot, distance);
      if (best.length > width) best.pop();
    };
    meet(start);
    while (open.length > 0) {
      if (best.length >= width && open.topDistance > best.topDistance) break;
      const at = open.pop();
      const { list, offset } = this.#linkList(at, level);
      const end = offset + 1 + (list[offset] as number);
      for (let place = offset + 1; place < end; place++) {
        const other = list[place] as Slot;
        if (this.#met[other] !== search) meet(other);
      }
    }
    const slots: Slot[] = new Array(best.length);
    for (let place = best.length - 1; place >= 0; place--) slots[place] = best.pop();
    return { slots, distances: slots.map((slot) => distances.get(slot) as number) };
  }

  #nextSearch(): number {
    if (this.#search === 0xffff_ffff) {
      this.#met.fill(0);
      this.#search = 0;
    }
    return ++this.#search;
  }

  /**
   * Up to `count` of the candidates in different directions: one that is nearer to a chosen one than to the
   * vector itself can be reached through it. Places left over go to the nearest of those passed by.
   */
  #choose({ slots, distances }: Found, count: number): Slot[] {
    if (slots.length <= count) return slots;
    const chosen: Slot[] = [];
    const passed: Slot[] = [];
    for (let place = 0; place < slots.length && chosen.length < count; place++) {
      const slot = slots[place] as Slot;
      const distance = distances[place] as number;
      const isCovered = chosen.some((other) => this.#vectors.distance(slot, other) < distance);
      (isCovered ? passed : chosen).push(slot);
    }
    for (const slot of passed) {
      if (chosen.length >= count) break;
      chosen.push(slot);
    }
    return chosen;
  }

  /** Adds a link; when there are too many, only the best chosen stay. */
  #link(from: Slot, to: Slot, level: number): void {
    const { list, offset } = this.#linkList(from, level);
    const count = list[offset] as number;
    const max = linksMax(level);
    if (count < max) {
      list[offset + 1 + count] = to;
      list[offset] = count + 1;
      return;
    }
    const all = [...this.#links(from, level), to];
    this.#setLinks(from, level, this.#choose(this.#sorted(from, all), max));
  }

  #links(slot: Slot, level: number): Int32Array {
    const { list, offset } = this.#linkList(slot, level);
    return list.subarray(offset + 1, offset + 1 + (list[offset] as number));
  }

  #setLinks(slot: Slot, level: number, links: readonly Slot[]): void {
    const { list, offset } = this.#linkList(slot, level);
    list[offset] = links.length;
    list.set(links, offset + 1);
  }

  #linkList(slot: Slot, level: number): { list: Int32Array; offset: number } {
    if (level === 0) return { list: this.#lowest, offset: slot * (LINKS_LOWEST + 1) };
    const list = this.#upper.get(slot)?.[level - 1];
    assert(list !== undefined, 'links lead only to vectors that stand on that level');
    return { list, offset: 0 };
  }

  #reserve(slot: Slot): void {
    if (slot < this.#states.length) return;
    const size = Math.max(1024, slot + 1, Math.ceil(this.#states.length * 1.5));
    const lowest = new Int32Array(size * (LINKS_LOWEST + 1));
    lowest.set(this.#lowest);
    this.#lowest = lowest;
    const states = new Uint8Array(size);
    states.set(this.#states);
    this.#states = states;
    const met = new Uint32Array(size);
    met.set(this.#met);
    this.#met = met;
  }
}

function linksMax(level: number): number {
  return level === 0 ? LINKS_LOWEST : LINKS;
}
