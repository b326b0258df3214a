// What everybody does with their own account: name, password, sessions, tokens, language, theme, and its end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, register, signIn, startStack, until } from './stack.mjs';

let stack;
before(async () => { stack = await startStack(); });
after(() => stack?.stop());

test('a name and a password are changed, and a session elsewhere is ended', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  const { email, password } = await register(page, 'Noor Haddad');
  await page.goto('/profile');
  await page.getByLabel('Name', { exact: true }).fill('Noor Amrani');
  await page.getByRole('button', { name: 'Save the name' }).click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  await page.getByRole('button', { name: /^Account.*Noor Amrani/ }).waitFor();

  const another = 'Another-horse-17';
  await page.getByLabel('Current password').fill('not the one');
  await page.getByLabel('New password').fill(another);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByText('This is not your current password').waitFor();
  await page.getByLabel('Current password').fill(password);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByText('Password changed.').waitFor();

  const elsewhere = await openPage(stack);
  await signIn(elsewhere.page, email, another);
  await page.reload();
  await page.getByText('This one', { exact: true }).waitFor();
  await page.getByRole('button', { name: /^End the session of/ }).click();
  await page.getByRole('button', { name: /^End the session of/ }).waitFor({ state: 'detached' });
  await until(async () => { await elsewhere.page.goto('/home/tasks'); await elsewhere.page.waitForURL((url) => url.pathname === '/auth', { timeout: 3000 }); return true; }, 'the other session is out');
  await page.reload();
  await page.getByText('This one', { exact: true }).waitFor();
  assert.deepEqual(faults.filter((fault) => !/^422 .*\/v1\/auth\/me/.test(fault)), []);
});

test('a token does what it may, is shown once, and is refused when it is deleted', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  await register(page);
  await page.goto('/profile');
  await page.getByRole('button', { name: 'New token' }).click();
  const tokens = page.getByRole('region', { name: 'API tokens' });
  assert.equal(await tokens.getByRole('button', { name: 'Make the token' }).isDisabled(), true, 'without a name and a permission there is none');
  await tokens.getByLabel('Name').fill('nightly export');
  await tokens.getByRole('checkbox', { name: 'read_datasets' }).check();
  await tokens.getByRole('button', { name: 'Make the token' }).click();
  const secret = await tokens.locator('code').innerText();
  await tokens.getByRole('button', { name: 'Copy' }).click();
  await tokens.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);

  const ask = async (path) => (await fetch(`${stack.url}/v1/${path}`, { headers: { authorization: `Bearer ${secret}` } })).status;
  assert.deepEqual([await ask('files'), await ask('tasks')], [200, 403]);
  await page.reload();
  await tokens.getByText('nightly export').waitFor();
  assert.ok(!(await page.content()).includes(secret), 'it is not shown again');
  await tokens.getByRole('button', { name: 'Delete the token nightly export' }).click();
  await page.getByRole('dialog', { name: 'Delete the token nightly export?' }).getByRole('button', { name: 'Delete token' }).click();
  await tokens.getByText('nightly export').waitFor({ state: 'detached' });
  await until(async () => (await ask('files')) === 401, 'the token is refused');
  assert.deepEqual(faults, []);
});

test('language and theme stay through a reload, and an account that is deleted is gone', { timeout: 120_000 }, async () => {
  const { page, faults } = await openPage(stack);
  const { email, password } = await register(page);
  await page.goto('/profile');
  await page.getByRole('combobox', { name: 'Theme' }).selectOption('dark');
  await page.getByRole('combobox', { name: 'Language' }).selectOption('fr');
  await page.getByRole('heading', { name: 'Profil', exact: true }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Profil', exact: true }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.classList.contains('dark')]), ['fr', true]);
  await page.getByRole('combobox', { name: 'Langue' }).selectOption('en');

  await page.getByRole('button', { name: 'Delete the account' }).click();
  const asked = page.getByRole('dialog', { name: `Delete ${email}?` });
  await asked.getByLabel('Current password').fill('not the one');
  await asked.getByRole('button', { name: 'Delete account' }).click();
  await asked.getByText('This is not your current password').waitFor();
  await asked.getByLabel('Current password').fill(password);
  await asked.getByRole('button', { name: 'Delete account' }).click();
  await page.waitForURL((url) => url.pathname === '/');
  await page.goto('/auth');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('tabpanel').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  assert.deepEqual(faults.filter((fault) => !/^422 .*\/v1\/auth\/me/.test(fault)), []);
});
