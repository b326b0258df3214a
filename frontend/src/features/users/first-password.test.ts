import { expect, it } from 'vitest';
import { makePassword } from './first-password';

it('makes passwords that can be read out, and no two alike', () => {
  const made = Array.from({ length: 200 }, makePassword);
  for (const password of made) expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/);
  expect(new Set(made).size).toBe(200);
});
