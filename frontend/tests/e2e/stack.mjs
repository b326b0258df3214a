// The real thing: `dallosh up` with the pages in it, on a free port and an empty folder. DALLOSH_URL names one that runs already.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { chromium } from 'playwright-core';

const root = new URL('../../..', import.meta.url).pathname;
const built = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug');
const binary = process.env.DALLOSH_BIN ?? join(built, 'dallosh');
const fakeModel = join(built, 'examples/fake_model');
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const sample = join(root, 'samples/posts.csv');

const freePort = () => new Promise((done) => {
  const server = createServer();
  server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => done(port)); });
});

/** Looks until `found` gives something, or the time is up. */
export async function until(found, what, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    const seen = await Promise.resolve().then(found).catch(() => null);
    if (seen) return seen;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`not in ${seconds} s: ${what}`);
}

/** A line to the server that can be slow, and be cut like a network: open connections break, new ones are refused until it is mended. */
async function lineTo(target) {
  const sockets = new Set();
  let cut = false, rate = Infinity;
  const brake = () => new Transform({ transform: (bytes, _, done) => { if (rate === Infinity) done(null, bytes); else setTimeout(done, (1000 * bytes.length) / rate, null, bytes); } });
  const server = createServer((near) => {
    if (cut) return near.destroy();
    const far = connect(target.port, target.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => { sockets.delete(one); other.destroy(); });
      if (one === near) one.pipe(brake()).pipe(other);
      else one.pipe(other);
    }
    return near;
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => { cut = true; sockets.forEach((socket) => socket.destroy()); },
    mend: () => { cut = false; },
    /** How many bytes a second go up. */
    slow: (bytes) => { rate = bytes; },
    close: () => { server.close(); sockets.forEach((socket) => socket.destroy()); },
  };
}

export async function startStack() {
  for (const needed of [browserPath, ...(process.env.DALLOSH_URL ? [] : [binary])]) if (!existsSync(needed)) throw new Error(`${needed} is not there`);
  let url = process.env.DALLOSH_URL, stop = () => {};
  if (!url) {
    const port = await freePort(), data = mkdtempSync(join(tmpdir(), 'dallosh-e2e-'));
    url = `http://127.0.0.1:${port}`;
    const server = spawn(binary, ['up', '--listen', `127.0.0.1:${port}`, '--data-dir', data], { stdio: 'ignore' });
    stop = () => new Promise((done) => { server.once('exit', () => { rmSync(data, { recursive: true, force: true }); done(); }); server.kill('SIGTERM'); });
    await until(async () => (await fetch(`${url}/readyz`)).ok, 'the server is ready', 60);
  }
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu', '--no-proxy-server'] });
  const line = await lineTo(new URL(url));
  return { url: line.url, line, browser, stop: async () => { await browser.close(); line.close(); await stop(); } };
}

/** A model server: its address, and what ends it. */
export async function startModel(milliseconds) {
  const model = spawn(fakeModel, ['--latency', milliseconds], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = () => new Promise((done) => { model.once('exit', done); model.kill('SIGINT'); });
  const url = await new Promise((done, failed) => {
    model.once('error', failed);
    model.stdout.once('data', (line) => done(String(line).trim().replace(/^ready /, '')));
  });
  return { url, stop };
}

/** A model that takes its time, asked by every task from now on: what it does can be watched on any machine. */
export async function startSlowModel(stack, milliseconds) {
  const { url: baseUrl, stop } = await startModel(milliseconds);
  try {
    const api = async (path, method, body, headers) => {
      const answer = await fetch(`${stack.url}/v1${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return { data: await answer.json(), tag: answer.headers.get('etag') };
    };
    const [email, password] = administrator();
    const { data: { access_token } } = await api('/auth/login', 'POST', { email, password });
    const authorization = `Bearer ${access_token}`;
    const { data: { uid } } = await api('/settings/ai/models', 'POST', { kind: 'external', provider: 'openai', model: 'slow', baseUrl }, { authorization });
    const { tag } = await api('/settings/ai', 'GET', undefined, { authorization });
    await api('/settings/ai', 'PATCH', { preferences: { mode: 'external', default_external_model_id: uid } }, { authorization, 'if-match': tag });
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

const known = [/Failed to load resource/];

/** A page whose faults are kept: console errors, exceptions, answers from 400 on that nobody expected. */
export async function openPage(stack, options = {}) {
  const context = await stack.browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', acceptDownloads: true, baseURL: stack.url, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on('console', (message) => { if (message.type() === 'error' && !known.some((one) => one.test(message.text()))) faults.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('response', (response) => { if (response.status() >= 400 && response.status() !== 401) faults.push(`${response.status()} ${response.url()}`); });
  page.on('request', (request) => { if (!request.url().startsWith(stack.url) && !/^(data|blob):/.test(request.url())) faults.push(`another origin: ${request.url()}`); });
  return { context, page, faults };
}

export async function register(page, name = 'Camille Renard') {
  const email = `e2e-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`, password = 'Correct-horse-9';
  await page.goto('/auth?tab=register');
  await page.getByLabel(/^(Name|Nom)$/).fill(name);
  await page.getByLabel(/e-mail/i).fill(email);
  await page.getByLabel(/^(Password|Mot de passe)$/).fill(password);
  await page.getByRole('tabpanel').getByRole('button', { name: /^(Create an account|Créer un compte)$/ }).click();
  await page.waitForURL('**/home');
  return { email, password };
}

export async function signIn(page, email, password) {
  await page.goto('/auth');
  await page.getByLabel(/e-mail/i).fill(email);
  await page.getByLabel(/^(Password|Mot de passe)$/).fill(password);
  await page.getByRole('tabpanel').getByRole('button', { name: /^(Sign in|Se connecter)$/ }).click();
  await page.waitForURL(/\/(admin|home)/);
}

/** Address and password of the development profile's administrator; DALLOSH_ADMIN (`address:password`) names another one. */
const administrator = () => (process.env.DALLOSH_ADMIN ?? 'admin@free.com:123456').split(/:(.*)/, 2);

export const signInAsAdmin = (page) => signIn(page, ...administrator());

/** Uploads the sample and starts it; the page shows the task, done. */
export async function labelSample(page) {
  await page.goto('/home/datasets?new=1');
  await page.locator('input[type=file]').setInputFiles(sample);
  await page.getByRole('button', { name: 'Add and start' }).click();
  await page.getByRole('button', { name: 'Restart' }).waitFor({ timeout: 120_000 });
}
