import { useRouter } from 'next/navigation';
import { useEffect, useEffectEvent, useRef } from 'react';
import type { MeView } from '@/lib/api/generated';
import { leave } from '@/lib/leaving';
import type { Area } from '@/lib/paths';
import { pathsOf } from '@/lib/paths';
import { placesOf } from './navigation';

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

interface Shortcuts { area: Area; me: MeView | undefined; onPalette: () => void }

/** `Ctrl K` the palette, `G` then a letter a place, `U` an upload, `/` the filter of the page. */
export function useShortcuts({ area, me, onPalette }: Shortcuts) {
  const router = useRouter();
  const gone = useRef(0);
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      onPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('[role=dialog], [role=menu]')) return;
    const key = event.key.toLowerCase();
    if (key === 'g') { gone.current = event.timeStamp; return; }
    if (event.timeStamp - gone.current < 1200) {
      const { work, administration } = placesOf(area, me);
      const place = [...work, ...administration].find(({ letter }) => letter === key);
      gone.current = 0;
      if (place) leave(() => router.push(place.href));
      return;
    }
    if (key === 'u') leave(() => router.push(pathsOf(area).newDataset));
    if (key === '/') {
      const filter = document.querySelector<HTMLInputElement>('main input[type=search]');
      if (filter) { event.preventDefault(); filter.focus(); }
    }
  });
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
