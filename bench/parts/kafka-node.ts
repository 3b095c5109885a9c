// A Kafka node for one run of a benchmark: in a temporary folder, compiled as hot as the JVM can.
import { Cluster } from '../../scripts/kafka/cluster.js'
import { fetchDistribution } from '../../scripts/kafka/distribution.js'
import { Keeper } from '../../scripts/kafka/keeper.js'
import { layOut } from '../../scripts/kafka/layout.js'
import { freePorts } from '../../scripts/kafka/ports.js'

/** Ends with `close()`, and also with this program, however that ends. */
export async function startKafka(): Promise<Cluster> {
  const distribution = await fetchDistribution()
  const keeper = new Keeper()
  try {
    const [port = 0] = await freePorts(1)
    const nodes = await layOut(keeper.folder, [{ PLAINTEXT: port }])
    const layout = { nodes, listeners: { PLAINTEXT: 'PLAINTEXT' as const }, properties }
    const cluster = new Cluster({ distribution, layout, keeper, jvm: ['-Xmx1g'] })
    await cluster.start()
    return cluster
  } catch (error) {
    await keeper.end()
    throw error
  }
}

/** The topics of a round give their space back before the next ones need it. */
const properties = { 'auto.create.topics.enable': 'false', 'log.segment.delete.delay.ms': '1000' }
