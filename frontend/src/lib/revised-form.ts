import { useEffect, useEffectEvent, useState } from 'react';
import type { Path, PathValue, UseFormReturn } from 'react-hook-form';

interface Revised<T> {
  /** Fields that are typed into and that somebody else saved meanwhile, each with another text. */
  conflicts: Extract<keyof T, string>[];
  /** Settles one of them: what is typed stays. */
  keepYours: (field: Extract<keyof T, string>) => void;
}

/**
 * Lets a form of texts go on when a newer revision of what it shows comes: `now` is taken over, but for what is typed.
 * `theirs` is what is compared, where the form does not show it. Both keep their identity as long as the revision is the same.
 */
export function useRevised<T extends Record<string, string>>({ formState, getValues, reset, setValue }: UseFormReturn<T>, now: T, theirs: T = now): Revised<T> {
  const fields = Object.keys(now) as Extract<keyof T, string>[];
  const { isDirty, dirtyFields } = formState;
  const isTyped = (field: string) => Boolean((dirtyFields as Record<string, boolean | undefined>)[field]);
  const valueOf = (field: string): string => getValues(field as Path<T>);
  const typed = useEffectEvent(() => fields.filter(isTyped).map((field) => [field, valueOf(field)] as const));
  useEffect(() => {
    const kept = typed();
    reset(now);
    for (const [field, value] of kept) setValue(field as unknown as Path<T>, value as PathValue<T, Path<T>>, { shouldDirty: true });
  }, [now, reset, setValue]);
  // What was there when the typing began.
  const [before, setBefore] = useState(theirs);
  const [kept, setKept] = useState<Partial<T>>({});
  if (!isDirty && before !== theirs) {
    setBefore(theirs);
    setKept({});
  }
  const conflicts = fields.filter((field) => isTyped(field) && before[field] !== theirs[field] && valueOf(field) !== theirs[field] && kept[field] !== theirs[field]);
  return { conflicts, keepYours: (field) => setKept((others) => ({ ...others, [field]: theirs[field] })) };
}
