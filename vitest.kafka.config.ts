import { defineConfig } from 'vitest/config'
import { aliases } from './vitest.config.js'

// The suites against a real Apache Kafka: `npm run test:kafka`.
export default defineConfig({
  resolve: { alias: aliases },
  test: {
    include: ['test/kafka/**/*.test.ts'],
    globalSetup: ['./test/kafka/shared-node.ts'],
    reporters: ['default', './scripts/summary-reporter.ts'],
    pool: 'forks',
    // They mostly wait. More nodes at once would only take the processor from each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
})
