import { describe, expect, it } from 'vitest';
import { fieldsOf, rebase, requestOf, write, wrongOf } from './draft';

const base = fieldsOf({ appName: 'Dallosh', appDescription: 'Posts', timeZone: 'UTC', isMaintenance: false, registration: 'open', logRetentionDays: 365 });

describe('a draft of the settings', () => {
  it('holds what differs, and nothing that is as it was again', () => {
    const draft = write(base, {}, 'appName', 'Orvane');
    expect(draft).toEqual({ appName: 'Orvane' });
    expect(write(base, draft, 'appName', 'Dallosh')).toEqual({});
  });

  it('is sent with numbers for numbers, and without spaces around', () => {
    expect(requestOf({ appName: ' Orvane ', logRetentionDays: '30', isMaintenance: true })).toEqual({ appName: 'Orvane', logRetentionDays: 30, isMaintenance: true });
  });

  it('takes over what somebody else saved, and names only what both changed', () => {
    const now = { ...base, appName: 'Theirs', timeZone: 'Europe/Paris', registration: 'closed' as const };
    expect(rebase(base, now, { appName: 'Mine', timeZone: 'Europe/Paris', logRetentionDays: '30' })).toEqual({ draft: { appName: 'Mine', logRetentionDays: '30' }, conflicts: ['appName'] });
  });

  it('tells which fields can’t be saved', () => {
    expect([...wrongOf({ ...base, appName: '  ', logRetentionDays: '0' })]).toEqual(['appName', 'logRetentionDays']);
    expect([...wrongOf({ ...base, logRetentionDays: '3651' })]).toEqual(['logRetentionDays']);
    expect([...wrongOf(base)]).toEqual([]);
  });
});
