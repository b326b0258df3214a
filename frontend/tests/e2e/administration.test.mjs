// What an administrator does: accounts and roles.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, signIn, signInAsAdmin, startStack } from './stack.mjs';

let stack;
before(async () => { stack = await startStack(); });
after(() => stack?.stop());

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
  await page.getByRole('button', { name: 'Discard' }).click();

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
