// Takes the pictures of README.md and docs/user-guide.md anew, from the shipped sample: `npm run pictures` with what `npm run e2e` needs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { openPage, register, sample, signInAsAdmin, startStack } from '../tests/e2e/stack.mjs';

const folder = new URL('../../docs/images/', import.meta.url);
const QUALITY = 0.8;

/** Nobody asks them here. */
const MODELS = [
  { kind: 'external', provider: 'openai', model: 'gpt-4.1-mini', baseUrl: 'http://127.0.0.1:9001', apiKey: 'not-a-key-0000', price: { input_per_million_tokens: '0.40', output_per_million_tokens: '1.60' } },
  { kind: 'local', provider: 'ollama', model: 'qwen3:8b', baseUrl: 'http://127.0.0.1:11434' },
  { kind: 'local', provider: 'builtin', model: 'builtin' },
];

mkdirSync(folder, { recursive: true });
const stack = await startStack();
try {
  const first = await openPage(stack);
  await register(first.page);
  await first.page.goto('/home/datasets?new=1');
  await first.page.locator('input[type=file]').setInputFiles(sample);
  await first.page.getByRole('table', { name: 'Preview of posts.csv' }).waitFor();
  await take(first.page, 'upload-light');
  await first.page.getByRole('button', { name: 'Add and start' }).click();
  await first.page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 60_000 });
  const task = new URL(first.page.url()).searchParams.get('id');
  const file = await first.page.evaluate(async (id) => (await (await fetch(`/v1/tasks/${id}`)).json()).data.file_id, task);
  const storageState = await first.context.storageState();
  const pages = {
    analysis: `/home/analysis?file=${file}`,
    posts: `/home/analysis?file=${file}&posts=sentiment%3Dnegative`,
    task: `/home/tasks?id=${task}`,
    dataset: `/home/datasets?id=${file}&stage=analysed`,
    columns: `/home/datasets?id=${file}&view=profile&stage=analysed`,
  };
  await takeAll(storageState, pages, { light: ['analysis', 'task', 'dataset', 'columns'], dark: ['analysis', 'task', 'posts'] });

  const admin = await openPage(stack);
  await signInAsAdmin(admin.page);
  await admin.page.evaluate(addModels, MODELS);
  await takeAll(await admin.context.storageState(), { overview: '/admin/overview', settings: '/admin/settings?tab=ai', roles: '/admin/users?tab=roles' }, { light: ['overview', 'settings', 'roles'], dark: ['overview', 'settings'] });
} finally {
  await stack.stop();
}

async function takeAll(storageState, pages, wanted) {
  for (const [theme, names] of Object.entries(wanted)) {
    const { page, context } = await openPage(stack, { colorScheme: theme, storageState });
    for (const name of names) {
      await page.goto(pages[name]);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      await complete(page);
      if (name === 'settings') await page.getByRole('button', { name: MODELS[0].model, exact: true }).click();
      if (name === 'roles') await page.getByText('1 user, built in').waitFor();
      await complete(page);
      // What the development profile alone says of itself.
      await page.addStyleTag({ content: 'main > p.no-print { display: none }' });
      await page.evaluate(() => document.fonts.ready);
      await take(page, `${name}-${theme}`);
    }
    await context.close();
  }
}

/** Waits for what comes later: figures, and charts, which are drawn once they know their width. */
async function complete(page) {
  await page.waitForFunction(() => !document.querySelector('[data-slot=skeleton]') && (!document.querySelector('figure') || [...document.querySelectorAll('figure')].every((one) => one.querySelector('svg, table, dl'))));
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
}

/** Adds models as the settings page does; runs in the page. */
async function addModels(models) {
  for (const model of models) {
    const answer = await fetch('/v1/settings/ai/models', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(model) });
    if (!answer.ok) throw new Error(await answer.text());
  }
}

/** Chromium draws WebP, but takes no screenshot as one. */
async function take(page, name) {
  const png = (await page.screenshot({ animations: 'disabled' })).toString('base64');
  const webp = await page.evaluate(async ([png, quality]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', quality).split(',')[1];
  }, [png, QUALITY]);
  writeFileSync(new URL(`${name}.webp`, folder), Buffer.from(webp, 'base64'));
}
