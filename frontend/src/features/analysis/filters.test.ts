import { describe, expect, it } from 'vitest';
import { periodBefore, queryOf, readQuery, type Filters } from './filters';

const NONE: Filters = { from: null, to: null, sentiment: null, priority: null, topic: null, user: null, q: null };
const day = (text: string) => new Date(`${text}T00:00:00Z`);

describe('the filters of the page as the API takes them', () => {
  it('asks for nothing that is not set', () => expect(queryOf(NONE)).toEqual({}));

  it('counts the last day in: the API stops before `to`', () => {
    expect(queryOf({ ...NONE, from: day('2024-10-14'), to: day('2024-10-31') })).toEqual({ from: '2024-10-14', to: '2024-11-01' });
  });
});

describe('the period before', () => {
  it('has the same length and ends the day before', () => {
    expect(periodBefore({ from: day('2024-10-15'), to: day('2024-10-21') })).toEqual({ from: day('2024-10-08'), to: day('2024-10-14') });
  });

  it('is none while an end is open or the days are the wrong way round', () => {
    expect(periodBefore({ from: day('2024-10-15'), to: null })).toBeNull();
    expect(periodBefore({ from: null, to: day('2024-10-15') })).toBeNull();
    expect(periodBefore({ from: day('2024-10-15'), to: day('2024-10-14') })).toBeNull();
  });
});

it('reads from an address only what filters there are', () => {
  expect(readQuery('sentiment=negative&topic=panne%20fibre&evil=1&q=')).toEqual({ sentiment: 'negative', topic: 'panne fibre' });
});
