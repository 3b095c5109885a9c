import type {
  Connection,
  ConnectionContext,
  Outgoing,
  OutgoingBatch,
  Producer,
  ProducerOptions,
  Transport,
} from '../transport/transport.js'

/** A message as it was handed to the broker. */
interface Recorded {
  readonly value: Uint8Array | null
  readonly batch: OutgoingBatch
}

/** Everything that is written through a transport, in order of arrival. */
export interface Recording {
  readonly transport: Transport
  /** What the broker has taken of a topic. */
  of(topic: string): readonly Recorded[]
}

export function recording(transport: Transport): Recording {
  const written = new Map<string, Recorded[]>()
  const record = (topic: string, message: Recorded): void => {
    const messages = written.get(topic) ?? []
    messages.push(message)
    written.set(topic, messages)
  }
  return {
    transport: { kind: transport.kind, place: transport.place, connect: context => connect(transport, context, record) },
    of: topic => (written.get(topic) ?? []).filter(({ batch }) => batch.isSettled && batch.error === null),
  }
}

type Record = (topic: string, message: Recorded) => void

async function connect(transport: Transport, context: ConnectionContext, record: Record): Promise<Connection> {
  const connection = await transport.connect(context)
  return {
    admin: connection.admin,
    reader: options => connection.reader(options),
    group: options => connection.group(options),
    producer: async (options: ProducerOptions) => recorded(await connection.producer(options), record),
    close: () => connection.close(),
  }
}

function recorded(producer: Producer, record: Record): Producer {
  return {
    get maxMessageBytes() {
      return producer.maxMessageBytes
    },
    get isFull() {
      return producer.isFull
    },
    append(message: Outgoing) {
      const batch = producer.append(message)
      const { topic, value } = message
      record(topic, { value: value === null ? null : Buffer.from(value), batch })
      return batch
    },
    drained: () => producer.drained(),
    flush: () => producer.flush(),
    begin: () => producer.begin(),
    commit: (offsets, membership) => producer.commit(offsets, membership),
    abort: () => producer.abort(),
    close: () => producer.close(),
  }
}
