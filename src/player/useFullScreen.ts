import { type RefObject, useCallback, useEffect, useState } from 'react';

/** Full screen for an element. */
export function useFullScreen(element: RefObject<HTMLElement>): { isOn: boolean; toggle: () => void } {
  const [isOn, setIsOn] = useState(false);

  useEffect(() => {
    const follow = () => setIsOn(document.fullscreenElement !== null && document.fullscreenElement === element.current);
    document.addEventListener('fullscreenchange', follow);
    return () => document.removeEventListener('fullscreenchange', follow);
  }, [element]);

  const toggle = useCallback(() => {
    const change = document.fullscreenElement ? document.exitFullscreen() : element.current?.requestFullscreen();
    // A browser may refuse it, for example inside another frame; the player then stays as it is.
    change?.catch(() => undefined);
  }, [element]);

  return { isOn, toggle };
}
