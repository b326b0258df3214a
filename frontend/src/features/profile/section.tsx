import type { ReactNode } from 'react';

export function Section({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="gutter grid gap-x-8 gap-y-4 border-b py-6 md:grid-cols-[220px_minmax(0,1fr)]">
      <header><h2 className="text-sm">{title}</h2><p className="mt-0.5 text-xs break-words text-muted-foreground">{text}</p></header>
      {children}
    </section>
  );
}
