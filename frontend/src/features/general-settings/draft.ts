import * as z from 'zod';
import type { GeneralChange, GeneralSettings } from '@/lib/api/generated';

/** Shaped like the form: the number of days is text until it is sent. */
export type Fields = Omit<GeneralSettings, 'logRetentionDays'> & { logRetentionDays: string };
export type Field = keyof Fields;
export const FIELDS = ['appName', 'appDescription', 'timeZone', 'registration', 'logRetentionDays', 'isMaintenance'] as const satisfies Field[];

/** What is typed and not saved, by field. */
export type Draft = Partial<Fields>;

export const fieldsOf = (settings: GeneralSettings): Fields => ({ ...settings, logRetentionDays: String(settings.logRetentionDays) });

/** Writes a field; what is as it was again is no change any more. */
export function write<F extends Field>(base: Fields, draft: Draft, field: F, value: Fields[F]): Draft {
  return changed(base, { ...draft, [field]: value });
}

/** Those of the drafted fields that differ. */
const changed = (base: Fields, draft: Draft): Draft => Object.fromEntries(FIELDS.filter((field) => draft[field] !== undefined && draft[field] !== base[field]).map((field) => [field, draft[field]]));

/** What becomes of a draft when somebody else saved meanwhile, and which fields both changed, each to something else. */
export function rebase(before: Fields, now: Fields, draft: Draft): { draft: Draft; conflicts: Field[] } {
  const kept = changed(now, draft);
  return { draft: kept, conflicts: FIELDS.filter((field) => kept[field] !== undefined && before[field] !== now[field]) };
}

export function requestOf(draft: Draft): GeneralChange {
  const { logRetentionDays, ...rest } = draft;
  const texts = Object.fromEntries(Object.entries(rest).map(([field, value]) => [field, typeof value === 'string' ? value.trim() : value]));
  return { ...texts, ...(logRetentionDays === undefined ? {} : { logRetentionDays: Number(logRetentionDays) }) };
}

const schema = z.object({
  appName: z.string().trim().min(1).max(60),
  appDescription: z.string().trim().max(500),
  logRetentionDays: z.string().regex(/^\d{1,4}$/).refine((text) => Number(text) >= 1 && Number(text) <= 3650),
});

/** The fields that can't be saved as they are. */
export function wrongOf(fields: Fields): Set<Field> {
  const { error } = schema.safeParse(fields);
  return new Set(error?.issues.map(({ path }) => path[0] as Field) ?? []);
}
