import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getModel, testModel, updateAiSettings, updateModel, type ModelInputWritable, type PreferencesChange } from '@/lib/api/generated';
import { getAiSettingsOptions, getAiSettingsQueryKey, getModelQueryKey, listModelsOptions, listModelsQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';

const ALL = { query: { limit: 200 } } as const;

export const useModels = () => useQuery(listModelsOptions(ALL));
export const usePreferences = () => useQuery(getAiSettingsOptions());

/** A model with the revision that a change is made to. */
export const useModel = (id: string) => useQuery({
  queryKey: [...getModelQueryKey({ path: { id } }), 'revision'],
  queryFn: async ({ signal }) => {
    const { data, response } = await getModel({ path: { id }, signal, throwOnError: true });
    return { model: data, etag: response.headers.get('etag') ?? '*' };
  },
  staleTime: 0,
});

export function useForgetModels() {
  const queries = useQueryClient();
  return async () => {
    await Promise.all([queries.invalidateQueries({ queryKey: listModelsQueryKey(ALL) }), queries.invalidateQueries({ queryKey: getAiSettingsQueryKey() }), queries.invalidateQueries({ queryKey: [{ _id: 'getModel' }] }), queries.invalidateQueries({ queryKey: ['estimate'] })]);
  };
}

/** The order of the models: those whose position changes are written. */
export function useReorder() {
  const forget = useForgetModels();
  return useMutation({
    mutationFn: async (order: { uid: string; position: number }[]) => {
      for (const [position, model] of order.entries()) {
        if (model.position !== position) await updateModel({ path: { id: model.uid }, headers: { 'If-Match': '*' }, body: { position } as ModelInputWritable, throwOnError: true });
      }
    },
    onSettled: forget,
  });
}

/** Changes what is said of all models; gives the revision that it made. */
export function useChangePreferences() {
  const forget = useForgetModels();
  return useMutation({
    mutationFn: async ({ preferences, etag = '*' }: { preferences: PreferencesChange; etag?: string }) => {
      const { response } = await updateAiSettings({ headers: { 'If-Match': etag }, body: { preferences }, throwOnError: true });
      return { etag: response.headers.get('etag') ?? '*' };
    },
    onSettled: forget,
  });
}

/** One small real call. Kept by model, so that the list can show what came of it. */
export function useTestModel(id: string) {
  return useMutation({ mutationKey: ['test', id], mutationFn: async () => (await testModel({ path: { id }, throwOnError: true })).data });
}
