import { cn } from '@/lib/cn';

export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 20 20" aria-hidden className={cn('size-5 shrink-0', className)}>
      <rect width="20" height="20" rx="5" fill="#dc2626" />
      <path d="M5.5 5.6h5M5.5 10h9M5.5 14.4h5" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" fill="none" />
    </svg>
  );
}
