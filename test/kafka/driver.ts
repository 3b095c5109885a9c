import { onTestFinished } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster/cluster.js'
import { openCluster as open } from '../../src/kafka/cluster/open-cluster.js'
import { readSettings, type KafkaOptions } from '../../src/kafka/settings.js'
import { systemClock } from '../../src/lib/clock.js'
import { silentLogger, type Logger } from '../../src/lib/log.js'
import { systemRandom } from '../../src/lib/random.js'
import type { ConnectionContext } from '../../src/transport/transport.js'

/** What our driver is given in these suites: the clock of the machine, and the log of the test. */
export function contextFor(log: Logger = silentLogger): ConnectionContext {
  return { clientId: 'faust-test', clock: systemClock, random: systemRandom, log }
}

/** Our driver's view of a cluster, closed when the test has ended. `brokers` is `host:port,…`. */
export async function openCluster(brokers: string, options: Partial<KafkaOptions> & { log?: Logger } = {}): Promise<Cluster> {
  const { log, ...more } = options
  const cluster = await open(readSettings({ brokers: brokers.split(','), ...more }), contextFor(log))
  onTestFinished(() => cluster.close())
  return cluster
}
