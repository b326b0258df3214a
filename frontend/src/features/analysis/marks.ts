import type { KeyboardEvent, MouseEvent } from 'react';

/**
 * Props that make a mark of a drawing a door: named, pressed by click, Enter and Space, reached with the arrow keys.
 * Up and down go by `row` marks, as a table's do.
 */
export function door(name: string, first: boolean, open: () => void, row = 1) {
  return {
    role: 'button',
    'aria-label': name,
    'data-mark': '',
    tabIndex: first ? 0 : -1,
    className: 'cursor-pointer outline-none hover:[&>[data-edge]]:stroke-foreground focus-visible:[&>[data-edge]]:stroke-ring',
    onClick: (event: MouseEvent) => { event.stopPropagation(); open(); },
    onKeyDown: (event: KeyboardEvent<SVGElement>) => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); return; }
      const step = { ArrowRight: 1, ArrowDown: row, ArrowLeft: -1, ArrowUp: -row }[event.key];
      if (!step) return;
      event.preventDefault();
      const marks = [...(event.currentTarget.closest('svg')?.querySelectorAll<SVGElement>('[data-mark]') ?? [])];
      const next = marks[marks.indexOf(event.currentTarget) + step];
      next?.focus();
    },
  } as const;
}
