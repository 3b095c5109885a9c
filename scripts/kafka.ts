// A real Apache Kafka on loopback, for development: until Ctrl-C, and the next start goes on with the same messages.
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from './kafka/cluster.js'
import { fetchDistribution, kafkaFolder, kafkaVersion } from './kafka/distribution.js'
import { Keeper } from './kafka/keeper.js'
import { layOut } from './kafka/layout.js'
import { isFree } from './kafka/ports.js'

const usage = 'Usage: npm run kafka -- [--nodes <1 to 9>] [--port <of the first node; 9092>] [--fresh]'

interface Wish {
  /** One for each node. */
  readonly ports: readonly number[]
  /** Named after its ports: nobody else works in it while they are free. */
  readonly folder: string
  readonly isFresh: boolean
}

async function main(): Promise<void> {
  const wish = readWish()
  await checkPorts(wish.ports)
  const cluster = await open(wish)
  await cluster.start()
  const asked = askedToStop()
  const bootstrap = wish.ports.map(port => `localhost:${port}`).join(',')
  console.log(`Kafka ${kafkaVersion} listens: FAUST_BROKER=kafka://${bootstrap} (messages in ${wish.folder}; Ctrl-C stops it)`)
  await Promise.race([once(asked, 'abort'), allEnded(cluster, asked)])
  await cluster.stop()
  await cluster.close()
  process.exit(asked.aborted ? 0 : 1)
}

function readWish(): Wish {
  const { nodes, port, fresh } = readOptions()
  const [count, first] = [Number(nodes), Number(port)]
  if (!Number.isInteger(count) || count < 1 || count > 9) throw new Error(`There is no cluster of ${nodes} nodes. ${usage}`)
  if (!Number.isInteger(first) || first < 1 || first > 65_000) throw new Error(`There is no port ${port}. ${usage}`)
  const folder = join(kafkaFolder, count === 1 ? `port-${first}` : `ports-${first}-to-${first + count - 1}`)
  return {
    ports: Array.from({ length: count }, (_, index) => first + index),
    folder: relative(process.cwd(), folder),
    isFresh: fresh,
  }
}

function readOptions(): { nodes: string; port: string; fresh: boolean } {
  try {
    return parseArgs({
      options: {
        nodes: { type: 'string', default: '1' },
        port: { type: 'string', default: '9092' },
        fresh: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new Error(`${(error as Error).message}. ${usage}`, { cause: error })
  }
}

async function checkPorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (await isFree(port)) continue
    throw new Error(`Port ${port} is taken, perhaps by another Kafka. Stop that, or choose: npm run kafka -- --port <port>`)
  }
}

async function open({ ports, folder, isFresh }: Wish): Promise<Cluster> {
  const distribution = await fetchDistribution()
  if (isFresh) rmSync(folder, { recursive: true, force: true })
  const nodes = await layOut(
    folder,
    ports.map(port => ({ PLAINTEXT: port })),
  )
  const layout = { nodes, listeners: { PLAINTEXT: 'PLAINTEXT' as const }, properties: {} }
  return new Cluster({ distribution, layout, jvm: ['-Xmx1g'], keeper: new Keeper({ folder }) })
}

/** Signals no longer end this program by themselves. (npm passes on the one that the terminal has sent as well.) */
function askedToStop(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  return stop.signal
}

/** A node that ends by itself is worth a line; the others go on without it. */
async function allEnded({ brokers }: Cluster, asked: AbortSignal): Promise<void> {
  const watched = brokers.map(async broker => {
    await broker.ended()
    if (!asked.aborted) console.error(`Kafka node ${broker.id} has ended: see ${broker.logFile}`)
  })
  await Promise.all(watched)
}

main().catch((error: unknown) => {
  console.error((error as Error).message)
  process.exit(1)
})
