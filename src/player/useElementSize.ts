import { type RefObject, useEffect, useState } from 'react';

/** The size of an element without its padding, CSS pixels; undefined until it has been measured. */
export function useElementSize(element: RefObject<HTMLElement>): { width: number; height: number } | undefined {
  const [size, setSize] = useState<{ width: number; height: number }>();
  useEffect(() => {
    if (!element.current) {
      return;
    }
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      setSize({ width, height });
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return size;
}
