import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import type { LogEntry, ResourceLogEntry } from '@/lib/api/generated';
import { renderWith } from '@/test-render';
import { LogTable } from './log-table';

const entry = (uid: string, data: Partial<LogEntry>) => ({ uid, data: { seq: 1, at: '2026-01-02T03:04:05Z', method: 'PATCH', path: '/v1/roles/7', outcome: 'done', response: { status: 200 }, requested_by: 'ann', request_id: 'r', ip: '::1', duration_ms: 12, lost: 0, times: 1, prev_hash: '', hash: '', ...data } }) as ResourceLogEntry;

it('tells who, what and what came of it, by name where the name is known', async () => {
  const onOpen = vi.fn();
  renderWith(<LogTable entries={[entry('a', {}), entry('b', { outcome: 'refused', response: { status: 403 }, requested_by: null })]} people={new Map([['ann', 'Ann Lee']])} current="a" onOpen={onOpen} />);
  expect(screen.getByRole('row', { name: /PATCH.*\/v1\/roles\/7.*Done.*200.*Ann Lee/ })).toHaveAttribute('aria-current', 'true');
  expect(screen.getByRole('row', { name: /Refused.*403.*nobody signed in/ })).toBeInTheDocument();
  await userEvent.click(screen.getAllByRole('button', { name: /PATCH \/v1\/roles\/7/ })[1] as HTMLElement);
  expect(onOpen).toHaveBeenCalledExactlyOnceWith('b');
});

it('tells what the operator did from the terminal from what a stranger asked', () => {
  renderWith(<LogTable entries={[entry('a', { method: 'OPERATOR', path: '/v1/users/7/passwd', requested_by: null })]} people={new Map()} current={null} onOpen={vi.fn()} />);
  expect(screen.getByRole('row', { name: /OPERATOR.*\/v1\/users\/7\/passwd.*the operator/ })).toBeInTheDocument();
});

it('says how many requests could not be kept, instead of hiding the gap', () => {
  renderWith(<LogTable entries={[entry('a', { outcome: 'lost', response: null, lost: 41, requested_by: null })]} people={new Map()} current={null} onOpen={vi.fn()} />);
  expect(screen.getByText('41 requests could not be kept')).toBeInTheDocument();
});

it('says for how many requests a line stands', () => {
  renderWith(<LogTable entries={[entry('a', { outcome: 'refused', response: { status: 401 }, path: '/v1/files/…', times: 1234 }), entry('b', {})]} people={new Map()} current={null} onOpen={vi.fn()} />);
  expect(screen.getByText('1,234 times')).toBeInTheDocument();
  expect(screen.queryByText('1 times')).not.toBeInTheDocument();
});
