import { ApiProblem } from './api/problem';

/** The export that the product ships to be tried with. */
export async function fetchSample(): Promise<File> {
  const answer = await fetch('/samples/posts.csv');
  if (!answer.ok) throw new ApiProblem({ status: answer.status, code: 'not_found' });
  return new File([await answer.blob()], 'posts.csv', { type: 'text/csv' });
}
