import type { ReactNode } from 'react';

interface EmptyStateProps { title: string; text: ReactNode; actions?: ReactNode; children?: ReactNode }

export function EmptyState({ title, text, actions, children }: EmptyStateProps) {
  return (
    <div className="gutter max-w-[760px] py-12">
      <h2 className="text-xl font-semibold tracking-tight">{title}</h2>
      <p className="mt-1 max-w-[560px] text-base text-muted-foreground text-pretty">{text}</p>
      {actions && <div className="mt-5 flex flex-wrap gap-2">{actions}</div>}
      {children && <div className="mt-10">{children}</div>}
    </div>
  );
}
