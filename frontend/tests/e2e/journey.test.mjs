// What an analyst does, from the first visit to the figures.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { manyPosts } from './posts.mjs';
import { openPage, register, sample, startStack, until } from './stack.mjs';

let stack;
before(async () => { stack = await startStack(); });
after(() => stack?.stop());

test('register, upload, preview, add, start, pause, resume, done, analysis, drill down, download', { timeout: 240_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);

  await page.getByRole('navigation').getByRole('link', { name: 'Datasets' }).click();
  await page.getByRole('main').getByRole('link', { name: 'Upload a CSV' }).click();
  await page.locator('input[type=file]').setInputFiles({ name: 'streets.csv', mimeType: 'text/csv', buffer: manyPosts(6000) });
  await page.getByText('6,000 rows in 5 columns.').waitFor();
  assert.equal(await page.getByRole('table', { name: 'Preview of streets.csv' }).getAttribute('aria-rowcount'), '101');
  assert.equal(await page.getByLabel('Text column').inputValue(), 'full_text');

  await page.getByText('Options').click();
  await page.getByLabel('Texts a page').fill('5');
  await page.getByRole('button', { name: 'Add without starting' }).click();
  await page.getByRole('heading', { name: 'streets.csv' }).waitFor();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 180_000 });
  await until(async () => (await page.getByRole('log').innerText()).includes('Paused'), 'the log tells of the pause');

  await page.getByRole('article').getByRole('link', { name: 'Open the analysis' }).click();
  await page.getByRole('button', { name: /^Posts 6,000/ }).waitFor();
  await page.getByRole('button', { name: /^Negative share/ }).click();
  const panel = page.getByRole('dialog', { name: 'Posts' });
  await panel.getByText('Panne totale de la fibre').first().waitFor();
  assert.match(page.url(), /posts=sentiment%3Dnegative|posts=sentiment=negative/);
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'hidden' });
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), /^Negative share/, 'the focus is back on the figure');

  const [csv] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('figure', { name: 'Sentiment share' }).getByRole('button', { name: /^Export/ }).click().then(() => page.getByRole('menuitem', { name: 'CSV' }).click()),
  ]);
  assert.match(readFileSync(await csv.path(), 'utf8'), /Negative,\d+/);

  await page.goto(page.url().replace(/analysis\?file=([^&]+).*/, 'datasets?id=$1&stage=analysed'));
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /^Download CSV/ }).click()]);
  const [header, first] = readFileSync(await file.path(), 'utf8').split('\n');
  assert.match(header, /sentiment.*priority.*main_topic/);
  assert.match(first, /negative/);

  const grid = page.getByRole('table', { name: /^streets\.csv, Analysed/ });
  await until(async () => (await grid.getAttribute('aria-rowcount')) === '6001', 'the grid knows how many rows there are');
  const street = (row) => grid.locator(`[aria-rowindex="${row + 1}"]`).getByText(`dans la rue ${row - 1}, plus rien ne marche`).first();
  await street(1).waitFor();
  await page.getByRole('region', { name: /^streets\.csv, Analysed/ }).press('End');
  await street(6000).waitFor();
  await page.getByLabel('Go to row').fill('3000');
  await page.getByLabel('Go to row').press('Enter');
  await street(3000).waitFor();
  await page.getByRole('region', { name: /^streets\.csv, Analysed/ }).evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await street(6000).waitFor();
  assert.deepEqual(faults, []);
});

test('what cleaning did stands there row by row, as many as the task counted', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await page.goto('/home/datasets?new=1');
  const posts = manyPosts(400).toString().split('\n');
  const viral = posts[400].replace(/,\d+$/, ',90000');
  const content = [...posts.slice(0, 400), viral, posts[7], 'only one cell', posts[250]].join('\n');
  await page.locator('input[type=file]').setInputFiles({ name: 'twice.csv', mimeType: 'text/csv', buffer: Buffer.from(content) });
  await page.getByRole('button', { name: 'Add and start' }).click();
  await page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 60_000 });
  await page.goto(await page.evaluate(async () => {
    const { items } = await (await fetch('/v1/files')).json();
    return `/home/datasets?id=${items.find(({ data }) => data.filename === 'twice.csv').uid}&view=cleaning`;
  }));
  const duplicates = page.getByRole('table', { name: 'twice.csv, duplicates, 2 rows' });
  await duplicates.getByText('dans la rue 6, plus').waitFor();
  await duplicates.getByText('dans la rue 249, plus').waitFor();
  assert.match(await duplicates.getByRole('row').nth(2).innerText(), /250/, 'the number of the row that was kept');
  await page.getByRole('button', { name: 'Outliers (1)' }).click();
  await page.getByRole('table', { name: 'twice.csv, outliers, 1 rows' }).getByText('90000').waitFor();
  await page.getByRole('group', { name: 'Show' }).getByRole('button', { name: 'Set aside (1)' }).click();
  await page.getByRole('cell', { name: 'only one cell' }).waitFor();
  await page.getByRole('list', { name: 'From the file to the charts' }).getByRole('link', { name: 'Cleaned' }).click();
  await page.getByRole('table', { name: /^twice\.csv, Cleaned, 400 rows/ }).waitFor();
  assert.deepEqual(faults, []);
});

test('the sample of the first empty page becomes figures', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await page.getByRole('button', { name: 'Try the sample' }).click();
  await page.getByRole('button', { name: 'Add and start' }).click();
  await page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 60_000 });
  await page.getByRole('navigation').getByRole('link', { name: 'Analysis' }).click();
  await page.getByRole('figure', { name: 'Sentiment over time' }).locator('svg [role=button]').first().waitFor();
  assert.ok(readFileSync(sample).length > 0);
  await page.getByRole('figure', { name: 'Sentiment over time' }).getByRole('button', { name: /Negative, .*24 Oct 2024/ }).click();
  await page.getByRole('dialog', { name: 'Posts' }).getByRole('article').first().waitFor();
  assert.deepEqual(faults, []);
});

test('a file that is no table is refused with a reason and a request id, and nothing is lost', { timeout: 60_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await page.goto('/home/datasets?new=1');
  await page.locator('input[type=file]').setInputFiles([
    { name: 'nothing.csv', mimeType: 'text/csv', buffer: Buffer.from('  \n') },
    { name: 'fine.csv', mimeType: 'text/csv', buffer: manyPosts(5) },
  ]);
  await page.getByRole('alert').getByText('csv_empty').waitFor();
  await page.getByRole('button', { name: 'fine.csv', exact: true }).click();
  await page.getByText('5 rows in 5 columns.').waitFor();
  assert.deepEqual(faults.filter((fault) => !/422 .*\/v1\/uploads\//.test(fault)), []);
});

test('a page asks for what it shows before its scripts are there, and once', { timeout: 60_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await page.waitForFunction(() => localStorage.getItem('signed-in') !== null);
  await page.goto('/home/analysis');
  await page.getByRole('heading', { name: 'No dataset is analysed yet' }).waitFor();
  const { read, calls } = await page.evaluate(() => ({
    read: performance.getEntriesByType('navigation')[0].domInteractive,
    calls: performance.getEntriesByType('resource').map(({ name, startTime }) => ({ path: name.replace(location.origin, ''), startTime })),
  }));
  for (const path of ['/v1/auth/me', '/v1/files?limit=200']) {
    const made = calls.filter((call) => call.path === path);
    assert.equal(made.length, 1, `${path} is asked for once`);
    assert.ok(made[0].startTime < read, `${path} is asked for while the page is read`);
  }
  assert.ok(calls.some((call) => call.path === '/v1/tasks?limit=200' && call.startTime < read), 'so are the tasks');
  assert.deepEqual(faults, []);
});

test('a link opens after signing in, and a session that ran out is renewed unseen', { timeout: 60_000 }, async () => {
  const { page, context } = await openPage(stack);
  const { email, password } = await register(page);
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL('**/auth');
  await page.goto('/home/datasets?q=abc&sort=filename');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('tabpanel').getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/home/datasets?q=abc&sort=filename');

  const access = (await context.cookies(`${stack.url}/v1/files`)).find(({ name }) => /access/.test(name));
  assert.ok(access?.httpOnly && access.sameSite === 'Strict', 'the session is in a cookie that no script reads');
  await context.clearCookies({ name: access.name });
  await page.getByRole('navigation').getByRole('link', { name: 'Tasks' }).click();
  await page.getByRole('heading', { name: 'No task yet' }).waitFor();
  await page.goto('/home/overview');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
});
