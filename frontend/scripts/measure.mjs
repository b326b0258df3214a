// How heavy the landing page is and how fast the analysis is there: `npm run measure` with what `npm run e2e` needs.
// Prints the script that the landing page asks for, in bytes as they are sent, and how long /home/analysis takes until its
// charts can be pressed, each time in a browser that has nothing of it yet.
import { labelSample, openPage, register, startStack } from '../tests/e2e/stack.mjs';

const ROUNDS = 9;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const stack = await startStack();
try {
  const landing = await openPage(stack);
  const answers = [];
  landing.page.on('response', (answer) => { if (answer.request().resourceType() === 'script') answers.push(answer); });
  await landing.page.goto('/', { waitUntil: 'networkidle' });
  const sizes = await Promise.all(answers.map(async (answer) => (await answer.request().sizes()).responseBodySize));
  console.log(`landing page: ${sizes.reduce((sum, size) => sum + size, 0)} bytes of script in ${sizes.length} files, as sent`);

  const { page, context } = await openPage(stack);
  await register(page);
  await labelSample(page);
  const storageState = await context.storageState();
  await context.close();

  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const fresh = await openPage(stack, { storageState });
    // Seen in the page itself: looking from outside comes late.
    await fresh.page.addInitScript(() => {
      new MutationObserver((_, seen) => {
        if (!document.querySelector('.recharts-bar-rectangle [data-mark]')) return;
        globalThis.drawnAt = performance.now();
        seen.disconnect();
      }).observe(document, { childList: true, subtree: true });
    });
    await fresh.page.goto('/home/analysis', { waitUntil: 'commit' });
    times.push(await (await fresh.page.waitForFunction(() => globalThis.drawnAt)).jsonValue());
    await fresh.context.close();
  }
  console.log(`/home/analysis: ${Math.round(median(times))} ms until the marks of its charts can be pressed (median of ${ROUNDS}: ${times.map(Math.round).join(', ')})`);
} finally {
  await stack.stop();
}
