import type { ReactNode } from 'react';

/** A part of the overview: its title, one line, and rows. */
export function Frame({ title, text, wide = false, children }: { title: string; text: ReactNode; wide?: boolean; children: ReactNode }) {
  return (
    <section aria-label={title} className={`gutter col-span-12 py-4 ${wide ? '' : 'lg:col-span-6'}`}>
      <h2 className="text-sm">{title}</h2>
      <p className="mb-2 text-xs text-muted-foreground">{text}</p>
      {children}
    </section>
  );
}
