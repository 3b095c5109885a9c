// Kafka's own programs, as oracles. Each call takes a second or two: a JVM starts.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { fetchDistribution, kafkaVersion } from '../../scripts/kafka/distribution.js'
import { runJava } from '../../scripts/kafka/java.js'
import type { Place } from './steering.js'

/** Runs a program of Kafka's jars, such as `ConsoleConsumer`; resolves to what it printed. */
export async function javaTool(name: string, words: readonly string[], input = ''): Promise<string> {
  const distribution = await fetchDistribution()
  for (const place of places) {
    try {
      return await runJava(distribution, [place + name, ...words], { input })
    } catch (error) {
      if (!(error as Error).message.includes('ClassNotFoundException')) throw error
    }
  }
  throw new Error(`Apache Kafka ${kafkaVersion} has no ${name} in ${places.join(', ')}.`)
}

/** Where Kafka has its programs: from version to version more of them are in the first. */
const places = ['org.apache.kafka.tools.', 'org.apache.kafka.tools.consumer.', 'kafka.tools.', 'kafka.admin.']

/** Sends each line as a value with the Java producer; `words` are more of its options, such as `--compression-codec`, `zstd`. */
export async function produceLines(
  bootstrap: string,
  topic: string,
  lines: readonly string[],
  words: readonly string[] = [],
): Promise<void> {
  const options = ['--bootstrap-server', bootstrap, '--topic', topic, ...words]
  await javaTool('ConsoleProducer', options, lines.map(line => `${line}\n`).join(''))
}

/** The first `count` values of a topic, read with the Java consumer. */
export async function consumeLines(
  bootstrap: string,
  topic: string,
  { count, words = [] }: { readonly count: number; readonly words?: readonly string[] },
): Promise<string[]> {
  const limits = ['--from-beginning', '--max-messages', String(count), '--timeout-ms', '20000']
  const options = ['--bootstrap-server', bootstrap, '--topic', topic, ...limits, ...words]
  const printed = await javaTool('ConsoleConsumer', options)
  return printed.split('\n').filter(line => line !== '' && !chatter.test(line))
}

/** What the consumer of one version or another says besides. */
const chatter = /^(Processed a total of|Option --property is deprecated|The consumer rebalance protocol|SLF4J:|log4j:WARN)/

/** What one node has on disk of a partition, batch by batch and message by message, as the Java tool prints it. */
export async function dumpLog({ folder }: Cluster, node: number, { topic, partition }: Place): Promise<string> {
  const log = join(folder, String(node), 'messages', `${topic}-${partition}`)
  const files = readdirSync(log)
    .filter(name => name.endsWith('.log'))
    .sort()
    .map(name => join(log, name))
  return await javaTool('DumpLogSegments', ['--print-data-log', '--files', files.join(',')])
}
