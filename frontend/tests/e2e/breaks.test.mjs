// What breaks on the way: the network, the page itself, and the server's answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { manyPosts } from './posts.mjs';
import { openPage, register, startSlowModel, startStack, until } from './stack.mjs';

let stack, model;
before(async () => {
  stack = await startStack();
  model = await startSlowModel(stack, 200);
});
after(async () => {
  await model?.stop();
  await stack?.stop();
});

/** Uploads and adds a task of many small pages; the page shows it. */
async function addTask(page, name, button) {
  await page.goto('/home/datasets?new=1');
  await page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/csv', buffer: manyPosts(300, name) });
  await page.getByText('Options').click();
  await page.getByLabel('Texts a page').fill('5');
  await page.getByRole('button', { name: button }).click();
  await page.getByRole('heading', { name }).waitFor();
}

const done = (page) => page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 120_000 });

test('a task is followed to its end through a cut of the network and a reload', { timeout: 240_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await addTask(page, 'cut.csv', 'Add and start');
  const live = page.getByRole('region', { name: 'Live log' }).getByRole('status');
  await until(async () => (await live.innerText()) === 'Live', 'the log is live');
  stack.line.cut();
  await until(async () => (await live.innerText()) === 'Reconnecting', 'the log says that it lost the stream');
  stack.line.mend();
  await until(async () => ['Live', 'Complete'].includes(await live.innerText()), 'the log has the stream again');
  await page.reload();
  await done(page);
  await until(async () => (await live.innerText()) === 'Complete', 'the log is complete');
  const log = await page.getByRole('log').innerText();
  for (const step of ['In queue', 'Reading the dataset', 'Cleaning', 'Labelling', 'Adding the columns', 'Saving the file', 'Done']) assert.ok(log.includes(step), `${step} is in the log`);
  assert.equal((log.match(/Labelling/g) ?? []).length, 1, 'nothing is told twice');
  assert.deepEqual(faults.filter((fault) => !/ERR_|Failed to fetch/.test(fault)), []);
});

test('the overview follows tasks by events, without asking again and again', { timeout: 120_000 }, async () => {
  const { page, context, faults } = await openPage(stack);
  await register(page);
  await addTask(page, 'watched.csv', 'Add without starting');
  const watching = await context.newPage();
  const lists = [];
  watching.on('request', (request) => { if (/\/v1\/tasks\?/.test(request.url())) lists.push(request.url()); });
  await watching.goto('/home/overview');
  await watching.getByRole('region', { name: 'Needs you' }).getByRole('link', { name: /watched\.csv/ }).waitFor();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await watching.getByRole('region', { name: 'Now', exact: true }).getByRole('link', { name: /watched\.csv/ }).waitFor();
  await watching.getByRole('region', { name: 'Analysed' }).getByRole('link', { name: /watched\.csv/ }).waitFor({ timeout: 90_000 });
  // Once at first, once when the stream began, and once for each status that came after.
  assert.ok(lists.length <= 2 + 7, `${lists.length} readings of the list`);
  assert.deepEqual(faults, []);
});

const problem = (status, code) => ({ status, contentType: 'application/problem+json', headers: { 'x-request-id': 'req-1' }, body: JSON.stringify({ type: 'about:blank', title: code, status, code, detail: code, request_id: 'req-1', errors: [] }) });
const PAGES = [['/home/overview', '**/v1/tasks?*'], ['/home/datasets', '**/v1/files?*'], ['/home/tasks', '**/v1/tasks?*'], ['/home/analysis', '**/v1/files?*'], ['/profile', '**/v1/auth/sessions?*']];

test('a page whose data fails says so with the request id, and is whole again at a press', { timeout: 120_000 }, async () => {
  const { page } = await openPage(stack);
  await register(page);
  for (const [path, data] of PAGES) {
    await page.route(data, (route) => route.fulfill(problem(500, 'internal_error')));
    await page.goto(path);
    const alert = page.getByRole('alert').filter({ hasText: 'req-1' });
    await alert.waitFor();
    assert.equal(await page.locator('main [data-slot=skeleton]').count(), 0, `${path} does not wait for what failed`);
    await page.unroute(data);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await alert.waitFor({ state: 'detached' });
  }
});

test('a page without the permission says which one, and a slow one shows that it waits', { timeout: 120_000 }, async () => {
  const { page } = await openPage(stack);
  await register(page);
  await page.route('**/v1/files?*', (route) => route.fulfill(problem(403, 'forbidden')));
  await page.goto('/home/datasets');
  await page.getByRole('alert').filter({ hasText: 'forbidden' }).waitFor();
  await page.unroute('**/v1/files?*');

  let answer;
  await page.route('**/v1/files?*', async (route) => { await new Promise((done) => { answer = done; }); await route.continue(); });
  await page.goto('/home/datasets');
  await page.locator('main [data-slot=skeleton]').first().waitFor();
  assert.equal(await page.getByRole('alert').filter({ hasText: /\S/ }).count(), 0);
  await until(() => answer, 'the list is asked for');
  answer();
  await page.getByRole('heading', { name: 'No dataset yet' }).waitFor();
});

test('every page of a new account has a next step', { timeout: 60_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  for (const path of ['/home/overview', '/home/datasets', '/home/tasks', '/home/analysis']) {
    await page.goto(path);
    await page.locator('main a[href$="/home/datasets?new=1"]').first().waitFor();
  }
  assert.deepEqual(faults, []);
});
