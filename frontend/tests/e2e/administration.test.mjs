// What an administrator does: accounts, roles, settings and the log; and how these pages look.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { asContext, lookAt, VARIANTS } from './look.mjs';
import { openPage, register, signIn, signInAsAdmin, startModel, startStack } from './stack.mjs';

let stack;
before(async () => { stack = await startStack(); });
after(() => stack?.stop());
// Each page holds a stream, and an account may hold only so many.
afterEach(() => Promise.all(stack.browser.contexts().map((context) => context.close())));

const own = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;

async function addUser(page, email, name, role = 'Analyst') {
  await page.goto('/admin/users?user=new');
  const panel = page.getByRole('dialog', { name: 'New user' });
  await panel.getByLabel('E-mail address').fill(email);
  await panel.getByLabel('Name').fill(name);
  await panel.getByLabel('Role').selectOption({ label: role });
  await panel.getByRole('button', { name: 'Add the user' }).click();
  return panel.locator('code').innerText();
}

test('an account is made, handed over, disabled, enabled and deleted', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await signInAsAdmin(page);
  const name = `Bea ${own()}`, email = `${own()}@example.com`;
  const password = await addUser(page, email, name);
  assert.match(password, /^\S{20,}$/);
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), password);

  const theirs = await openPage(stack);
  await signIn(theirs.page, email, password);
  await theirs.page.getByText('The password of this account is known to others.').waitFor();
  assert.equal(await theirs.page.getByRole('link', { name: 'Users' }).count(), 0, 'who only analyses never sees users');
  await theirs.page.goto('/admin/users');
  await theirs.page.waitForURL('**/home/**');

  await page.goto(`/admin/users?q=${encodeURIComponent(name)}`);
  await page.getByRole('table', { name: 'Users' }).getByRole('button', { name }).click();
  const panel = page.getByRole('dialog', { name: 'Account' });
  await panel.getByText(/, since .*, used /).waitFor();
  await panel.getByRole('button', { name: 'Disable' }).click();
  await page.getByRole('dialog', { name: `Disable ${name}?` }).getByRole('button', { name: 'Disable' }).click();
  await panel.getByText('Signed in nowhere.').waitFor();
  await panel.getByRole('button', { name: 'Enable' }).click();
  await panel.getByRole('button', { name: 'Disable' }).waitFor();

  await panel.getByRole('button', { name: 'Reset the password' }).click();
  await page.getByRole('dialog', { name: /^Reset the password of/ }).getByRole('button', { name: 'Reset the password' }).click();
  const another = await panel.locator('code').innerText();
  assert.notEqual(another, password);
  const again = await openPage(stack);
  await signIn(again.page, email, another);

  await panel.getByRole('button', { name: 'Delete account' }).click();
  const asked = page.getByRole('dialog', { name: `Delete ${name}?` });
  await asked.getByText('Its datasets and tasks stay; from then on only administrators see them.').waitFor();
  await asked.getByRole('button', { name: 'Delete account' }).click();
  await page.getByText('Nobody matches these filters.').waitFor();
  assert.deepEqual(faults, []);
});

test('a role is made, given, changed under another administrator’s hands, and deleted when nobody has it', { timeout: 120_000 }, async () => {
  const { page, faults, context } = await openPage(stack);
  await signInAsAdmin(page);
  const role = `Lead ${own()}`, name = `Cem ${own()}`;
  await page.goto('/admin/users?tab=roles');
  await page.getByRole('button', { name: 'Add role' }).click();
  await page.getByLabel('Name').fill(role);
  await page.getByLabel('Begins with what it allows').selectOption({ label: 'Analyst' });
  await page.getByRole('button', { name: 'Add the role' }).click();
  const cell = (permission) => page.getByRole('checkbox', { name: `${permission} for ${role}` });
  await cell('manage_tasks').click();
  await page.getByText(`1 change to ${role}.`).waitFor();

  const other = await context.newPage();
  await other.goto('/admin/users?tab=roles');
  await other.getByRole('checkbox', { name: `read_users for ${role}` }).click();
  await other.getByRole('button', { name: 'Save role' }).click();
  await other.getByText(`${role} is saved`).waitFor();

  await page.getByRole('button', { name: 'Save role' }).click();
  await page.getByRole('heading', { name: `Somebody else changed ${role} meanwhile` }).waitFor();
  assert.equal(await cell('read_users').getAttribute('aria-checked'), 'true', 'theirs is shown');
  assert.equal(await cell('manage_tasks').getAttribute('aria-checked'), 'false', 'the own change is kept on top');
  await page.getByRole('button', { name: 'Save role' }).click();
  await page.getByText(`${role} is saved`).waitFor();
  await page.reload();
  assert.equal(await cell('manage_tasks').getAttribute('aria-checked'), 'false');
  assert.equal(await cell('read_users').getAttribute('aria-checked'), 'true');

  await cell('read_users').click();
  await page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Datasets' }).click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Stay here' }).click();
  await page.reload();
  await page.getByText(`1 change to ${role}.`).waitFor();
  await page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Datasets' }).click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/admin/datasets');
  await page.goto('/admin/users?tab=roles');
  await cell('read_users').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Discard' }).count(), 0, 'what was left is gone');

  await addUser(page, `${own()}@example.com`, name, role);
  await page.goto('/admin/users?tab=roles');
  await page.getByRole('button', { name: role }).click();
  await page.getByRole('link', { name: 'Show them' }).click();
  await page.getByRole('row', { name: new RegExp(name) }).getByRole('combobox').selectOption({ label: 'Analyst' });
  await page.getByText(`${name} is now Analyst`).waitFor();
  await page.goto('/admin/users?tab=roles');
  await page.getByRole('button', { name: role }).click();
  await page.getByRole('button', { name: 'Delete role' }).click();
  await page.getByRole('dialog', { name: `Delete ${role}?` }).getByRole('button', { name: 'Delete role' }).click();
  await page.getByRole('columnheader', { name: role }).waitFor({ state: 'detached' });
  assert.deepEqual(faults.filter((fault) => !/^412 /.test(fault)), []);
});

test('the platform is renamed and closed to registration, and a change is taken back', { timeout: 120_000 }, async () => {
  const { page, faults, context } = await openPage(stack);
  await signInAsAdmin(page);
  await page.goto('/admin/settings');
  const before = await page.getByLabel('Name', { exact: true }).inputValue(), name = `Voice ${own()}`;
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: /^Time zone/ }).click();
  await page.keyboard.type('paris');
  await page.getByRole('option', { name: 'Europe/Paris' }).click();
  await page.getByRole('button', { name: 'Closed' }).click();
  await page.getByRole('button', { name: 'Save the settings' }).click();
  await page.getByRole('complementary').getByRole('link', { name }).waitFor();
  await page.waitForFunction((title) => document.title.endsWith(title), `· ${name}`);

  const visitor = await openPage(stack);
  await visitor.page.goto('/auth?tab=register');
  await visitor.page.getByText('Registration is closed.').waitFor();
  assert.equal(await visitor.page.getByRole('tab').count(), 0);
  await visitor.page.goto('/');
  await visitor.page.getByRole('link', { name, exact: true }).waitFor();
  assert.equal(await visitor.page.getByRole('link', { name: 'Create an account' }).count(), 0);

  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('The settings are as they were').waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), before);

  // Another administrator saves the same field first: both are shown, and one is chosen.
  const other = await context.newPage();
  await other.goto('/admin/settings');
  await other.getByLabel('Description').fill(`Theirs ${name}`);
  await page.getByLabel('Description').fill(`Mine ${name}`);
  await other.getByRole('button', { name: 'Save the settings' }).click();
  await other.getByText('The settings are saved').waitFor();
  await page.getByRole('button', { name: 'Save the settings' }).click();
  const both = page.getByRole('group', { name: 'Both changed: Description' });
  await both.getByText(`Theirs ${name}`).waitFor();
  await both.getByRole('button', { name: 'Take theirs' }).click();
  assert.equal(await page.getByLabel('Description').inputValue(), `Theirs ${name}`);
  await page.getByRole('button', { name: 'Save the settings' }).waitFor({ state: 'detached' });
  assert.deepEqual(faults.filter((fault) => !/^412 /.test(fault)), []);
});

test('maintenance shows others a calm page, which opens again by itself', { timeout: 120_000 }, async () => {
  const theirs = await openPage(stack);
  await register(theirs.page);
  const { page, faults } = await openPage(stack);
  await signInAsAdmin(page);
  await page.goto('/admin/settings');
  const turn = page.getByRole('switch', { name: 'Serve administrators only' });
  await turn.click();
  await page.getByText('everybody but administrators is shown a maintenance page').waitFor();
  await page.getByRole('button', { name: 'Save the settings' }).click();
  try {
    await page.getByText('Maintenance: only administrators are served').waitFor();
    await theirs.page.goto('/home/datasets');
    await theirs.page.getByRole('heading', { name: 'Back in a moment' }).waitFor();
  } finally {
    await turn.click();
    await page.getByRole('button', { name: 'Save the settings' }).click();
  }
  await page.getByText('Maintenance: only administrators are served').waitFor({ state: 'detached' });
  await theirs.page.getByRole('heading', { name: 'No dataset yet' }).waitFor({ timeout: 40_000 });
  assert.deepEqual(faults, []);
});

test('the log tells of a refusal, by a link that keeps its filters, and is exported', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await signInAsAdmin(page);
  const missing = `/v1/roles/${crypto.randomUUID()}`;
  const request = await page.evaluate(async (path) => (await fetch(path)).headers.get('x-request-id'), missing);
  await page.goto(`/admin/logs?status=4xx&path=${missing}`);
  const row = page.getByRole('table', { name: 'Logs' }).getByRole('row', { name: new RegExp(missing) });
  for (let look = 0; look < 20 && (await row.count()) === 0; look++) await page.getByRole('button', { name: 'Refresh' }).first().click().then(() => row.waitFor({ timeout: 1000 })).catch(() => {});
  await row.getByRole('button').click();
  const panel = page.getByRole('dialog', { name: 'Log entry' });
  await panel.getByText(request, { exact: true }).waitFor();
  await panel.getByRole('button', { name: 'Copy' }).click();
  await panel.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), request);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'JSON Lines' }).click()]);
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ request_id }) => request_id), [request]);
  await page.getByRole('button', { name: 'Clear Status' }).click();
  await page.waitForURL((url) => !url.searchParams.has('status') && url.searchParams.get('path') === missing);
  assert.deepEqual(faults.filter((fault) => !fault.startsWith('404 ')), []);
});

test('models are added, tried, put in order, changed under another administrator’s hands, and deleted', { timeout: 120_000 }, async () => {
  const { page, faults, context } = await openPage(stack);
  const model = await startModel(0);
  const one = `one-${own()}`, two = `two-${own()}`, three = `three-${own()}`, key = `sk-${own()}${own()}-4242`;
  try {
    await signInAsAdmin(page);
    await page.goto('/admin/settings?tab=ai');
    const form = (name) => page.getByRole('form', { name });
    const add = async (name) => {
      await page.getByRole('button', { name: 'Add model' }).click();
      await form('New model').getByLabel('Model', { exact: true }).fill(name);
      await form('New model').getByLabel('Base URL').fill(model.url);
      await form('New model').getByLabel('API key').fill(key);
      await page.getByRole('button', { name: 'Add the model' }).click();
      await page.getByText(`${name} is added`).waitFor();
    };
    await add(one);
    await form(one).getByRole('button', { name: 'Test' }).click();
    await form(one).getByRole('status').getByText('Works.').waitFor();
    await page.reload();
    await form(one).getByText('Ends in 4242.').waitFor();
    assert.equal(await form(one).getByLabel('API key').inputValue(), '');
    assert.ok(!(await page.content()).includes(key), 'the key comes back to nobody');

    await add(two);
    await form(two).getByLabel('Texts a page').fill('77');
    await page.getByRole('button', { name: `Move ${two} up` }).click();
    await page.waitForFunction(([first, second]) => { const text = document.querySelector('main ol').innerText; return text.indexOf(second) < text.indexOf(first); }, [one, two]);
    assert.equal(await form(two).getByLabel('Texts a page').inputValue(), '77', 'what was typed is still there');
    await page.getByRole('button', { name: one, exact: true }).click();
    await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Stay here' }).click();

    // Another administrator saves the same field, and another one, first.
    const other = await context.newPage();
    await other.goto(page.url());
    await other.getByRole('form', { name: two }).getByLabel('Texts a page').fill('55');
    await other.getByRole('form', { name: two }).getByLabel('Model', { exact: true }).fill(three);
    await other.getByRole('button', { name: 'Save', exact: true }).click();
    await other.getByText(`${three} is saved`).waitFor();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const both = page.getByRole('group', { name: 'Both changed: Texts a page' });
    await both.getByText('Saved meanwhile: 55. Yours: 77.').waitFor();
    assert.equal(await form(three).getByLabel('Model', { exact: true }).inputValue(), three, 'theirs is shown');
    await both.getByRole('button', { name: 'Keep yours' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(`${three} is saved`).waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText(`${three} is as it was`).waitFor();
    assert.equal(await form(three).getByLabel('Texts a page').inputValue(), '55');

    const mode = page.getByRole('group', { name: 'Mode' });
    await mode.getByRole('button', { name: 'Local only' }).click();
    await page.getByText('Mode: Local only').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Mode: Local only' }).getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Mode: Automatic').waitFor();
    assert.equal(await mode.getByRole('button', { name: 'Automatic' }).getAttribute('aria-pressed'), 'true');

    for (const name of [three, one]) {
      await page.getByRole('button', { name, exact: true }).click();
      await form(name).getByRole('button', { name: 'Delete model' }).click();
      await page.getByRole('dialog', { name: `Delete ${name}?` }).getByRole('button', { name: 'Delete model' }).click();
      await page.getByRole('button', { name, exact: true }).waitFor({ state: 'detached' });
    }
    assert.deepEqual(faults.filter((fault) => !/^412 /.test(fault)), []);
  } finally {
    await model.stop();
  }
});

test('the overview shows who is new and what was refused, and leads there', { timeout: 60_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await signInAsAdmin(page);
  const name = `Dina ${own()}`;
  await addUser(page, `${own()}@example.com`, name);
  await page.goto('/admin/overview');
  await page.getByRole('region', { name: 'Users' }).getByRole('link', { name }).click();
  await page.getByRole('dialog', { name: 'Account' }).getByText(name).first().waitFor();
  await page.goto('/admin/overview');
  await page.getByRole('region', { name: 'Activity' }).getByRole('link', { name: /^POST \/v1\/users/ }).first().click();
  await page.getByRole('dialog', { name: 'Log entry' }).getByText('/v1/users').first().waitFor();
  assert.deepEqual(faults, []);
});

for (const variant of VARIANTS) {
  test(`its pages, ${variant.theme}, ${variant.width} px, ${variant.lang}`, { timeout: 240_000 }, async () => {
    const { page, faults } = await openPage(stack, asContext(variant));
    await signInAsAdmin(page);
    const found = [];
    for (const path of ['/admin/users', '/admin/users?user=new', '/admin/users?tab=roles', '/admin/settings', '/admin/settings?tab=ai', '/admin/logs', '/admin/logs?status=418']) found.push(...await lookAt(page, path, variant));
    await page.goto('/admin/users');
    await page.getByRole('row').nth(1).getByRole('button').first().click();
    found.push(...await lookAt(page, page.url(), variant));
    assert.deepEqual([...found, ...faults], []);
  });
}
