import { Cluster } from '../../scripts/kafka/cluster.js'
import { fetchDistribution } from '../../scripts/kafka/distribution.js'
import { quickJvm } from '../../scripts/kafka/java.js'
import { Keeper } from '../../scripts/kafka/keeper.js'
import { layOut } from '../../scripts/kafka/layout.js'
import { freePorts } from '../../scripts/kafka/ports.js'
import type { Properties } from '../../scripts/kafka/server-properties.js'
import { makeCertificate, protocols, securityProperties, type Security } from './security.js'

export interface TestClusterOptions {
  /** How many; 1 unless said otherwise. */
  readonly nodes?: number
  /** Broker settings on top of those that suit tests. */
  readonly config?: Properties
  /** Listeners besides the plain one, by name in capitals. */
  readonly listeners?: Readonly<Record<string, Security>>
  /** Passwords by the name of the user, for every mechanism that has passwords. */
  readonly users?: Readonly<Record<string, string>>
}

/** Quick where the usual waits for people, strict where the usual forgives. */
const suited: Properties = {
  'auto.create.topics.enable': 'false',
  'group.min.session.timeout.ms': '100',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'log.initial.task.delay.ms': '1000',
  'log.retention.check.interval.ms': '2000',
}

/**
 * A real Kafka cluster for one suite, ready for clients: in a temporary folder, on ports that nobody else uses. It ends with
 * `close()`, and also with this program, however that ends. Its nodes are numbered from 1.
 *
 * @example
 * await using cluster = await startCluster({ nodes: 3 })
 * await createTopic(cluster.bootstrap(), { name: 'orders', partitions: 4 })
 * await cluster.kill(await leaderOf(cluster.bootstrap(), { topic: 'orders', partition: 0 }))
 */
export async function startCluster(options: TestClusterOptions = {}): Promise<Cluster> {
  const { nodes = 1, config = {}, listeners = {}, users = { faust: 'secret' } } = options
  const distribution = await fetchDistribution()
  const keeper = new Keeper()
  try {
    if (Object.values(listeners).some(({ tls }) => tls)) await makeCertificate(distribution, keeper)
    const layout = {
      nodes: await layOut(keeper.folder, await portsFor(nodes, ['PLAINTEXT', ...Object.keys(listeners)])),
      listeners: { PLAINTEXT: 'PLAINTEXT' as const, ...protocols(listeners) },
      properties: { ...suited, ...securityProperties(listeners, users, keeper.folder), ...config },
    }
    const cluster = new Cluster({ distribution, layout, keeper, jvm: ['-Xmx256m', ...quickJvm], passwords: users })
    await cluster.start()
    return cluster
  } catch (error) {
    await keeper.end()
    throw error
  }
}

function portsFor(nodes: number, listeners: readonly string[]): Promise<Record<string, number>[]> {
  const one = async (): Promise<Record<string, number>> => {
    const ports = await freePorts(listeners.length)
    return Object.fromEntries(listeners.map((name, index) => [name, ports[index]!]))
  }
  return Promise.all(Array.from({ length: nodes }, one))
}
