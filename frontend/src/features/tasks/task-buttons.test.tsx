import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import type { ResourceTaskData, TaskAction } from '@/lib/api/generated';
import { renderWith } from '@/test-render';
import type { useTaskAction } from './task-actions';
import { TaskButtons } from './task-buttons';

vi.mock('next/navigation', () => ({ useRouter: () => ({ push: vi.fn(), replace: vi.fn() }), usePathname: () => '/home/tasks' }));
vi.mock('@/lib/session', () => ({ usePermission: () => true }));

const task = (allowed_actions: TaskAction[]) => ({ uid: 't', data: { allowed_actions, progress: { rows_done: 12 } } }) as unknown as ResourceTaskData;

function show(allowed: TaskAction[]) {
  const mutate = vi.fn(), mutateAsync = vi.fn(() => Promise.resolve());
  renderWith(<TaskButtons task={task(allowed)} action={{ mutate, mutateAsync, isPending: false } as unknown as ReturnType<typeof useTaskAction>} />);
  return { mutate, mutateAsync };
}

it('offers what the server allows now, and nothing else', () => {
  show(['pause', 'stop']);
  expect(screen.getAllByRole('button').map((button) => button.textContent)).toEqual(['Pause', 'Stop', '']);
});

it('sends a harmless command at once', async () => {
  const { mutate } = show(['pause']);
  await userEvent.click(screen.getByRole('button', { name: 'Pause' }));
  expect(mutate).toHaveBeenCalledExactlyOnceWith({ action: 'pause' });
});

it('asks before it throws work away, and says how much there is', async () => {
  const { mutate, mutateAsync } = show(['stop']);
  await userEvent.click(screen.getByRole('button', { name: 'Stop' }));
  expect(screen.getByRole('dialog', { name: 'Stop this task?' })).toHaveTextContent('12 rows are labelled.');
  expect(mutate).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole('button', { name: 'Stop the task' }));
  expect(mutateAsync).toHaveBeenCalledExactlyOnceWith({ action: 'stop' });
});
