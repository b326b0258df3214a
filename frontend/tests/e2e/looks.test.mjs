// Every page in both themes, both languages, wide and narrow: nothing serious for axe, no sideways scrolling, one title.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { asContext, lookAt, VARIANTS } from './look.mjs';
import { labelSample, openPage, register, startStack } from './stack.mjs';

let stack, state;
before(async () => {
  stack = await startStack();
  const { page, context } = await openPage(stack);
  await register(page);
  await labelSample(page);
  const task = new URL(page.url()).searchParams.get('id');
  const file = await page.evaluate(async (id) => (await (await fetch(`/v1/tasks/${id}`)).json()).data.file_id, task);
  state = { file, task, storage: await context.storageState() };
});
after(() => stack?.stop());

/** Before the door, and behind it. */
const visited = ['/', '/auth', '/auth?tab=register', '/no-such-page'];
const pages = () => ['/home/overview', '/home/datasets', '/home/datasets?new=1', `/home/datasets?id=${state.file}`, `/home/datasets?id=${state.file}&view=cleaning`, `/home/datasets?id=${state.file}&view=reading`, '/home/tasks', `/home/tasks?id=${state.task}`,
  `/home/analysis?file=${state.file}`, `/home/analysis?file=${state.file}&posts=sentiment%3Dnegative`, '/profile'];

for (const variant of VARIANTS) {
  test(`${variant.theme}, ${variant.width} px, ${variant.lang}`, { timeout: 240_000 }, async () => {
    const { page, context, faults } = await openPage(stack, { ...asContext(variant), storageState: state.storage });
    const visitor = await openPage(stack, asContext(variant));
    const found = [];
    for (const path of visited) found.push(...await lookAt(visitor.page, path, variant));
    for (const path of pages()) found.push(...await lookAt(page, path, variant));
    // Streams of events are limited for each user, and open pages hold them.
    await Promise.all([context.close(), visitor.context.close()]);
    assert.deepEqual(found, []);
    assert.deepEqual([...visitor.faults, ...faults].filter((fault) => !/no-such-page/.test(fault)), []);
  });
}
