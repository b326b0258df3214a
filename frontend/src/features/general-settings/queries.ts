import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getGeneralSettings, updateGeneralSettings, type GeneralChange, type GeneralSettings } from '@/lib/api/generated';
import { getGeneralSettingsQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { setPlatform } from '@/lib/platform';

export interface Revision { settings: GeneralSettings; etag: string }

const key = [...getGeneralSettingsQueryKey(), 'revision'];
const queryFn = async (): Promise<Revision> => {
  const { data, response } = await getGeneralSettings({ throwOnError: true });
  return { settings: data.data, etag: response.headers.get('etag') ?? '*' };
};

/** The settings with the revision that a change is made to. Read when the page opens, and never changed under somebody's hands. */
export const useGeneral = () => useQuery({ queryKey: key, queryFn, staleTime: Infinity, gcTime: 0, refetchOnReconnect: false });

export function useGeneralStore() {
  const queries = useQueryClient();
  const keep = (revision: Revision) => {
    queries.setQueryData(key, revision);
    setPlatform(revision.settings);
    void queries.invalidateQueries({ queryKey: [{ _id: 'getAnalysis' }] }); // days and hours are in the zone of the settings
    return revision;
  };
  return {
    save: async (etag: string, body: GeneralChange) => {
      const { data, response } = await updateGeneralSettings({ headers: { 'If-Match': etag }, body, throwOnError: true });
      return keep({ settings: data.data, etag: response.headers.get('etag') ?? '*' });
    },
    readAgain: async () => keep(await queryFn()),
  };
}
