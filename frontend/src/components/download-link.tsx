'use client';

import { Download } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button, type ButtonProps } from './ui/button';

/** A file of the server, fetched by the browser itself. */
export function DownloadLink({ href, children, ...props }: Pick<ButtonProps, 'size' | 'variant' | 'className'> & { href: string; children: ReactNode }) {
  return <Button asChild {...props}><a href={href} download><Download aria-hidden />{children}</a></Button>;
}
