import { defineConfig, globalIgnores } from 'eslint/config';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import jsxA11y from 'eslint-plugin-jsx-a11y';

import grafana from './.config/eslint.config.mjs';

const rrweb = {
  group: ['rrweb', 'rrweb/*', '@rrweb/*'],
  message: 'rrweb belongs in src/player/replayer and the recorder.',
};
const moment = { group: ['moment'], message: 'Use dateTime of @grafana/data.' };
const runtime = {
  group: ['@grafana/runtime'],
  message: 'The standalone page has no Grafana around it: take what you need as an argument.',
};

// Who may not import whom; design in ARCHITECTURE.md.
const zones = [
  { target: './src/app', from: ['./src/datasource', './src/panel', './src/standalone'] },
  { target: './src/datasource', from: ['./src/app', './src/panel', './src/standalone'] },
  { target: './src/panel', from: ['./src/app', './src/datasource', './src/standalone'] },
  {
    target: './src/standalone',
    from: ['./src/app', './src/datasource', './src/panel', './src/telemetry', './src/shared/resources.ts'],
  },
  { target: './src/telemetry', from: ['./src/app', './src/datasource', './src/panel', './src/standalone'] },
  { target: ['./src/player', './src/sessions'], from: './src/telemetry' },
  {
    target: ['./src/player', './src/sessions'],
    from: ['./src/app', './src/datasource', './src/panel', './src/standalone', './src/shared/resources.ts'],
  },
  { target: './src/player', from: './src/sessions' },
  { target: './src/shared', from: './src', except: ['./shared'] },
  { target: './src', from: './packages' },
  { target: './packages/recorder', from: './src' },
];

export default defineConfig([
  globalIgnores([
    'dist/**',
    'dist-standalone/**',
    'packages/*/dist/**',
    'bin/**',
    'data/**',
    '.cache/**',
    '.config/**',
    'pkg/**',
    'tools/**',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...grafana,
  {
    files: ['**/*.{ts,tsx,js,mjs}'],
    plugins: { 'import-x': importX },
    settings: {
      react: { version: 'detect' },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'] })],
    },
    rules: {
      complexity: ['error', 15],
      'max-depth': ['error', 3],
      'max-lines': ['error', 400],
      'max-params': ['error', 5],
      'no-console': 'error',
      'no-restricted-imports': ['error', { patterns: [rrweb, moment] }],
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
    },
  },
  {
    files: ['src/**/*.tsx'],
    plugins: { 'jsx-a11y': jsxA11y },
    rules: jsxA11y.flatConfigs.recommended.rules,
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
    },
  },
  {
    files: ['src/{player,sessions,standalone}/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [rrweb, moment, runtime] }] },
  },
  {
    files: ['src/player/replayer/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [moment, runtime] }] },
  },
  {
    files: ['packages/**', 'tests/**', 'examples/**'],
    // No React there: a function whose name starts with "use" is just that.
    rules: { 'react-hooks/rules-of-hooks': 'off' },
  },
  {
    files: ['packages/recorder/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@grafana/*', 'react', 'react-dom'], message: 'The recorder runs in any page.' }] },
      ],
    },
  },
  {
    // These tools look for a default export.
    files: ['*.config.{ts,js,mjs}', '**/*.d.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    // Programs print.
    files: ['packages/*/*.mjs', 'packages/*/test/**', 'tests/**/*.mjs', 'examples/**'],
    rules: { 'no-console': 'off' },
  },
]);
