import type { EffectivePartitionKey } from '../resource/index.ts';
import { epkOf, type ItemKey } from './item-key.ts';

/** Whether anything was written to one logical partition since somebody began to look. */
export interface KeyWatch {
  readonly isChanged: boolean;
  end(): void;
}

interface Watch {
  readonly epk: EffectivePartitionKey;
  isChanged: boolean;
}

/**
 * Who watches which logical partition: few at any time and mostly none, so that a write only finds out that
 * there is nobody to tell.
 */
export class KeyWatches {
  readonly #watches = new Set<Watch>();

  begin(epk: EffectivePartitionKey): KeyWatch {
    const watch: Watch = { epk, isChanged: false };
    this.#watches.add(watch);
    return {
      get isChanged() {
        return watch.isChanged;
      },
      end: () => void this.#watches.delete(watch),
    };
  }

  note(key: ItemKey): void {
    if (this.#watches.size === 0) return;
    const epk = epkOf(key);
    for (const watch of this.#watches) if (watch.epk === epk) watch.isChanged = true;
  }
}
