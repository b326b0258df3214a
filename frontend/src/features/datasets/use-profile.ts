import { useQuery } from '@tanstack/react-query';
import { profileFile, type FileProfile } from '@/lib/api/generated';

export type Stage = 'original' | 'cleaned' | 'analysed';

const AGAIN = 1000; // ms

/** What the columns of a stage hold; null while the server still reads it. */
export function useProfile(id: string, stage: Stage) {
  return useQuery({
    queryKey: ['profile', id, stage],
    queryFn: async ({ signal }): Promise<FileProfile | null> => {
      const answer = (await profileFile({ path: { id }, query: { stage }, signal, throwOnError: true })).data;
      return 'columns' in answer ? answer : null;
    },
    refetchInterval: ({ state }) => (state.data === null ? AGAIN : false),
    staleTime: 60_000,
  });
}
