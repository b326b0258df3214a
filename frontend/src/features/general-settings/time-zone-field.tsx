'use client';

import { Command } from 'cmdk';
import { Check, ChevronsUpDown, Search } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { FieldState } from '@/components/ui/field';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';

/** What the browser knows of the IANA database, `UTC` first. */
const zones = () => ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

/** `+02:00` now, in a zone. */
function offsetOf(zone: string) {
  const name = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts().find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return name.replace('GMT', '') || '+00:00';
}

interface TimeZoneFieldProps { field: FieldState; label: string; value: string; onChange: (zone: string) => void }

export function TimeZoneField({ field, label, value, onChange }: TimeZoneFieldProps) {
  const t = useTranslations('general');
  const [open, setOpen] = useState(false);
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger {...field} aria-label={`${label} ${value}`} className="flex h-8 w-full items-center gap-2 rounded-md border border-input bg-background px-2.5 text-left max-md:h-10">
        <span className="min-w-0 flex-1 truncate">{value}</span><ChevronsUpDown aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
      </PopoverTrigger>
      <PopoverContent aria-label={label} className="w-(--radix-popover-trigger-width) min-w-64 p-0">
        <Command label={label} loop defaultValue={value}>
          <div className="flex h-10 items-center gap-2 border-b px-3"><Search aria-hidden className="size-3.5 shrink-0 text-muted-foreground" /><Command.Input autoFocus placeholder={t('searchZone')} className="h-full min-w-0 flex-1 bg-transparent outline-none" /></div>
          <Command.List className="max-h-64 overflow-y-auto p-1">
            <Command.Empty className="px-2 py-4 text-muted-foreground">{t('noZone')}</Command.Empty>
            {zones().map((zone) => (
              <Command.Item key={zone} value={zone} keywords={[zone.replaceAll('_', ' ')]} onSelect={() => { onChange(zone); setOpen(false); }} className="flex min-h-8 cursor-pointer items-center gap-2 rounded-sm px-2 data-[selected=true]:bg-accent max-md:min-h-10">
                <span className="min-w-0 flex-1 truncate">{zone}</span><span className="tabular text-xs text-muted-foreground">{offsetOf(zone)}</span>
                {zone === value ? <Check aria-hidden className="size-3.5" /> : <span className="size-3.5" />}
              </Command.Item>
            ))}
          </Command.List>
        </Command>
      </PopoverContent>
    </Popover>
  );
}
