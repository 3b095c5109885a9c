import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

/** The package's own names to its source. */
export const aliases = [
  { find: /^faust-ts$/, replacement: source('index.ts') },
  { find: /^faust-ts\/(testing|transport|cli|embedded|kafka)$/, replacement: `${source('')}$1/$1.ts` },
]

/** They start programs, kill them, and wait for what becomes of that: vitest.processes.config.ts. */
export const withProcesses = ['test/cli/embedded.test.ts', 'test/cli/processes.test.ts', 'test/integrity/embedded-*.test.ts']

export default defineConfig({
  resolve: { alias: aliases },
  test: {
    include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'],
    // They need a broker: vitest.kafka.config.ts.
    exclude: [...configDefaults.exclude, ...withProcesses, 'test/kafka/**'],
    typecheck: { include: ['src/**/*.test-d.ts', 'test/**/*.test-d.ts'], checker: 'tsc', tsconfig: './tsconfig.json' },
    reporters: ['default', './scripts/summary-reporter.ts'],
    coverage: { include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts', 'src/**/*.test-d.ts'] },
    pool: 'threads',
    // Many tests wait for processes of their own: on two cores, one file at a time would leave one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
    passWithNoTests: true,
  },
})
