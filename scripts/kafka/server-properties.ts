/** Settings of a broker, as its properties file has them. */
export type Properties = Readonly<Record<string, string>>

/** One Kafka server: broker and controller in one. */
export interface NodeLayout {
  readonly id: number
  /** Holds its properties, its log and its messages. */
  readonly folder: string
  readonly controllerPort: number
  /** A port for every listener of the layout. */
  readonly ports: Readonly<Record<string, number>>
}

/** Nodes that form one cluster. */
export interface ClusterLayout {
  readonly nodes: readonly NodeLayout[]
  /** Name of each listener to its protocol. `PLAINTEXT` must be there: the nodes talk over it. */
  readonly listeners: Readonly<Record<string, Protocol>>
  /** Settings on top of the usual ones. */
  readonly properties: Properties
}

export type Protocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

/** What is written into the properties file of one node. */
export function serverProperties({ nodes, listeners, properties }: ClusterLayout, node: NodeLayout): Properties {
  const addresses = Object.keys(listeners).map(name => `${name}://127.0.0.1:${node.ports[name]}`)
  const protocols = Object.entries(listeners).map(([name, protocol]) => `${name}:${protocol}`)
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'log.dirs': `${node.folder}/messages`,
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: [...addresses, `CONTROLLER://127.0.0.1:${node.controllerPort}`].join(','),
    'advertised.listeners': addresses.join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...protocols].join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    // The usual 128 MB are half of a small heap.
    'log.cleaner.dedupe.buffer.size': '4194304',
    ...replication(Math.min(nodes.length, 3)),
    ...properties,
  }
}

/** Three copies where there are three nodes, and one of them may be missing. */
function replication(replicas: number): Properties {
  const copies = String(replicas)
  const inSync = String(Math.max(1, replicas - 1))
  return {
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
  }
}

/** The text of a properties file. */
export const propertiesText = (properties: Properties): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
