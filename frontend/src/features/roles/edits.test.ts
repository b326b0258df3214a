import { describe, expect, it } from 'vitest';
import type { Permission } from '@/lib/api/generated';
import { allows, changesOf, permissionsOf, toggle } from './edits';

const ALL: Permission[] = ['manage_app', 'read_datasets', 'read_tasks'];
const reader = { uid: 'reader', permissions: ['read_datasets'] as Permission[] };

describe('edits of roles', () => {
  it('tell what a role gains and loses', () => {
    const edits = toggle(toggle({}, reader, 'read_tasks'), reader, 'read_datasets');
    expect(changesOf(reader, edits)).toEqual({ gained: ['read_tasks'], lost: ['read_datasets'] });
    expect(permissionsOf(reader, edits, ALL)).toEqual(['read_tasks']);
  });

  it('are none when everything is as it was', () => {
    expect(toggle(toggle({}, reader, 'read_tasks'), reader, 'read_tasks')).toEqual({});
  });

  it('lie over what somebody else saved meanwhile, and keep of it what was not edited', () => {
    const edits = toggle({}, reader, 'read_tasks');
    const saved = { ...reader, permissions: ['manage_app', 'read_tasks'] as Permission[] };
    expect(permissionsOf(saved, edits, ALL)).toEqual(['manage_app', 'read_tasks']);
    expect(changesOf(saved, edits)).toEqual({ gained: [], lost: [] });
  });

  it('of one role leave the others alone', () => {
    const other = { uid: 'other', permissions: [] };
    expect(allows(other, toggle({}, reader, 'read_tasks'), 'read_tasks')).toBe(false);
  });
});
