import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Broker } from './broker.js'
import type { Distribution } from './distribution.js'
import { javaCommand, runJava } from './java.js'
import type { Keeper } from './keeper.js'
import { readMetadata } from './metadata.js'
import { propertiesText, serverProperties, type ClusterLayout, type NodeLayout } from './server-properties.js'

export interface ClusterOptions {
  readonly distribution: Distribution
  readonly layout: ClusterLayout
  readonly keeper: Keeper
  /** Flags of each node's JVM, its heap among them. */
  readonly jvm: readonly string[]
  /** Users for SCRAM, by name; they are added when the cluster is made. */
  readonly passwords?: Readonly<Record<string, string>>
}

const logging = fileURLToPath(new URL('log4j2.yaml', import.meta.url))
const readyLimitMs = 90_000

/** Kafka nodes that form a cluster, each a program of its own. */
export class Cluster implements AsyncDisposable {
  readonly brokers: readonly Broker[]
  readonly #options: ClusterOptions

  constructor(options: ClusterOptions) {
    const { layout, distribution, keeper, jvm } = options
    this.#options = options
    this.brokers = layout.nodes.map(node => {
      const java = javaCommand(distribution, [...jvm, `-Dlog4j2.configurationFile=${logging}`], node.folder)
      return new Broker(node, { keeper, command: [...java, 'kafka.Kafka', propertiesFile(node)] })
    })
  }

  /** Holds a folder per node. */
  get folder(): string {
    return this.#options.keeper.folder
  }

  /** Where clients begin: `host:port,…` of a listener, the plain one unless named. */
  bootstrap(listener = 'PLAINTEXT'): string {
    return this.brokers.map(broker => broker.address(listener)).join(',')
  }

  /** `host:port` of one node. */
  address(id: number, listener = 'PLAINTEXT'): string {
    return this.broker(id).address(listener)
  }

  /** Starts one node, or all, and waits until the cluster is ready. Messages of an earlier run are still there. */
  async start(id?: number): Promise<void> {
    const started = this.#chosen(id)
    await Promise.all(started.map(({ node }) => this.#prepare(node)))
    for (const broker of started) broker.start()
    await this.ready(started)
  }

  /** Stops one node, or all, in good order; one that takes longer than ten seconds is killed. */
  async stop(id?: number): Promise<void> {
    await Promise.all(this.#chosen(id).map(broker => broker.stop()))
  }

  /** Stops a node and starts it again. */
  async bounce(id: number): Promise<void> {
    await this.stop(id)
    await this.start(id)
  }

  /** SIGKILL; resolves when the node is gone. `start` brings it back. */
  async kill(id: number): Promise<void> {
    await this.broker(id).kill()
  }

  /** Stops a node's time: its connections stay open and take bytes, nothing is answered. */
  freeze(id: number): void {
    this.broker(id).freeze()
  }

  thaw(id: number): void {
    this.broker(id).thaw()
  }

  /** Waits until every node that is awake answers and knows of all the others. Throws when one of `expected` ends meanwhile. */
  async ready(expected: readonly Broker[] = []): Promise<void> {
    const deadline = Date.now() + readyLimitMs
    while (!(await this.#isReady())) {
      const dead = expected.find(({ pid }) => pid === undefined)
      if (dead) throw new Error(`Kafka node ${dead.id} has ended:\n${dead.lastWords()}`)
      if (Date.now() > deadline) throw new Error(`Kafka is not ready after ${readyLimitMs / 1000} s.`)
      await sleep(50)
    }
  }

  /** Kills every node and removes what is temporary. */
  async close(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.kill()))
    await this.#options.keeper.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Throws when there is no such node. */
  broker(id: number): Broker {
    const found = this.brokers.find(broker => broker.id === id)
    if (!found) throw new Error(`There is no Kafka node ${id}.`)
    return found
  }

  async #isReady(): Promise<boolean> {
    const awake = this.brokers.filter(({ isAwake }) => isAwake)
    const views = await Promise.all(awake.map(nodesSeenBy))
    return awake.length > 0 && views.every(nodes => awake.every(({ id }) => nodes.includes(id)))
  }

  #chosen(id: number | undefined): readonly Broker[] {
    return id === undefined ? this.brokers : [this.broker(id)]
  }

  /** Writes the node's properties and, the first time, its empty log. */
  async #prepare(node: NodeLayout): Promise<void> {
    const { layout, distribution, passwords = {} } = this.#options
    mkdirSync(node.folder, { recursive: true })
    writeFileSync(propertiesFile(node), propertiesText(serverProperties(layout, node)))
    if (existsSync(join(node.folder, 'messages', 'meta.properties'))) return
    const users = Object.entries(passwords).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(kind => ['--add-scram', `${kind}=[name=${name},password=${password}]`]),
    )
    const words = ['-t', clusterId(this.folder), '-c', propertiesFile(node)]
    await runJava(distribution, ['kafka.tools.StorageTool', 'format', ...words, ...users])
  }
}

const propertiesFile = ({ folder }: NodeLayout): string => join(folder, 'server.properties')

function nodesSeenBy(broker: Broker): Promise<readonly number[]> {
  return readMetadata(broker.address()).then(
    ({ nodes }) => nodes,
    () => [],
  )
}

/** One id for all nodes of a cluster, kept beside them. */
function clusterId(folder: string): string {
  const file = join(folder, 'cluster-id')
  // Kafka takes an id with a dash in front for an option.
  if (!existsSync(file)) writeFileSync(file, `F${randomBytes(16).toString('base64url').slice(1)}`)
  return readFileSync(file, 'utf8')
}
