'use client';

import { parseAsString, useQueryStates } from 'nuqs';
import { DatasetListPage } from './dataset-list-page';
import { DatasetPage } from './dataset-page';
import { NewDatasetPage } from './new-dataset-page';

/** One address, three views: the list, one dataset (`?id=`), a new one (`?new=1`). */
export function DatasetsPage() {
  const [{ id, new: fresh }] = useQueryStates({ id: parseAsString, new: parseAsString });
  if (id) return <DatasetPage key={id} id={id} />;
  return fresh ? <NewDatasetPage /> : <DatasetListPage />;
}
