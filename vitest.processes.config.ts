import { defineConfig } from 'vitest/config'
import { aliases, withProcesses } from './vitest.config.js'

// What workers of the embedded broker do to each other as processes of their own: `npm run processes`.
export default defineConfig({
  resolve: { alias: aliases },
  test: {
    include: withProcesses,
    reporters: ['default', './scripts/summary-reporter.ts'],
    pool: 'threads',
    // Files side by side would only take the processor from each other.
    fileParallelism: false,
    testTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
})
