import { describe, test } from 'vitest'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { describeTransport } from '../testing/contract/describe-transport.js'
import type { TransportHarness } from '../testing/contract/harness.js'
import { virtualUntil } from '../testing/contract/virtual-until.js'
import { virtualClock } from '../testing/virtual-clock.js'
import { MemoryBroker } from './memory/broker.js'

describeTransport({ name: 'memory', describe, test, create })

function create(): Promise<TransportHarness> {
  const broker = new MemoryBroker()
  const clock = virtualClock()
  return Promise.resolve({
    transport: broker.transport(),
    clock,
    random: seededRandom(1),
    log: silentLogger,
    until: virtualUntil(clock),
    compact: topic => Promise.resolve(broker.compact(topic)),
    close: () => Promise.resolve(),
  })
}
