import { expect, it } from 'vitest';
import { en } from './en';
import { fr } from './fr';

function flat(messages: object, path = ''): [string, string][] {
  return Object.entries(messages).flatMap(([key, value]: [string, unknown]) => (typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : flat(value as object, `${path}${key}.`)));
}
const parameters = (text: string) => [...text.matchAll(/\{\s*(\w+)\s*[,}]/g)].map(([, name]) => name).filter((name) => !/^(one|other|#)$/.test(name ?? '')).sort().join();

it('says the same things with the same parameters in both languages', () => {
  const french = new Map(flat(fr));
  for (const [key, text] of flat(en)) expect(`${key}: ${parameters(french.get(key) ?? 'missing')}`).toBe(`${key}: ${parameters(text)}`);
});

it('keeps French signs from standing alone on a line', () => {
  for (const [key, text] of flat(fr)) expect(`${key}: ${text}`).not.toMatch(/ [?!;%»]| :(?!\/)(?! *\{)|« /);
});
