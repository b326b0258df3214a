import { expect, it } from 'vitest';
import { exportOf, localOf, queryOf, type LogFilters } from './filters';

const none: LogFilters = { method: null, path: null, user: null, status: null, from: null, to: null, q: null };

it('sends only the filters that are set, times in UTC', () => {
  expect(queryOf(none)).toEqual({});
  expect(queryOf({ ...none, method: 'PATCH', status: '4xx', from: new Date('2026-01-02T03:04:00+02:00') })).toEqual({ method: 'PATCH', status: '4xx', from: '2026-01-02T01:04:00.000Z' });
});

it('exports what the filters take', () => {
  expect(exportOf({ ...none, path: '/v1/settings', q: 'a&b' }, 'jsonl')).toBe('/v1/logs/export?format=jsonl&path=%2Fv1%2Fsettings&q=a%26b');
});

it('writes a moment as the clock on the wall shows it, and reads the same one back', () => {
  const moment = new Date('2026-07-01T12:30:00Z');
  expect(new Date(localOf(moment)).getTime()).toBe(moment.getTime());
  expect(localOf(null)).toBe('');
});
