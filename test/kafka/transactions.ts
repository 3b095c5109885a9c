import { expect } from 'vitest'
import { kafkaVersion } from '../../scripts/kafka/distribution.js'
import type { KafkaProducer } from '../../src/kafka/producer/producer.js'
import { seededRandom } from '../../src/lib/random.js'
import { eventually } from './steering.js'
import { numbers, Reading, send, store, Traffic } from './traffic.js'

/** The versions of the protocol that there are: the second came with Kafka 4. */
export const transactionVersions: readonly number[] = kafkaVersion.startsWith('3.') ? [1] : [1, 2]

/** Transactions one after the other until `stop`, some of them aborted; what was committed, by partition. */
export class Transactions {
  readonly committed: string[][]
  #count = 0
  readonly #done: Promise<void>
  #isStopped = false

  constructor(producer: KafkaProducer, topic: string, partitions: number) {
    this.committed = Array.from({ length: partitions }, () => [])
    this.#done = this.#run(producer, topic)
  }

  /** Resolves when ten more have ended: however long a cluster takes to elect its leaders, it goes on by itself. */
  async goOn(): Promise<void> {
    const enough = this.#count + 10
    await eventually(`end of transaction ${enough}`, () => Promise.resolve(this.#count >= enough))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  async #run(producer: KafkaProducer, topic: string): Promise<void> {
    const random = seededRandom(5)
    for (; !this.#isStopped; this.#count++) {
      await producer.begin()
      const values = this.committed.map((_, partition) =>
        random.next() < 0.3
          ? []
          : numbers(1 + Math.floor(random.next() * 5)).map(index => `${this.#count}.${partition}.${index}`),
      )
      for (const [partition, own] of values.entries()) for (const value of own) send(producer, { topic, partition }, value)
      if (random.next() < 0.5) await producer.flush()
      if (random.next() < 0.3) await producer.abort()
      else {
        await producer.commit([], null)
        for (const [partition, own] of values.entries()) this.committed[partition]!.push(...own)
      }
    }
  }

  /** What was committed is seen once, in order, and nothing else. */
  async expectSeen(brokers: string, topic: string): Promise<void> {
    const traffic = await Traffic.open(brokers)
    const reader = traffic.reader()
    const last = await traffic.producer()
    for (const [partition, expected] of this.committed.entries()) {
      const reading = new Reading(reader, { topic, partition })
      await store(last, { topic, partition }, ['last'])
      await eventually('the last message', () => Promise.resolve(reading.values.at(-1) === 'last'))
      expect(reading.values.slice(0, -1)).toEqual(expected)
    }
    expect(traffic.errors).toEqual([])
  }
}
