import next from 'eslint-config-next/core-web-vitals';
import typescript from 'eslint-config-next/typescript';

const config = [
  { ignores: ['.next/**', 'out/**', 'src/lib/api/generated/**', 'next-env.d.ts'] },
  ...next,
  ...typescript,
  {
    files: ['src/features/**'],
    rules: {
      // A feature knows the shared parts, never another feature: what two need moves to components or lib.
      'no-restricted-imports': ['error', { patterns: [{ group: ['@/features/*'], message: 'Features never import features.' }] }],
    },
  },
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
];

export default config;
