/** For tests of apps, and for authors of drivers. */
export { describeTransport } from './contract/describe-transport.js'
export { testWorker } from './test-worker.js'
export type { TestWorker, TestWorkerOptions } from './test-worker.js'
export { VirtualClock, virtualClock } from './virtual-clock.js'
