import { useTranslations } from 'next-intl';
import { Button } from './ui/button';

interface BothChangedProps {
  /** The field's name in words. */
  field: string;
  theirs: string;
  yours: string;
  onTheirs: () => void;
  onYours: () => void;
}

/** Stands under a field that somebody else saved meanwhile: what it is now, what is typed, and a choice. */
export function BothChanged({ field, theirs, yours, onTheirs, onYours }: BothChangedProps) {
  const t = useTranslations('saving');
  return (
    <div role="group" aria-label={t('conflict', { field })} className="mt-2 grid gap-2 rounded-lg bg-status-paused-surface px-3 py-2.5">
      <p className="break-words">{t.rich('both', { theirs, yours, b: (text) => <b className="font-medium">{text}</b> })}</p>
      <div className="flex flex-wrap gap-2"><Button size="sm" onClick={onTheirs}>{t('takeTheirs')}</Button><Button size="sm" onClick={onYours}>{t('keepYours')}</Button></div>
    </div>
  );
}
