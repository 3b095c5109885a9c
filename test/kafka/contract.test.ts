import { describe, inject, test } from 'vitest'
import { kafka } from '../../src/kafka/kafka.js'
import { systemClock } from '../../src/lib/clock.js'
import { silentLogger } from '../../src/lib/log.js'
import { systemRandom } from '../../src/lib/random.js'
import { describeTransport } from '../../src/testing/contract/describe-transport.js'
import type { TransportHarness } from '../../src/testing/contract/harness.js'
import { pollingUntil } from '../../src/testing/contract/polling-until.js'

describeTransport({
  name: 'kafka',
  describe: describe.concurrent,
  test,
  create,
  skip: [{ test: 'reading: passes what compaction has removed', reason: 'a broker compacts when it pleases, on no request' }],
})

async function create(): Promise<TransportHarness> {
  return {
    transport: kafka({ brokers: [inject('kafka')] }),
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    until: pollingUntil(systemClock),
    close: () => Promise.resolve(),
  }
}
