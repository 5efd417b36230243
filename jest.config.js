// force timezone to UTC to allow tests to work regardless of local timezone
// generally used by snapshots, but can affect specific tests
process.env.TZ = 'UTC';

// Jest configuration provided by Grafana scaffolding
const base = require('./.config/jest.config');

const [swc] = Object.values(base.transform);

module.exports = {
  ...base,
  // Typing into a form of Grafana's components takes seconds on a busy machine with two cores.
  testTimeout: 60_000,
  testMatch: [...base.testMatch, '<rootDir>/packages/*/src/**/*.test.ts'],
  // The d3 packages below @grafana/data ship ES modules as .mjs, which the scaffolding does not transform.
  transform: { '^.+\\.([tj]sx?|mjs)$': swc },
};
