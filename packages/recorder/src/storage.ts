export interface KeyValue {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/**
 * Web storage that falls back to memory when it is forbidden, full or missing. `open` may throw: reading
 * `window.localStorage` does so in sandboxed frames and when cookies are blocked.
 */
export function webStorage(open: () => Storage): KeyValue {
  const memory = new Map<string, string>();
  let storage: Storage | undefined;
  try {
    storage = open();
  } catch {
    storage = undefined;
  }
  return {
    get(key) {
      try {
        return storage?.getItem(key) ?? memory.get(key) ?? null;
      } catch {
        return memory.get(key) ?? null;
      }
    },
    set(key, value) {
      try {
        if (storage) {
          storage.setItem(key, value);
          memory.delete(key);
          return;
        }
      } catch {
        // Full or forbidden: memory serves this document.
      }
      memory.set(key, value);
    },
    remove(key) {
      memory.delete(key);
      try {
        storage?.removeItem(key);
      } catch {
        // Forbidden: there was nothing to remove.
      }
    },
  };
}
