import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, expect, it, vi } from 'vitest';
import { renderWith } from '@/test-render';
import { PANEL_PLACE, SidePanel, SidePanelHeader } from './side-panel';

afterEach(() => vi.restoreAllMocks());

function Page() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <div id={PANEL_PLACE} />
      <button type="button" onClick={() => setOpen(true)}>Open</button>
      <SidePanel open={open} label="Account" onClose={() => setOpen(false)}><SidePanelHeader title="Ann" /><button type="button">Last</button></SidePanel>
    </>
  );
}

async function opened() {
  renderWith(<Page />);
  await userEvent.click(screen.getByRole('button', { name: 'Open' }));
  expect(await screen.findByRole('dialog', { name: 'Account' })).toBeVisible();
  expect(await screen.findByRole('button', { name: 'Close' })).toHaveFocus();
  await userEvent.tab();
  expect(screen.getByRole('button', { name: 'Last' })).toHaveFocus();
  await userEvent.tab();
}

it('lets Tab go on into the page beside it', async () => {
  vi.spyOn(window, 'matchMedia').mockReturnValue({ matches: false } as MediaQueryList);
  await opened();
  expect(screen.getByRole('button', { name: 'Open' })).toHaveFocus();
});

it('keeps the focus where it lies over the page', async () => {
  vi.spyOn(window, 'matchMedia').mockReturnValue({ matches: true } as MediaQueryList);
  await opened();
  expect(screen.getByRole('button', { name: 'Close' })).toHaveFocus();
});

it('gives the focus back when Escape closes it', async () => {
  await opened();
  await userEvent.keyboard('{Escape}');
  expect(screen.queryByRole('dialog')).toBeNull();
  await vi.waitFor(() => expect(screen.getByRole('button', { name: 'Open' })).toHaveFocus());
});

it('keeps what is typed into a panel that opened together with its page, whenever the page is drawn again', async () => {
  function Whole() {
    const [title, setTitle] = useState('Before');
    return <div onInput={() => setTitle('After')}><div id={PANEL_PLACE} /><SidePanel open label="Account" onClose={() => {}}><SidePanelHeader title={title} /><input aria-label="Name" /></SidePanel></div>;
  }
  renderWith(<Whole />);
  await userEvent.type(screen.getByLabelText('Name'), 'Ann');
  expect(screen.getByText('After')).toBeVisible();
  expect(screen.getByLabelText('Name')).toHaveValue('Ann');
  expect(screen.getByLabelText('Name')).toHaveFocus();
});
