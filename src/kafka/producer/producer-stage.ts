// What tests of the producer act on: a fake cluster with partitions, and a producer for it, in virtual time.
import { silentLogger } from '../../lib/log.js'
import { seededRandom, type Random } from '../../lib/random.js'
import type { OutgoingBatch, ProducerOptions, TopicPartition } from '../../transport/transport.js'
import { Cluster } from '../cluster/cluster.js'
import { noCompression } from '../records/fake-batch.js'
import { FakeLogs, type SteppedClock } from '../cluster/fake-logs.js'
import { FakeCluster } from '../cluster/fake-wire.js'
import type { Link } from '../link.js'
import { produce, type ProduceArgs } from '../wire/produce.js'
import { KafkaProducer } from './producer.js'

/** Two brokers, and "orders" with three partitions, of which broker 2 leads the second. */
export class ProducerStage {
  readonly clock: SteppedClock
  readonly fake: FakeCluster = new FakeCluster([1, 2])
  readonly logs: FakeLogs
  #link!: Link
  #producers: KafkaProducer[] = []

  static async open(clock: SteppedClock, random: Random = seededRandom(3)): Promise<ProducerStage> {
    const stage = new ProducerStage(clock)
    const { fake } = stage
    fake.setTopic('orders', [1, 2, 1])
    const context = { clientId: 'test', clock, random, log: silentLogger }
    const options = { endpoints: [{ host: 'b1', port: 9092 }], place: 'kafka://b1', security: { tls: null, sasl: null } }
    const cluster = await Cluster.open({ ...options, context, openWire: fake.open })
    stage.#link = { context, cluster, compression: noCompression }
    await cluster.topics(['orders'])
    return stage
  }

  private constructor(clock: SteppedClock) {
    this.clock = clock
    this.logs = new FakeLogs(this.fake, clock)
  }

  async producer(options: ProducerOptions = {}): Promise<KafkaProducer> {
    const producer = await this.settle(KafkaProducer.open(this.#link, options))
    this.#producers.push(producer)
    return producer
  }

  refresh(): Promise<void> {
    return this.#link.cluster.refresh()
  }

  get produced(): ProduceArgs[] {
    return this.requests(produce.name) as ProduceArgs[]
  }

  /** The arguments of the requests of this kind. */
  requests(name: string): unknown[] {
    return this.fake.requests.filter(request => request.name === name).map(({ args }) => args)
  }

  /** Lets time pass, and whatever happens in it happen. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; ; left -= 10) {
      for (let turns = 0; turns < 4; turns++) await this.clock.advance(0)
      if (left <= 0) return
      await this.clock.advance(Math.min(10, left))
    }
  }

  /** Lets time pass until the promise is settled, five minutes of it at most. */
  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false
    const settled = (): void => void (isSettled = true)
    promise.then(settled, settled)
    for (let steps = 0; !isSettled && steps < 30_000; steps++) await this.clock.advance(10)
    return await promise
  }

  async close(): Promise<void> {
    await this.settle(Promise.all(this.#producers.map(producer => producer.close())))
    this.#link.cluster.close()
  }
}

/** Appends a message without a key. */
export function send(producer: KafkaProducer, at: TopicPartition, value: string | Uint8Array): OutgoingBatch {
  return producer.append({ ...at, timestamp: 1_700_000_000_000, key: null, keyStart: 0, keyEnd: 0, value, headers: null })
}
