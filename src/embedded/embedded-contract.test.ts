import { describe, test } from 'vitest'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { describeTransport } from '../testing/contract/describe-transport.js'
import type { TransportHarness } from '../testing/contract/harness.js'
import { pollingUntil } from '../testing/contract/polling-until.js'
import { hurriedClock } from '../testing/hurried-clock.js'
import { ThreadBroker } from '../testing/thread-broker.js'

describeTransport({ name: 'embedded', describe: describe.concurrent, test, create })

async function create(): Promise<TransportHarness> {
  const clock = hurriedClock(5)
  const random = seededRandom(1)
  const broker = await ThreadBroker.open({ clock, random, log: silentLogger })
  return {
    transport: broker.transport(),
    clock,
    random,
    log: silentLogger,
    until: pollingUntil(clock),
    compact: topic => broker.compact(topic),
    close: () => broker.close(),
  }
}
