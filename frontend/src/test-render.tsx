import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import { NextIntlClientProvider } from 'next-intl';
import type { ReactElement } from 'react';
import { en } from './messages/en';
import { fr } from './messages/fr';

/** Renders with words and a query cache, as a page does. */
export function renderWith(element: ReactElement, locale: 'en' | 'fr' = 'en') {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <NextIntlClientProvider locale={locale} messages={locale === 'fr' ? fr : en} timeZone="UTC">
      <QueryClientProvider client={queries}>{element}</QueryClientProvider>
    </NextIntlClientProvider>,
  );
}
