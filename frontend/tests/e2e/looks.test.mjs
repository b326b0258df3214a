// Every page in both themes, both languages, wide and narrow: nothing serious for axe, no sideways scrolling, one title.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { openPage, register, sample, startStack } from './stack.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VARIANTS = [
  { theme: 'light', width: 1440, lang: 'en' },
  { theme: 'dark', width: 1440, lang: 'fr' },
  { theme: 'light', width: 360, lang: 'fr' },
  { theme: 'dark', width: 360, lang: 'en' },
];

let stack, state;
before(async () => {
  stack = await startStack();
  const { page, context } = await openPage(stack);
  await register(page);
  await page.goto('/home/datasets?new=1');
  await page.locator('input[type=file]').setInputFiles(sample);
  await page.getByRole('button', { name: 'Add and start' }).click();
  await page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 60_000 });
  const task = new URL(page.url()).searchParams.get('id');
  const file = await page.evaluate(async (id) => (await (await fetch(`/v1/tasks/${id}`)).json()).data.file_id, task);
  state = { file, task, storage: await context.storageState() };
});
after(() => stack?.stop());

/** Before the door, and behind it. */
const visited = ['/', '/auth', '/auth?tab=register', '/no-such-page'];
const pages = () => ['/home/overview', '/home/datasets', '/home/datasets?new=1', `/home/datasets?id=${state.file}`, `/home/datasets?id=${state.file}&view=reading`, '/home/tasks', `/home/tasks?id=${state.task}`,
  `/home/analysis?file=${state.file}`, `/home/analysis?file=${state.file}&posts=sentiment%3Dnegative`, '/profile'];

for (const { theme, width, lang } of VARIANTS) {
  test(`${theme}, ${width} px, ${lang}`, { timeout: 240_000 }, async () => {
    const { page, context, faults } = await openPage(stack, { viewport: { width, height: width < 500 ? 740 : 900 }, colorScheme: theme, locale: lang === 'fr' ? 'fr-FR' : 'en-US', storageState: state.storage });
    const visitor = await openPage(stack, { viewport: { width, height: width < 500 ? 740 : 900 }, colorScheme: theme, locale: lang === 'fr' ? 'fr-FR' : 'en-US' });
    const found = [];
    const all = [...visited.map((path) => [path, visitor.page]), ...pages().map((path) => [path, page])];
    for (const [path, page] of all) {
      await page.goto(path);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      await page.waitForFunction(() => !document.querySelector('[data-slot=skeleton]'));
      const { lang: spoken, dark, headings, sideways } = await page.evaluate(() => ({ lang: document.documentElement.lang, dark: document.documentElement.classList.contains('dark'), headings: document.querySelectorAll('h1').length, sideways: document.scrollingElement.scrollWidth - innerWidth }));
      if (spoken !== lang) found.push(`${path} speaks ${spoken}`);
      if (dark !== (theme === 'dark')) found.push(`${path} is not ${theme}`);
      if (headings !== 1) found.push(`${path} has ${headings} h1`);
      if (sideways > 0) found.push(`${path} is ${sideways} px too wide`);
      if (!(await page.title())) found.push(`${path} has no title`);
      await page.evaluate(() => document.getAnimations().forEach((animation) => { try { animation.finish(); } catch { /* it never ends */ } }));
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      for (const { id, impact, nodes } of violations) if (/serious|critical/.test(impact)) found.push(`${path} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).slice(0, 3).join(' | ')}`);
    }
    // Streams of events are limited for each user, and open pages hold them.
    await Promise.all([context.close(), visitor.context.close()]);
    assert.deepEqual(found, []);
    assert.deepEqual([...visitor.faults, ...faults].filter((fault) => !/no-such-page/.test(fault)), []);
  });
}
