import { fireEvent, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { renderWith } from '@/test-render';
import { DataGrid, type GridRows } from './data-grid';

const columns = [{ name: 'id', type: 'integer' }, { name: 'full_text', type: 'text' }];
const row = (index: number) => ({ id: String(index), full_text: `post ${index}` });
const million = (rows: Partial<GridRows> = {}): GridRows => ({ total: 5_000_000, first: [row(0)], at: row, ...rows });
const indexes = () => screen.getAllByRole('row').map((one) => Number(one.getAttribute('aria-rowindex')));

it('draws the rows in sight of five million, and tells how many there are and which these are', () => {
  const onWindow = vi.fn();
  renderWith(<DataGrid label="posts" columns={columns} rows={million()} onWindow={onWindow} textColumn="full_text" />);
  expect(screen.getByRole('table')).toHaveAttribute('aria-rowcount', '5000001');
  expect(indexes().length).toBeLessThan(60);
  expect(indexes().slice(0, 3)).toEqual([1, 2, 3]);
  expect(onWindow).toHaveBeenLastCalledWith([0, indexes().length - 1]);
});

it('leads to the last row and back by keys', () => {
  renderWith(<DataGrid label="posts" columns={columns} rows={million()} />);
  const region = screen.getByRole('region', { name: 'posts' });
  fireEvent.keyDown(region, { key: 'End' });
  expect(indexes().at(-1)).toBe(5_000_001);
  expect(screen.getByText('post 4999999')).toBeInTheDocument();
  fireEvent.keyDown(region, { key: 'Home' });
  expect(indexes()[1]).toBe(2);
  fireEvent.keyDown(region, { key: 'End', ctrlKey: true });
  expect(indexes()[1], 'what the browser does with other keys stays').toBe(2);
});

it('keeps the place of rows that are not there yet, under their numbers', () => {
  renderWith(<DataGrid label="posts" columns={columns} rows={million({ at: (index) => (index < 5 ? row(index) : undefined) })} />);
  expect(screen.getByRole('table')).toHaveAttribute('aria-busy', 'true');
  expect(screen.getByRole('button', { name: 'Open row 5' })).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Open row 6' })).not.toBeInTheDocument();
  expect(screen.getByText('6')).toBeInTheDocument();
});

it('offers once to ask again for rows that could not be had', async () => {
  const retry = vi.fn();
  renderWith(<DataGrid label="posts" columns={columns} rows={million({ at: (index) => (index < 5 ? row(index) : undefined), problemAt: (index) => (index < 5 ? undefined : new Error('away')), retry })} />);
  expect(screen.getByRole('table')).toHaveAttribute('aria-busy', 'false');
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(retry).toHaveBeenCalledExactlyOnceWith(5);
});

it('shows what exports write for no value as empty, and opens it as it was written', async () => {
  renderWith(<DataGrid label="posts" columns={columns} rows={million({ first: [], total: 1, at: () => ({ id: '1', full_text: 'null' }) })} />);
  expect(screen.getByTitle('null')).toHaveTextContent('empty');
  await userEvent.click(screen.getByRole('button', { name: 'Open row 1' }));
  expect(screen.getByRole('dialog', { name: 'Row 1' })).toHaveTextContent('null');
});

it('opens a row whole', async () => {
  renderWith(<DataGrid label="posts" columns={columns} rows={million()} />);
  await userEvent.click(screen.getByRole('button', { name: 'Open row 3' }));
  expect(screen.getByRole('dialog', { name: 'Row 3' })).toHaveTextContent('post 2');
});
