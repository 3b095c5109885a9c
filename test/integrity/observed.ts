import { SendError, type Transport } from 'faust-ts'
import type {
  Connection,
  ConnectionContext,
  Group,
  GroupOptions,
  Outgoing,
  OutgoingBatch,
  PartitionOffset,
  Producer,
  Reader,
  ReaderOptions,
} from '../../src/transport/transport.js'

/** A message that the broker has acknowledged. */
export interface Stored {
  readonly offset: number
  readonly value: string
}

/** What a broker has been asked, as a bystander on the wire sees it. */
export interface Broker {
  readonly transport: Transport
  /** Client ids, in the order of their connections. */
  readonly connected: readonly string[]
  /** Who has opened a member's end of a group. */
  readonly groups: readonly string[]
  /** Messages delivered to readers, by partition. */
  readonly delivered: ReadonlyMap<string, number>
  /** Acknowledged messages of a topic, by partition, in offset order. */
  stored(topic: string): readonly (readonly Stored[])[]
  /** What has been committed, as far as the broker has said so: next offsets by partition. */
  readonly committed: ReadonlyMap<string, number>
  /** Says which messages the broker finally fails to store, in a batch of their own. */
  loses: (clientId: string, message: Outgoing) => boolean
  /** Called when a message has been acknowledged. */
  onStored: (topic: string, message: Stored) => void
  /** Called when a commit is asked for, before the broker knows. */
  onCommit: (clientId: string, offsets: readonly PartitionOffset[]) => void
  /** Called when a commit has been acknowledged. */
  onCommitted: (clientId: string, offsets: readonly PartitionOffset[]) => void
  /** Called with where a member will start to read. */
  onResume: (clientId: string, offsets: readonly PartitionOffset[]) => void
}

/** Wraps a transport so that a test can see what goes over the wire. */
export function observed(transport: Transport): Broker {
  return new Bystander(transport)
}

/** A partition as the key of a map. */
export function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}[${partition}]`
}

class Bystander implements Broker {
  readonly transport: Transport
  readonly connected: string[] = []
  readonly groups: string[] = []
  readonly delivered = new Map<string, number>()
  readonly committed = new Map<string, number>()
  readonly #stored = new Map<string, Stored[][]>()
  loses: Broker['loses'] = () => false
  onStored: Broker['onStored'] = () => undefined
  onCommit: Broker['onCommit'] = () => undefined
  onCommitted: Broker['onCommitted'] = () => undefined
  onResume: Broker['onResume'] = () => undefined

  constructor(inner: Transport) {
    this.transport = { ...inner, connect: context => this.#connect(inner, context) }
  }

  stored(topic: string): readonly (readonly Stored[])[] {
    return (this.#stored.get(topic) ?? []).map(messages => messages.toSorted((left, right) => left.offset - right.offset))
  }

  async #connect(inner: Transport, context: ConnectionContext): Promise<Connection> {
    const { clientId } = context
    this.connected.push(clientId)
    const connection = await inner.connect(context)
    return {
      admin: connection.admin,
      reader: options => this.#reader(connection, options),
      producer: async options => this.#producer(await connection.producer(options), context),
      group: options => this.#group(connection, options, clientId),
      close: () => connection.close(),
    }
  }

  #reader(connection: Connection, options: ReaderOptions): Reader {
    const reader = connection.reader(options)
    return {
      add: (at, start, deliver) =>
        reader.add(at, start, batch => {
          this.delivered.set(placeOf(at), (this.delivered.get(placeOf(at)) ?? 0) + batch.count)
          return deliver(batch)
        }),
      remove: at => reader.remove(at),
      resume: at => reader.resume(at),
      position: at => reader.position(at),
      highWatermark: at => reader.highWatermark(at),
      close: () => reader.close(),
    }
  }

  #producer(producer: Producer, context: ConnectionContext): Producer {
    const lost = new Set<LostBatch>()
    const lose = (message: Outgoing): LostBatch => {
      const batch = new LostBatch(message, context)
      lost.add(batch)
      batch.onSettled(() => lost.delete(batch))
      return batch
    }
    return {
      get maxMessageBytes() {
        return producer.maxMessageBytes
      },
      get isFull() {
        return producer.isFull
      },
      append: message => (this.loses(context.clientId, message) ? lose(message) : this.#append(producer, message)),
      drained: () => producer.drained(),
      flush: async () => {
        await producer.flush()
        await Promise.all(Array.from(lost, batch => new Promise<void>(resolve => batch.onSettled(resolve))))
      },
      begin: () => producer.begin(),
      commit: (offsets, membership) => producer.commit(offsets, membership),
      abort: () => producer.abort(),
      close: () => producer.close(),
    }
  }

  #append(producer: Producer, message: Outgoing): OutgoingBatch {
    const { topic, partition } = message
    const value = String(message.value)
    const batch = producer.append(message)
    const index = batch.count - 1
    batch.onSettled(() => {
      if (batch.error !== null) return
      const partitions = this.#stored.get(topic) ?? []
      this.#stored.set(topic, partitions)
      for (let at = partitions.length; at <= partition; at++) partitions.push([])
      const message = { offset: batch.baseOffset + index, value }
      partitions[partition]?.push(message)
      this.onStored(topic, message)
    })
    return batch
  }

  #group(connection: Connection, options: GroupOptions, clientId: string): Group {
    this.groups.push(clientId)
    const group = connection.group(options)
    return {
      join: round => group.join(round),
      leave: () => group.leave(),
      committed: async partitions => {
        const offsets = await group.committed(partitions)
        this.onResume(
          clientId,
          partitions.map(at => ({ ...at, offset: offsets.find(found => placeOf(found) === placeOf(at))?.offset ?? 0 })),
        )
        return offsets
      },
      commit: async (offsets, membership) => {
        this.onCommit(clientId, offsets)
        await group.commit(offsets, membership)
        for (const at of offsets) this.committed.set(placeOf(at), at.offset)
        this.onCommitted(clientId, offsets)
      },
    }
  }
}

/** A batch of one that is not stored, as its producer learns a little later. */
class LostBatch implements OutgoingBatch {
  readonly topic: string
  readonly partition: number
  readonly count = 1
  readonly baseOffset = -1
  isSettled = false
  error: Error | null = null
  readonly #waiting: (() => void)[] = []

  constructor({ topic, partition }: Outgoing, { clock }: ConnectionContext) {
    this.topic = topic
    this.partition = partition
    clock.turn(() => {
      this.isSettled = true
      this.error = new SendError('The disk of the broker is full.', { topic })
      for (const run of this.#waiting) run()
    })
  }

  offsetAt(): number {
    return this.baseOffset
  }

  errorAt(): Error | null {
    return this.error
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else this.#waiting.push(run)
  }
}
