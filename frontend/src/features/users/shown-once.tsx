'use client';

import { Check, Copy } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { Button } from '@/components/ui/button';

/** A password to hand over: the server keeps only its hash. */
export function ShownOnce({ title, password }: { title: string; password: string }) {
  const t = useTranslations('users');
  const [copied, setCopied] = useState(false);
  return (
    <div role="status" className="rounded-lg border bg-card px-4 py-3.5">
      <p className="font-medium">{title}</p>
      <p className="text-xs text-muted-foreground">{t('onceText')}</p>
      <p className="mt-2 flex items-center gap-2">
        <code className="min-w-0 flex-1 font-mono text-xs break-all">{password}</code>
        <Button size="sm" onClick={() => { void navigator.clipboard.writeText(password).then(() => setCopied(true)); }}>{copied ? <Check aria-hidden /> : <Copy aria-hidden />}{copied ? t('copied') : t('copy')}</Button>
      </p>
    </div>
  );
}
