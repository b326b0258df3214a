// What is wrong with a page as it stands: anything serious for axe, sideways scrolling, titles, words in the other language.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const VARIANTS = [
  { theme: 'light', width: 1440, lang: 'en' },
  { theme: 'dark', width: 1440, lang: 'fr' },
  { theme: 'light', width: 360, lang: 'fr' },
  { theme: 'dark', width: 360, lang: 'en' },
];

export const asContext = ({ theme, width, lang }) => ({ viewport: { width, height: width < 500 ? 740 : 900 }, colorScheme: theme, locale: lang === 'fr' ? 'fr-FR' : 'en-US' });

export async function lookAt(page, path, { theme, lang }) {
  const found = [];
  await page.goto(path);
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('[data-slot=skeleton]'));
  const { spoken, dark, headings, sideways } = await page.evaluate(() => ({ spoken: document.documentElement.lang, dark: document.documentElement.classList.contains('dark'), headings: document.querySelectorAll('h1').length, sideways: document.scrollingElement.scrollWidth - innerWidth }));
  if (spoken !== lang) found.push(`${path} speaks ${spoken}`);
  if (dark !== (theme === 'dark')) found.push(`${path} is not ${theme}`);
  if (headings !== 1) found.push(`${path} has ${headings} h1`);
  if (sideways > 0) found.push(`${path} is ${sideways} px too wide`);
  if (!(await page.title())) found.push(`${path} has no title`);
  await page.evaluate(() => document.getAnimations().forEach((animation) => { try { animation.finish(); } catch { /* it never ends */ } }));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, impact, nodes } of violations) if (/serious|critical/.test(impact)) found.push(`${path} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).slice(0, 3).join(' | ')}`);
  return found;
}
