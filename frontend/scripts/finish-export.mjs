// After `next build`: writes out/csp.json (the hashes of all inline scripts, for the policy that the gateway sends) and a
// .br and .gz beside every file that is worth it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const out = new URL('../out', import.meta.url).pathname;
const COMPRESSED = /\.(html|js|css|svg|json|txt|csv|xml|webmanifest)$/;
const LEAST = 1024; // bytes

const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter((file) => !/\.(br|gz)$/.test(file));

const hashes = new Set();
for (const file of files.filter((name) => name.endsWith('.html'))) {
  for (const [, attributes, text] of readFileSync(file, 'utf8').matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
    if (!/\ssrc=/.test(attributes) && text) hashes.add(`sha256-${createHash('sha256').update(text).digest('base64')}`);
  }
}
writeFileSync(join(out, 'csp.json'), `${JSON.stringify([...hashes].sort(), null, 1)}\n`);

let saved = 0;
for (const file of files.filter((name) => COMPRESSED.test(name))) {
  const content = readFileSync(file);
  if (content.length < LEAST) continue;
  const br = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
  writeFileSync(`${file}.br`, br);
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  saved += content.length - br.length;
}
console.log(`${files.length} files, ${hashes.size} inline scripts in csp.json, ${Math.round(saved / 1000)} kB less with br`);
