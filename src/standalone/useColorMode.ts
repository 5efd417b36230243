import { useCallback, useEffect, useState } from 'react';

export type ColorMode = 'light' | 'dark';

const KEY = 'playhead.colorMode';
const PREFERS_DARK = '(prefers-color-scheme: dark)';

/** The system's colours, until somebody chooses; the choice is kept in this browser. */
export function useColorMode(): { mode: ColorMode; toggle: () => void } {
  const [system, setSystem] = useState<ColorMode>(() => systemMode());
  const [chosen, setChosen] = useState<ColorMode | undefined>(() => storedMode());
  const mode = chosen ?? system;

  useEffect(() => {
    const query = window.matchMedia(PREFERS_DARK);
    const follow = () => setSystem(systemMode());
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);

  const toggle = useCallback(() => {
    const next = mode === 'dark' ? 'light' : 'dark';
    setChosen(next);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Storage is off in this browser: the choice lasts as long as the page.
    }
  }, [mode]);

  return { mode, toggle };
}

function systemMode(): ColorMode {
  return window.matchMedia(PREFERS_DARK).matches ? 'dark' : 'light';
}

function storedMode(): ColorMode | undefined {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : undefined;
  } catch {
    return undefined;
  }
}
