import type { Messages as AppMessages } from '@/messages/en';

declare module 'next-intl' {
  interface AppConfig {
    Locale: 'en' | 'fr';
    Messages: AppMessages;
  }
}
