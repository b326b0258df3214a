import { useTranslations } from 'next-intl';
import { isStale } from '@/lib/api/problem';
import { ProblemAlert } from './problem-alert';

/** Why a change was not saved. When somebody else saved meanwhile, what to do depends on whether both changed the same. */
export function SavingProblem({ problem, hasConflicts }: { problem: unknown; hasConflicts: boolean }) {
  const t = useTranslations('saving');
  return isStale(problem)
    ? <ProblemAlert problem={problem} title={t('stale')} detail={t(hasConflicts ? 'staleConflicts' : 'staleText')} />
    : <ProblemAlert problem={problem} />;
}
