'use client';

import { QueryClientProvider } from '@tanstack/react-query';
import { useTheme } from 'next-themes';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import { useState, type ReactNode } from 'react';
import { Toaster } from 'sonner';
import '@/lib/api/client';
import { makeQueryClient } from '@/lib/query-client';

export function Providers({ children }: { children: ReactNode }) {
  const [queries] = useState(makeQueryClient);
  const { resolvedTheme } = useTheme();
  return (
    <QueryClientProvider client={queries}>
      <NuqsAdapter>{children}</NuqsAdapter>
      <Toaster
        theme={resolvedTheme === 'dark' ? 'dark' : 'light'}
        position="bottom-right"
        toastOptions={{ classNames: { toast: 'shadow-popover! rounded-lg! border-0! bg-popover! text-popover-foreground! text-sm! font-sans!', description: 'text-muted-foreground! text-xs!' } }}
      />
    </QueryClientProvider>
  );
}
