import { useTranslations } from 'next-intl';
import { useCallback } from 'react';
import { ApiProblem } from './api/problem';

/** Codes to words, in one place. Where the server's own detail says more (a line, a column's name), it is shown. */
const SPEAKS_FOR_ITSELF = new Set(['csv_unclosed_quote', 'csv_field_too_large', 'csv_too_many_columns', 'csv_too_many_rows', 'csv_too_many_rejects', 'missing_column', 'weak_password', 'validation', 'illegal_transition', 'in_use', 'unsupported_media_type', 'url_not_allowed', 'forbidden', 'bad_request', 'conflict', 'no_model', 'quota_exceeded']);

export function useProblemText() {
  const t = useTranslations('problem');
  return useCallback((problem: unknown): { title: string; detail: string } => {
    if (!(problem instanceof ApiProblem)) return { title: t('unknown.title'), detail: t('unknown.detail') };
    const key = problem.code as 'offline';
    const known = t.has(`${key}.title`);
    const own = SPEAKS_FOR_ITSELF.has(problem.code) || !known;
    const detail = own && problem.message ? sentence(problem.message) : t(`${key}.detail`, { seconds: problem.retryAfter ?? 0 });
    return { title: known ? t(`${key}.title`) : t('unknown.title'), detail };
  }, [t]);
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
