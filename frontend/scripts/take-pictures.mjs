// Takes the pictures of README.md and docs/user-guide.md anew, from the shipped sample: `npm run pictures` with what `npm run e2e` needs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { openPage, register, sample, startStack } from '../tests/e2e/stack.mjs';

const folder = new URL('../../docs/images/', import.meta.url);
const QUALITY = 0.8;

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
  for (const [theme, names] of [['light', ['analysis', 'task', 'dataset', 'columns']], ['dark', ['analysis', 'posts']]]) {
    const { page } = await openPage(stack, { colorScheme: theme, storageState });
    for (const name of names) {
      await page.goto(pages[name]);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      await page.waitForFunction(() => !document.querySelector('[data-slot=skeleton]'));
      await take(page, `${name}-${theme}`);
    }
  }
} finally {
  await stack.stop();
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
