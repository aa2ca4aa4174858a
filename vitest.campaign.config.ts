import { defineConfig, mergeConfig } from 'vitest/config';
import suite from './vitest.config.js';

/** Tests that take too long for every day, some of them minutes: `npm run campaign`. */
const config = mergeConfig(suite, defineConfig({ test: { testTimeout: 1_200_000, slowTestThreshold: 60_000 } }));
config.test.include = ['test/**/*.campaign.ts'];
// The watchdog's limit is for the test suite.
config.test.setupFiles = [];

export default config;
