import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { renderWith } from '@/test-render';
import { Change } from './change';
import { Frame } from './frame';
import { PostItem } from './post-item';

describe('a change', () => {
  it('says points with their sign', () => {
    renderWith(<Change now={0.635} before={0.581} as="points" worse="up" base={100} />);
    expect(screen.getByText('+5.4 pts')).toBeVisible();
  });

  it('is not told of a small base', () => {
    renderWith(<Change now={1} before={0} as="points" base={29} />);
    expect(screen.getByText('small base')).toBeVisible();
  });

  it('is nothing when there is nothing to compare with', () => {
    const { container } = renderWith(<Change now={0.5} before={null} as="points" base={100} />);
    expect(container).toBeEmptyDOMElement();
  });
});

describe('a frame', () => {
  const twin = { columns: ['Day', 'Posts'], rows: [['Mon', 1200]] };

  it('shows the same figures as a table at a press', async () => {
    renderWith(<Frame drawn title="Sentiment" base="Of 3 posts" file="posts.csv" twin={twin}><svg data-drawing /></Frame>);
    await userEvent.click(screen.getByRole('button', { name: 'Table' }));
    expect(screen.getByRole('cell', { name: '1,200' })).toBeVisible();
  });

  it('says why there is nothing to see, and exports nothing', () => {
    renderWith(<Frame drawn title="Sentiment" base="" file="posts.csv" twin={twin} unavailable="the dataset has no times"><svg /></Frame>);
    expect(screen.getByText('the dataset has no times')).toBeVisible();
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('a post', () => {
  const post = { full_text: 'No network\nsince 8am', screen_name: 'ann', name: 'Ann', created_at: '2024-10-24 20:28:00 +02:00', sentiment: 'negative', priority: '2', main_topic: 'outage', favorite_count: '17', views_count: 'null' };

  it('stands as it was written, with its labels, in the zone of the dataset', () => {
    renderWith(<PostItem post={post} textColumn="full_text" timeZone="Europe/Paris" />);
    expect(screen.getByText(/No network/)).toHaveTextContent('No network since 8am');
    expect(screen.getByText('Negative')).toBeVisible();
    expect(screen.getByText('High')).toBeVisible();
    expect(screen.getByText('24 Oct 2024, 20:28')).toBeVisible();
    expect(screen.getByText('17 likes')).toBeInTheDocument();
    expect(screen.queryByText(/view/)).toBeNull();
  });

  it('says that there is no label, and why', () => {
    renderWith(<PostItem post={{ full_text: 'x', enrichment_error: 'missing_row' }} textColumn="full_text" timeZone="UTC" />, 'fr');
    expect(screen.getByText(/Sans étiquette\s:\smissing_row/)).toBeVisible();
  });
});

it('opens a door once per press', async () => {
  const open = vi.fn();
  const { door } = await import('./marks');
  renderWith(<svg><g {...door('Negative: 3 posts', true, open)}><rect /></g></svg>);
  const mark = screen.getByRole('button', { name: 'Negative: 3 posts' });
  mark.focus();
  await userEvent.keyboard('{Enter}');
  expect(open).toHaveBeenCalledOnce();
});
