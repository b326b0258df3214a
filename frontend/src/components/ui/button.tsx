import { cva, type VariantProps } from 'class-variance-authority';
import { Slot } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export const buttonVariants = cva(
  'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:bg-muted disabled:text-muted-foreground disabled:border-border [&_svg]:size-3.5 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'border-transparent bg-primary text-primary-foreground hover:bg-primary-hover',
        default: 'border-border bg-background text-foreground hover:bg-accent dark:bg-card dark:hover:bg-accent',
        ghost: 'border-transparent bg-transparent text-foreground hover:bg-accent',
        quiet: 'border-transparent bg-transparent font-normal text-muted-foreground hover:bg-accent hover:text-foreground',
        danger: 'border-border bg-background text-destructive hover:bg-accent dark:bg-card dark:hover:bg-accent',
        destructive: 'border-transparent bg-destructive-solid text-destructive-foreground hover:opacity-90',
      },
      size: {
        default: 'h-8 px-3 max-md:h-9',
        sm: 'h-7 px-2.5 max-md:h-8',
        xs: 'h-6 gap-1 px-2 text-xs max-md:h-7',
        lg: 'h-10 px-4 text-base',
        icon: 'size-8 px-0 max-md:size-9',
        'icon-sm': 'size-7 px-0 max-md:size-8',
        'icon-xs': 'size-6 px-0 max-md:size-7',
      },
    },
    defaultVariants: { variant: 'default', size: 'default' },
  },
);

export type ButtonProps = ComponentProps<'button'> & VariantProps<typeof buttonVariants> & { asChild?: boolean };

export function Button({ className, variant, size, asChild = false, type = 'button', ...props }: ButtonProps) {
  if (asChild) return <Slot.Root className={cn(buttonVariants({ variant, size }), className)} {...props} />;
  return <button type={type} className={cn(buttonVariants({ variant, size }), className)} {...props} />;
}
