import { describe, expect, it } from 'vitest';
import { formatter } from './format';

describe('figures as the locale writes them', () => {
  const en = formatter('en', 'UTC'), fr = formatter('fr', 'UTC');
  const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

  it('groups thousands and uses a true minus', () => {
    expect(en.count(24994)).toBe('24,994');
    expect(plain(fr.count(24994))).toBe('24 994');
    expect(en.signed(-6.4)).toBe('−6.4');
    expect(en.signed(5.4)).toBe('+5.4');
  });

  it('writes shares with one digit', () => {
    expect(en.percent(0.635)).toBe('63.5%');
    expect(plain(fr.percent(0.635))).toBe('63,5 %');
  });

  it('keeps what is less than a cent apart from nothing', () => {
    expect(en.money('1.49')).toBe('$1.49');
    expect(en.money('0.0002')).toBe('$0.0002');
    expect(en.money(0)).toBe('$0.00');
    expect(plain(fr.money('1.49'))).toBe('1,49 $');
  });

  it('writes sizes in powers of a thousand', () => {
    expect(en.bytes(999)).toBe('999 B');
    expect(en.bytes(142275)).toBe('142.3 kB');
    expect(fr.bytes(12_800_000)).toBe('12,8 Mo');
  });

  it('writes durations with two units at most', () => {
    expect(en.duration(0.4)).toBe('under 1 s');
    expect(en.duration(0)).toBe('0 s');
    expect(en.duration(399)).toBe('6 min 39 s');
    expect(en.duration(5160)).toBe('1 h 26 min');
    expect(en.duration(3 * 86_400 + 4 * 3600)).toBe('3 d 4 h');
    expect(fr.duration(86_400)).toBe('1 j');
  });

  it('writes the time in the zone that is asked for', () => {
    expect(formatter('en', 'Europe/Paris').time('2026-07-16T12:21:00Z')).toBe('14:21');
  });
});
