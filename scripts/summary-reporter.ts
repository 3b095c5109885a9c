import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run with `N passed, N failed`. A file that could not be loaded and an error outside a test count as failed. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const passed = tests.filter(test => test.result().state === 'passed').length
    const failed = tests.filter(test => test.result().state === 'failed').length
    const broken = modules.filter(module => module.errors().length > 0).length
    console.log(`${passed} passed, ${failed + broken + errors.length} failed`)
  }
}
