// Kafka as bare as it can be used: the driver's connections, requests and record codec, and nothing else of it.
import type { Outgoing } from 'faust-ts/transport'
import type * as batches from '../../src/kafka/records/record-batch.js'
import type * as readers from '../../src/kafka/records/record-reader.js'
import type * as writers from '../../src/kafka/records/record-writer.js'
import type * as wires from '../../src/kafka/wire.js'
import type * as fetching from '../../src/kafka/wire/fetch.js'
import type * as producing from '../../src/kafka/wire/produce.js'
import { built } from './built.js'
import { partitions } from './input.js'

const { openWire, loadCompression } = await built<typeof wires>('kafka/wire.js')
const { RecordReader } = await built<typeof readers>('kafka/records/record-reader.js')
const { RecordWriter } = await built<typeof writers>('kafka/records/record-writer.js')
const { RecordBatch, bytesBeforeLength, field } = await built<typeof batches>('kafka/records/record-batch.js')
const { fetch } = await built<typeof fetching>('kafka/wire/fetch.js')
const { produce } = await built<typeof producing>('kafka/wire/produce.js')
const compression = await loadCompression()

/** Fetches a topic of one node from its beginning: the next answer travels while the last one is worked on. */
export class BareFetcher {
  readonly #wire: wires.Wire
  readonly #topicId: string
  readonly #readers: readonly readers.RecordReader[]
  readonly #offsets: number[] = Array.from({ length: partitions }, () => 0)
  #answer: Promise<fetching.FetchAnswer>

  static async open(url: string, topic: { readonly name: string; readonly id: string }): Promise<BareFetcher> {
    return new BareFetcher(await connect(url), topic)
  }

  private constructor(wire: wires.Wire, { name, id }: { readonly name: string; readonly id: string }) {
    this.#wire = wire
    this.#topicId = id
    this.#readers = Array.from(
      { length: partitions },
      (_, partition) => new RecordReader({ topic: name, partition }, 0, { compression, checksCrc: true }),
    )
    this.#answer = this.#ask()
  }

  /** The readers of what has come. */
  async next(): Promise<readonly readers.RecordReader[]> {
    const { topics } = await this.#answer
    const fetched = (topics[0]?.partitions ?? []).map(part => {
      const reader = this.#readers[part.partition]!
      check(part.errorCode)
      reader.open(part)
      this.#offsets[part.partition] = endOf(part.records, this.#offsets[part.partition]!)
      return reader
    })
    this.#answer = this.#ask()
    return fetched
  }

  close(): void {
    this.#answer.catch(() => undefined)
    this.#wire.destroy()
  }

  #ask(): Promise<fetching.FetchAnswer> {
    const own = this.#offsets.map((offset, partition) => ({ partition, offset, leaderEpoch: -1, maxBytes: 1024 * 1024 }))
    return this.#wire.request(fetch, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 8 * 1024 * 1024,
      isReadCommitted: true,
      topics: [{ topicId: this.#topicId, partitions: own }],
    })
  }
}

/** Offset behind the last whole record batch. */
function endOf(fetched: Buffer, offset: number): number {
  let next = offset
  for (let at = 0; at + field.records <= fetched.length;) {
    const end = at + bytesBeforeLength + fetched.readInt32BE(at + field.length)
    if (end > fetched.length) break
    next = new RecordBatch(fetched, at, end).nextOffset
    at = end
  }
  return next
}

/** Writes to one node, acknowledged, some requests at once. */
export class BareSender {
  readonly #wire: wires.Wire
  readonly #topic: string
  readonly #underWay: Promise<void>[] = []
  readonly #free: (readonly writers.RecordWriter[])[] = []
  #writers: readonly writers.RecordWriter[] = newWriters()

  static async open(url: string, topic: string): Promise<BareSender> {
    return new BareSender(await connect(url), topic)
  }

  private constructor(wire: wires.Wire, topic: string) {
    this.#wire = wire
    this.#topic = topic
  }

  /** Whether `room()` should be awaited first. */
  get isFull(): boolean {
    return this.#underWay.length >= mostUnderWay
  }

  append(message: Outgoing): void {
    const writer = this.#writers[message.partition]!
    writer.append(message)
    if (writer.size >= enoughBytes) this.send()
  }

  /** Sends all open batches in one request. */
  send(): void {
    const sent = this.#writers
    const parts = sent.flatMap((writer, partition) =>
      writer.count === 0 ? [] : [{ topic: this.#topic, partition, batch: writer.close(closing) }],
    )
    if (parts.length === 0) return
    this.#writers = this.#free.pop() ?? newWriters()
    const request = this.#wire.request(produce, { transactionalId: null, timeoutMs: 30_000, partitions: parts })
    const acknowledged = request.then(answer => {
      for (const { errorCode } of answer.partitions) check(errorCode)
      for (const writer of sent) writer.restart()
      this.#free.push(sent)
    })
    this.#underWay.push(acknowledged)
  }

  async room(): Promise<void> {
    while (this.isFull) await this.#underWay.shift()
  }

  async flush(): Promise<void> {
    this.send()
    while (this.#underWay.length > 0) await this.#underWay.shift()
  }

  close(): void {
    this.#wire.destroy()
  }
}

const mostUnderWay = 5
const enoughBytes = 256 * 1024
const closing = { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false, compression: 'none' } as const

function newWriters(): readonly writers.RecordWriter[] {
  return Array.from({ length: partitions }, () => new RecordWriter(compression))
}

function connect(url: string): Promise<wires.Wire> {
  const { hostname, port } = new URL(url)
  return openWire(
    { host: hostname, port: Number(port) },
    {
      clientId: 'bench',
      security: { tls: null, sasl: null },
      signal: new AbortController().signal,
      onLost: why => console.error(why),
    },
  )
}

function check(errorCode: number): void {
  if (errorCode !== 0) throw new Error(`Kafka answers with error code ${errorCode}.`)
}
