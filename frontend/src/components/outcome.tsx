import { Ban, CircleAlert, CircleCheck, CircleHelp } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { LogEntry } from '@/lib/api/generated';

const marks = {
  done: [CircleCheck, 'text-status-done'], refused: [Ban, 'text-status-paused'], failed: [CircleAlert, 'text-status-failed'], lost: [CircleHelp, 'text-status-stopped'],
} as const;

/** Shape, word and colour; then the status in figures. */
export function OutcomeText({ entry }: { entry: LogEntry }) {
  const t = useTranslations('logs');
  const [Icon, ink] = marks[entry.outcome];
  return <span className="inline-flex items-center gap-1.5 align-middle whitespace-nowrap"><Icon aria-hidden strokeWidth={1.75} className={`size-3.5 shrink-0 ${ink}`} />{t(`outcomes.${entry.outcome}`)}{entry.response && <span className="font-mono text-xs text-muted-foreground">{entry.response.status}</span>}</span>;
}
