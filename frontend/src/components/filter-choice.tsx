import { Plus, Search, X } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { Menu, MenuContent, MenuRadioGroup, MenuRadioItem, MenuTrigger } from './ui/menu';

/** What stands in a bar of filters. */
export const chip = 'inline-flex h-7 shrink-0 items-center gap-1.5 rounded-md border bg-background px-2 whitespace-nowrap text-muted-foreground hover:bg-accent max-md:h-8 dark:bg-card [&_svg]:size-3.5 [&_svg]:shrink-0';

/** A filter that is set, and how to take it away. */
export function FilterChip({ name, children, onClear }: { name: string; children: ReactNode; onClear: () => void }) {
  const t = useTranslations('filters');
  return (
    <span className={chip}>
      {name} <b className="max-w-40 truncate font-medium text-foreground">{children}</b>
      <button type="button" aria-label={t('clearOne', { name })} onClick={onClear} className="-mr-1 grid size-5 place-items-center rounded-sm hover:bg-accent hover:text-foreground"><X aria-hidden /></button>
    </span>
  );
}

interface FilterChoiceProps { name: string; value: string | null; shown: ReactNode; options: { value: string; label: ReactNode }[]; onChange: (value: string | null) => void }

/** One of a few values; dashed while none is chosen. */
export function FilterChoice({ name, value, shown, options, onChange }: FilterChoiceProps) {
  if (value !== null) return <FilterChip name={name} onClear={() => onChange(null)}>{shown}</FilterChip>;
  return (
    <Menu>
      <MenuTrigger className={cn(chip, 'no-print border-dashed disabled:cursor-not-allowed disabled:opacity-100')} disabled={options.length === 0}><Plus aria-hidden />{name}</MenuTrigger>
      <MenuContent align="start"><MenuRadioGroup value="" onValueChange={onChange}>{options.map((option) => <MenuRadioItem key={option.value} value={option.value}>{option.label}</MenuRadioItem>)}</MenuRadioGroup></MenuContent>
    </Menu>
  );
}

interface FilterSearchProps { label: string; value: string | null; onChange: (value: string | null) => void; className?: string }

export function FilterSearch({ label, value, onChange, className }: FilterSearchProps) {
  return (
    <label className={cn(chip, !value && 'no-print', 'cursor-text hover:bg-background focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-ring', className)}>
      <Search aria-hidden /><span className="sr-only">{label}</span>
      <input type="search" value={value ?? ''} placeholder={label} onChange={(event) => onChange(event.target.value || null)} className="min-w-0 flex-1 bg-transparent text-foreground outline-none" />
    </label>
  );
}
