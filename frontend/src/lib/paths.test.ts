import { expect, it } from 'vitest';
import { safeNext } from './paths';

it.each(['/home/analysis?file=1&topic=panne', '/admin', '/profile'])('leads back to %s after signing in', (next) => expect(safeNext(next)).toBe(next));
it.each([null, '//evil.example', 'https://evil.example', '/auth', '/homepage', '/home\\evil'])('leads not to %s', (next) => expect(safeNext(next)).toBeNull());
