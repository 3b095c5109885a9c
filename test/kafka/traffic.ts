// Messages that are sent and read while things happen to the cluster, and what must have become of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { TransportError } from '../../src/errors.js'
import { Cluster } from '../../src/kafka/cluster/cluster.js'
import type { Link } from '../../src/kafka/link.js'
import { KafkaProducer } from '../../src/kafka/producer/producer.js'
import { KafkaReader } from '../../src/kafka/reader/reader.js'
import type { Compression } from '../../src/kafka/records/compression.js'
import { readSettings } from '../../src/kafka/settings.js'
import { loadCompression, openWire, type OpenWire } from '../../src/kafka/wire.js'
import type { Logger } from '../../src/lib/log.js'
import type { Batch, Isolation, OutgoingBatch, ProducerOptions, Start, TopicPartition } from '../../src/transport/transport.js'
import { contextFor } from './driver.js'
import type { Relay } from './relay.js'
import { eventually } from './steering.js'

export interface TrafficOptions {
  readonly log?: Logger
  /** The level of features, whatever the cluster says: an older one has to work as well. */
  readonly level?: number
  /** All connections go this way, whatever addresses the cluster names. */
  readonly relay?: Relay
  /** All that we have, unless said otherwise. */
  readonly compression?: Compression
}

/** A connection of our driver whose wires can be cut. It ends with the test. */
export class Traffic {
  readonly link: Link
  readonly errors: Error[] = []
  readonly #wires: Set<() => void>

  static async open(bootstrap: string, options: TrafficOptions = {}): Promise<Traffic> {
    const wires = new Set<() => void>()
    const openCuttable: OpenWire = async (endpoint, wireOptions) => {
      const wire = await openWire(options.relay?.endpoint ?? endpoint, wireOptions)
      wires.add(() => {
        wire.destroy()
        wireOptions.onLost(new TransportError('The test has cut the connection.'))
      })
      return wire
    }
    const context = contextFor(options.log)
    const { endpoints, security, place } = readSettings({ brokers: bootstrap.split(',') })
    const opened = await Cluster.open({ endpoints, place, security, context, openWire: openCuttable })
    onTestFinished(() => opened.close())
    const cluster = options.level === undefined ? opened : atLevel(opened, options.level)
    return new Traffic({ context, cluster, compression: options.compression ?? (await loadCompression()) }, wires)
  }

  private constructor(link: Link, wires: Set<() => void>) {
    this.link = link
    this.#wires = wires
  }

  /** Cuts every connection, with whatever is on it. */
  cut(): void {
    const wires = [...this.#wires]
    this.#wires.clear()
    for (const cut of wires) cut()
  }

  async producer(options: ProducerOptions = {}): Promise<KafkaProducer> {
    const producer = await KafkaProducer.open(this.link, options)
    onTestFinished(() => producer.close())
    return producer
  }

  reader(isolation: Isolation = 'read-committed'): KafkaReader {
    const reader = new KafkaReader(this.link, { isolation, onError: error => this.errors.push(error) })
    onTestFinished(() => reader.close())
    return reader
  }
}

/** What a reader delivers of one partition. */
export class Reading {
  readonly values: string[] = []
  readonly offsets: number[] = []
  readonly batches: Batch[] = []
  wantsMore = true
  readonly #reader: KafkaReader
  readonly #at: TopicPartition

  constructor(reader: KafkaReader, at: TopicPartition, start: Start = 'earliest') {
    this.#reader = reader
    this.#at = at
    reader.add(at, start, batch => {
      this.batches.push(batch)
      this.offsets.push(...batch.offsets)
      for (const [index, from] of batch.valueStarts.entries())
        this.values.push(batch.buffer.toString('utf8', from, batch.valueEnds[index]))
      return this.wantsMore
    })
  }

  get position(): number | undefined {
    return this.#reader.position(this.#at)
  }

  async has(count: number): Promise<void> {
    await eventually(`${count} messages of "${this.#at.topic}"[${this.#at.partition}]`, () =>
      Promise.resolve(this.values.length >= count),
    )
  }
}

/** Sends numbers to partitions, each its own from 0 on, until it is told to stop. */
export class Counting {
  readonly sent: number[]
  readonly batches = new Set<OutgoingBatch>()
  readonly #done: Promise<void>
  #isStopped = false

  constructor(producer: KafkaProducer, topic: string, partitions: number) {
    this.sent = Array<number>(partitions).fill(0)
    this.#done = this.#count(producer, topic)
  }

  /** Resolves when everything sent is acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
    for (const { error } of this.batches) expect(error).toBeNull()
  }

  async #count(producer: KafkaProducer, topic: string): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      for (const partition of this.sent.keys()) {
        for (let more = turn % 7; more >= 0; more--) {
          this.batches.add(send(producer, { topic, partition }, `${this.sent[partition]}`))
          this.sent[partition]! += 1
        }
      }
      await sleep(turn % 3)
    }
    await producer.flush()
  }
}

/** Each partition has delivered everything that was counted, once and in order. */
export async function expectCounted(readings: readonly Reading[], { sent }: Counting): Promise<void> {
  for (const [partition, reading] of readings.entries()) {
    await reading.has(sent[partition]!)
    expect(reading.values).toEqual(numbers(sent[partition]!))
  }
}

export function send(producer: KafkaProducer, at: TopicPartition, value: string | Uint8Array | null): OutgoingBatch {
  return producer.append({ ...at, timestamp: Date.now(), key: null, keyStart: 0, keyEnd: 0, value, headers: null })
}

/** Sends each value and waits until all are stored. */
export async function store(producer: KafkaProducer, at: TopicPartition, values: readonly string[]): Promise<void> {
  const batches = new Set(values.map(value => send(producer, at, value)))
  await producer.flush()
  for (const { error } of batches) expect(error).toBeNull()
}

function atLevel(cluster: Cluster, level: number): Cluster {
  return new Proxy(cluster, {
    get(target, name) {
      if (name === 'level') return () => level
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** `0`, `1`, … */
export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`)
}
