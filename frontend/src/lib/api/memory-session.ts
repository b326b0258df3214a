// Tokens held by the page alone, for a server that sets no session cookies: a reload signs out. With cookies this
// file goes, and with it its three uses in client.ts and session.ts.
import type { TokensView } from './generated';

let tokens: Pick<TokensView, 'access_token' | 'refresh_token'> | null = null;

export const memorySession = {
  keep: (fresh: TokensView) => { tokens = fresh; },
  clear: () => { tokens = null; },
  /** The body of a refresh: with cookies the server needs none. */
  refreshBody: () => (tokens ? { refresh_token: tokens.refresh_token } : {}),
  authorize: (headers: Headers) => { if (tokens) headers.set('authorization', `Bearer ${tokens.access_token}`); },
};
