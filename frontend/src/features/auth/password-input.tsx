'use client';

import { useTranslations } from 'next-intl';
import { useState, type ComponentProps } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';

export function PasswordInput(props: ComponentProps<'input'>) {
  const t = useTranslations('auth');
  const [shown, setShown] = useState(false);
  return (
    <div className="relative">
      <Input {...props} type={shown ? 'text' : 'password'} className="h-10 pr-20 text-base" />
      <Button variant="ghost" size="xs" className="absolute top-2 right-2 max-md:top-1.5" aria-pressed={shown} onClick={() => setShown(!shown)}>{shown ? t('hide') : t('show')}</Button>
    </div>
  );
}
