import { expect, it } from 'vitest';
import { toCsv } from './csv';

it('quotes what needs it and keeps empty cells', () => {
  expect(toCsv(['topic', 'posts'], [['panne, "fibre"', 3], ['two\nlines', null]])).toBe('topic,posts\r\n"panne, ""fibre""",3\r\n"two\nlines",');
});

it('lets no text calculate in a spreadsheet, and leaves numbers as they are', () => {
  expect(toCsv(['a', 'b'], [['=1+1', -39.7]])).toBe("a,b\r\n'=1+1,-39.7");
});
