import { screen, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { renderWith } from '@/test-render';
import { Pages } from './pages';

it('tells how many pages each model answered when another one stood in', () => {
  renderWith(<Pages progress={{ pages_total: 12, pages_done: 10, pages_by_model: { builtin: 1, 'gpt-4.1-mini': 9 } }} limit={20} />);
  const models = within(screen.getByRole('list', { name: 'By the model that answered' })).getAllByRole('listitem');
  expect(models.map(({ textContent }) => textContent)).toEqual(['gpt-4.1-mini 9 pages', 'builtin 1 page']);
});

it('names no model when one answered them all', () => {
  renderWith(<Pages progress={{ pages_total: 12, pages_done: 10, pages_by_model: { builtin: 10 } }} limit={null} />);
  expect(screen.queryByText('builtin')).toBeNull();
  expect(screen.getByText('10 done')).toBeVisible();
});
