import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** How large an element is, in pixels, kept up; nothing before it is on the page. */
export function useSize(): [RefObject<HTMLDivElement | null>, { width: number; height: number }] {
  const ref = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  // Before the paint: a drawing is there with what stands around it.
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setSize((known) => (known.width === element.clientWidth && known.height === element.clientHeight ? known : { width: element.clientWidth, height: element.clientHeight }));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}
