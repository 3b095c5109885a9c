// What tests of the reader act on: a fake cluster with partitions, and a reader of it, in virtual time.
import { seededRandom } from '../../lib/random.js'
import type { Batch, Isolation, Start, TopicPartition } from '../../transport/transport.js'
import { Cluster } from '../cluster/cluster.js'
import { noCompression } from '../records/fake-batch.js'
import { FakeLogs, type SteppedClock } from '../cluster/fake-logs.js'
import { FakeCluster } from '../cluster/fake-wire.js'
import { fetch, type FetchArgs } from '../wire/fetch.js'
import { KafkaReader } from './reader.js'

/** Two brokers, and "orders" with four partitions, of which broker 2 leads the second. */
export class ReaderStage {
  readonly clock: SteppedClock
  readonly fake: FakeCluster = new FakeCluster([1, 2])
  readonly logs: FakeLogs
  readonly logged: string[] = []
  readonly errors: string[] = []
  /** Positions of which the reader has said that it has passed there. */
  readonly passed: (number | undefined)[] = []
  /** Partitions, in the order of their batches. */
  readonly order: number[] = []
  cluster!: Cluster
  reader!: KafkaReader

  static async open(clock: SteppedClock, isolation: Isolation = 'read-committed'): Promise<ReaderStage> {
    const stage = new ReaderStage(clock)
    const { fake, logged, errors, passed } = stage
    fake.setTopic('orders', [1, 2, 1, 1])
    const say = (_: object, message: string): void => void logged.push(message)
    const log = { debug: () => undefined, info: say, warn: say, error: say, child: () => log }
    const context = { clientId: 'test', clock, random: seededRandom(3), log }
    const options = { endpoints: [{ host: 'b1', port: 9092 }], place: 'kafka://b1', security: { tls: null, sasl: null } }
    stage.cluster = await Cluster.open({ ...options, context, openWire: fake.open })
    stage.reader = new KafkaReader(
      { context, cluster: stage.cluster, compression: noCompression },
      {
        isolation,
        onError: (error, at) => void errors.push(`${at.topic}[${at.partition}] ${error.name}: ${error.message}`),
        onPassed: at => void passed.push(stage.reader.position(at)),
      },
    )
    return stage
  }

  private constructor(clock: SteppedClock) {
    this.clock = clock
    this.logs = new FakeLogs(this.fake, clock)
  }

  read(at: TopicPartition, start: Start = 0): Reading {
    return new Reading(this, at, start)
  }

  get fetches(): FetchArgs[] {
    return this.fake.requests.filter(({ name }) => name === fetch.name).map(({ args }) => args as FetchArgs)
  }

  /** Lets time pass, and whatever happens in it happen. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; ; left -= 10) {
      for (let turns = 0; turns < 8; turns++) await this.clock.advance(0)
      if (left <= 0) return
      await this.clock.advance(Math.min(10, left))
    }
  }

  async close(): Promise<void> {
    await this.reader.close()
    this.cluster.close()
  }
}

/** What a partition delivers. */
export class Reading {
  readonly values: string[] = []
  wantsMore = true
  /** Called from within `deliver`. */
  delivered: () => void = () => undefined

  constructor({ reader, order }: ReaderStage, at: TopicPartition, start: Start) {
    reader.add(at, start, batch => {
      order.push(at.partition)
      this.values.push(...valuesOf(batch))
      this.delivered()
      return this.wantsMore
    })
  }
}

/** The partitions that a fetch asks for, in their order. */
export function asked({ topics }: FetchArgs): number[] {
  return topics.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
}

function valuesOf({ buffer, valueStarts, valueEnds }: Batch): string[] {
  return Array.from(valueStarts, (start, index) => buffer.toString('utf8', start, valueEnds[index]))
}
