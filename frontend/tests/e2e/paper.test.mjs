// What leaves the analysis as a picture or on paper: light, with its title, dataset, filters and date.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { labelSample, openPage, register, startStack } from './stack.mjs';

let stack, page, faults;
before(async () => {
  stack = await startStack();
  ({ page, faults } = await openPage(stack, { colorScheme: 'dark' }));
  await register(page);
  await labelSample(page);
  await page.getByRole('link', { name: 'Open the analysis' }).click();
  await page.getByRole('button', { name: 'Export: Sentiment over time' }).waitFor();
  await page.goto(`${page.url()}&from=2024-10-20&to=2024-10-26&sentiment=negative`);
  await page.getByRole('button', { name: 'Export: Sentiment over time' }).waitFor();
});
after(() => stack?.stop());

const CHARTS = ['Sentiment over time', 'Sentiment share', 'Priority', 'Topics by sentiment', 'Negative posts by hour and weekday', 'Most affected users', 'Priority by sentiment', 'Engagement by sentiment'];

async function exported(chart, as) {
  await page.getByRole('button', { name: `Export: ${chart}`, exact: true }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: as, exact: true }).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

test('every chart is a light SVG that says what it shows, on a dark page too', { timeout: 120_000 }, async () => {
  for (const chart of CHARTS) {
    const { name, bytes } = await exported(chart, 'SVG');
    const svg = bytes.toString('utf8');
    assert.match(name, /^posts-.*\.svg$/);
    for (const said of [chart, 'posts.csv, 20 Oct – 26 Oct 2024, Negative', 'Made ', 'hours in UTC']) assert.ok(svg.includes(said), `${chart} says ${said}`);
    assert.match(svg, /<rect[^>]*width="100%"[^>]*style="fill:rgb\(255, 255, 255\)/, `${chart} is on white`);
    assert.doesNotMatch(svg, / class=|var\(--/, `${chart} needs no style of the page`);
  }
});

test('a chart is a PNG while its table is looked at', { timeout: 60_000 }, async () => {
  const frame = page.getByRole('figure', { name: 'Topics by sentiment' });
  await frame.getByRole('button', { name: 'Table' }).click();
  await frame.getByRole('columnheader', { name: 'Positive' }).waitFor();
  const { bytes } = await exported('Topics by sentiment', 'PNG');
  assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
  assert.ok(bytes.readUInt32BE(16) >= 2 * 720, 'it has two pixels for one of the page');
});

test('paper is light, says what it is of and when it was printed, and has no sidebar', { timeout: 60_000 }, async () => {
  const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true, tagged: false });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(pages >= 1 && pages <= 4, `${pages} sheets`);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  await page.getByText('Analysis of posts.csv', { exact: true }).filter({ visible: true }).waitFor();
  await page.getByText(/^Printed \d/).waitFor();
  assert.equal(await page.getByRole('navigation').filter({ visible: true }).count(), 0);
  assert.deepEqual(faults, []);
});
