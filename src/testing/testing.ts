/** For tests of apps, and for authors of drivers. */
export { describeTransport } from './contract/describe-transport.js'
export type { TransportSuite } from './contract/describe-transport.js'
export type { TransportHarness } from './contract/harness.js'
export { testWorker } from './test-worker.js'
export type { TestWorker, TestWorkerOptions } from './test-worker.js'
export { virtualClock } from './virtual-clock.js'
export type { VirtualClock } from './virtual-clock.js'
