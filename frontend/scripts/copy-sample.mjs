// Puts the sample that the repository ships beside the pages, so that the first empty state can offer it.
import { copyFileSync, mkdirSync } from 'node:fs';

const root = new URL('..', import.meta.url).pathname;
mkdirSync(`${root}public/samples`, { recursive: true });
copyFileSync(`${root}../samples/posts.csv`, `${root}public/samples/posts.csv`);
