// Writes the API client from proto/openapi.yaml; `-- --check` fails when the committed one differs.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createClient } from '@hey-api/openapi-ts';

const root = new URL('..', import.meta.url).pathname;
const committed = join(root, 'src/lib/api/generated');
const check = process.argv.includes('--check');
const output = check ? mkdtempSync(join(tmpdir(), 'dallosh-client-')) : committed;

await createClient({
  input: join(root, '../proto/openapi.yaml'),
  output: { path: output, clean: true },
  logs: { level: 'warn', file: false },
  plugins: [{ name: '@hey-api/client-fetch', throwOnError: true }, '@hey-api/typescript', { name: '@hey-api/sdk' }, '@tanstack/react-query'],
});

if (check) {
  const files = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
  const differs = files(output).join() !== files(committed).join()
    || files(output).some((file) => readFileSync(join(output, file), 'utf8') !== readFileSync(join(committed, file), 'utf8'));
  rmSync(output, { recursive: true });
  if (differs) {
    console.error('src/lib/api/generated differs from proto/openapi.yaml: run `npm run generate`');
    process.exit(1);
  }
  console.log('the client is that of proto/openapi.yaml');
} else {
  execFileSync('git', ['-C', root, 'status', '--short', 'src/lib/api/generated'], { stdio: 'inherit' });
}
