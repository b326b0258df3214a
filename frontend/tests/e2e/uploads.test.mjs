// Uploads that are paused, cut and left.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { manyPosts } from './posts.mjs';
import { openPage, register, startStack, until } from './stack.mjs';

let stack;
before(async () => { stack = await startStack(); });
after(() => stack?.stop());

const MEGABYTE = 1_000_000;

/** On the disk: a browser knows a file again by its name, size and time. */
function fileOf(name, rows) {
  const path = join(mkdtempSync(join(tmpdir(), 'dallosh-e2e-')), name);
  writeFileSync(path, manyPosts(rows));
  return path;
}

test('an upload can be paused, and goes on by itself when the network is back', { timeout: 120_000 }, async () => {
  const { page } = await openPage(stack);
  await register(page);
  await page.goto('/home/datasets?new=1');
  stack.line.slow(MEGABYTE);
  await page.locator('input[type=file]').setInputFiles(fileOf('slow.csv', 80_000));
  const row = page.getByRole('listitem').filter({ hasText: 'slow.csv' });
  await row.getByText(/left/).waitFor();
  await row.getByRole('button', { name: 'Pause' }).click();
  await row.getByText(/^Paused at/).waitFor();
  await row.getByRole('button', { name: 'Resume' }).click();
  await row.getByText(/^Uploading/).waitFor();
  stack.line.cut();
  await row.getByText('Connection lost, tries again').waitFor();
  stack.line.slow(Infinity);
  stack.line.mend();
  await page.getByText('80,000 rows in 5 columns.').waitFor({ timeout: 60_000 });
});

test('an upload that a reload cut off goes on from what had arrived', { timeout: 120_000 }, async () => {
  const { page } = await openPage(stack);
  await register(page);
  await page.goto('/home/datasets?new=1');
  page.on('dialog', (dialog) => dialog.accept());
  stack.line.slow(2 * MEGABYTE);
  const path = fileOf('left.csv', 80_000);
  await page.locator('input[type=file]').setInputFiles(path);
  const row = page.getByRole('listitem').filter({ hasText: 'left.csv' });
  await until(async () => Number(await row.getByRole('progressbar').getAttribute('aria-valuenow')) >= 20, 'a fifth has left');
  await page.reload();
  stack.line.slow(Infinity);
  const cut = page.getByRole('region', { name: 'Cut off: choose the same file to go on' });
  await cut.getByText('left.csv').waitFor();
  const offsets = [];
  page.on('request', (request) => { if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset'])); });
  await page.locator('input[type=file]').setInputFiles(path);
  await page.getByText('80,000 rows in 5 columns.').waitFor({ timeout: 60_000 });
  assert.ok(offsets[0] > 0, `it goes on from ${offsets[0]}`);
  await cut.waitFor({ state: 'detached' });
});
