import type { NextConfig } from 'next';

/** Where `next dev` finds the API; at run time the gateway serves both from one origin. */
const api = process.env.DALLOSH_API ?? 'http://127.0.0.1:5006';
const developing = process.env.NODE_ENV === 'development';

const config: NextConfig = {
  ...(developing
    ? { rewrites: async () => ['/v1/:path*', '/openapi.json', '/docs/:path*'].map((source) => ({ source, destination: api + source })) }
    : { output: 'export' as const }),
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  turbopack: {
    root: import.meta.dirname,
    rules: { '*.css': { loaders: ['@tailwindcss/turbopack'], as: '*.css' } },
  },
};

export default config;
