import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';

let held: ((go: () => void) => void) | null = null;

/** Goes on, unless a page with unsaved changes wants to ask first. */
export function leave(go: () => void) {
  if (held) held(go); else go();
}

/**
 * Holds whoever is about to leave while there is something unsaved: links are caught, and what goes elsewhere by itself
 * calls {@link leave}. A reload loses nothing where the page keeps its draft (lib/kept.ts). Gives what to do when leaving is wanted all the same.
 */
export function useUnsaved(dirty: boolean): { going: (() => void) | null; stay: () => void } {
  const router = useRouter();
  const [going, setGoing] = useState<(() => void) | null>(null);
  useEffect(() => {
    if (!dirty) return;
    const hold = (go: () => void) => setGoing(() => () => { held = null; setGoing(null); go(); });
    const onClick = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
      if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download') || link.origin !== location.origin || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.hash) return;
      event.preventDefault();
      event.stopPropagation();
      hold(() => router.push(link.pathname + link.search));
    };
    held = hold;
    document.addEventListener('click', onClick, true);
    return () => {
      if (held === hold) held = null;
      document.removeEventListener('click', onClick, true);
    };
  }, [dirty, router]);
  return { going, stay: () => setGoing(null) };
}
