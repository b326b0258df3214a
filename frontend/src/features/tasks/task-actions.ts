import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { toast } from 'sonner';
import { pauseTask, restartTask, resumeTask, retryTask, startTask, stopTask, type RetryTask, type TaskAction } from '@/lib/api/generated';
import { getTaskQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { ApiProblem } from '@/lib/api/problem';
import { useProblemText } from '@/lib/problem-text';
import { keepTask, useForgetLists } from '@/lib/task-queries';

const calls = { start: startTask, pause: pauseTask, resume: resumeTask, stop: stopTask, restart: restartTask } as const;

/** Sends a command; the answer is the task as it is now. A refusal says why, and the task is read again. */
export function useTaskAction(id: string) {
  const t = useTranslations('tasks');
  const queries = useQueryClient();
  const problemText = useProblemText();
  const forget = useForgetLists();
  return useMutation({
    mutationFn: async ({ action, body }: { action: TaskAction; body?: RetryTask }) => (action === 'retry'
      ? await retryTask({ path: { task_id: id }, body: body ?? {}, throwOnError: true })
      : await calls[action]({ path: { task_id: id }, throwOnError: true })).data,
    onSuccess: (task) => {
      keepTask(queries, task);
      void forget.tasks();
    },
    onError: (problem) => {
      const { title, detail } = problemText(problem);
      toast.error(title, { description: problem instanceof ApiProblem && problem.requestId ? `${detail} ${t('request', { id: problem.requestId })}` : detail, duration: Infinity, closeButton: true });
      void queries.invalidateQueries({ queryKey: getTaskQueryKey({ path: { task_id: id } }) });
    },
  });
}
