/** Without signs that look alike, as somebody types it from a paper. */
const SIGNS = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A password to hand over, such as `k3m9p-x7q2v-hd4tn-w8rjc`: 20 random signs, 99 bits. */
export function makePassword(): string {
  const signs: string[] = [];
  // What would not be spread evenly over the signs is drawn again.
  while (signs.length < 20) for (const byte of crypto.getRandomValues(new Uint8Array(32))) if (byte < SIGNS.length * 8 && signs.length < 20) signs.push(SIGNS.charAt(byte % SIGNS.length));
  return [0, 5, 10, 15].map((start) => signs.slice(start, start + 5).join('')).join('-');
}
