import assert from 'node:assert/strict'
import type {
  Connection,
  GroupOptions,
  Isolation,
  Membership,
  Outgoing,
  OutgoingBatch,
  Producer,
  ProducerOptions,
  Reader,
  ReaderOptions,
  Start,
  TopicPartition,
  TopicSpec,
} from '../../transport/transport.js'
import type { TransportHarness } from './harness.js'
import { outgoing, Reading } from './messages.js'
import { Seat } from './seat.js'

/** One law of the contract. */
export interface ContractTest {
  readonly name: string
  /** Only where the harness can do this. */
  readonly needs?: 'compact'
  readonly run: (scene: Scene) => Promise<void>
}

/** What a contract test works with: connections, topics with names of their own, and waiting that ends. */
export class Scene {
  readonly #harness: TransportHarness
  readonly #connections: Connection[] = []
  readonly #readers = new Map<Isolation, Reader>()
  readonly #readerErrors: Error[] = []
  #shared!: Connection

  static async open(harness: TransportHarness): Promise<Scene> {
    const scene = new Scene(harness)
    scene.#shared = await scene.connect()
    return scene
  }

  private constructor(harness: TransportHarness) {
    this.#harness = harness
  }

  /** The connection of whatever names no other. */
  get shared(): Connection {
    return this.#shared
  }

  get clock(): TransportHarness['clock'] {
    return this.#harness.clock
  }

  async connect(clientId: string = this.name('client')): Promise<Connection> {
    const { transport, clock, random, log } = this.#harness
    const connection = await this.wait(transport.connect({ clientId, clock, random, log }), 'a connection')
    this.#connections.push(connection)
    return connection
  }

  /** A name that nobody has had before. */
  name(prefix: string): string {
    const digits = Array.from({ length: 12 }, () => Math.floor(this.#harness.random.next() * 36).toString(36))
    return `${prefix}-${digits.join('')}`
  }

  /** Creates a topic; it keeps its messages for ever, since tests write old timestamps. */
  async topic(spec: Partial<TopicSpec> = {}): Promise<string> {
    const name = spec.name ?? this.name('topic')
    await this.wait(this.#shared.admin.createTopics([{ partitions: 1, retentionMs: -1, ...spec, name }]), 'a topic')
    return name
  }

  producer(options: ProducerOptions = {}, connection: Connection = this.#shared): Promise<Producer> {
    return this.wait(connection.producer(options), 'a producer')
  }

  /** Reads from the reader of that isolation that the whole test shares. */
  read(at: TopicPartition, options: { start?: Start; isolation?: Isolation } = {}): Reading {
    const { start = 'earliest', isolation = 'read-committed' } = options
    const reader = this.#readers.get(isolation) ?? this.reader({ isolation })
    this.#readers.set(isolation, reader)
    return new Reading(reader, at, start)
  }

  reader(options: Partial<ReaderOptions> = {}): Reader {
    const onError = (error: Error): void => void this.#readerErrors.push(error)
    return this.#shared.reader({ isolation: 'read-committed', onError, ...options })
  }

  /** Appends and waits until everything is stored. */
  async store(producer: Producer, at: TopicPartition, values: readonly Outgoing['value'][]): Promise<void> {
    const batches = values.map(value => producer.append(outgoing(at, value)))
    await this.flush(producer)
    for (const batch of new Set<OutgoingBatch>(batches)) assert.equal(batch.error, null)
  }

  /** Appends until the producer is full; returns how many messages that took. */
  fill(producer: Producer, at: TopicPartition): number {
    const value = Buffer.alloc(10_000)
    let count = 0
    for (; !producer.isFull; count++) {
      assert.ok(count < 20_000, 'the producer takes 200 MB without being full')
      producer.append(outgoing(at, value))
    }
    return count
  }

  flush(producer: Producer): Promise<void> {
    return this.wait(producer.flush(), 'a flush')
  }

  /** Waits until everything that a reader should have got by now would be there: it has read what was written last. */
  async quiet(isolation: Isolation = 'read-committed'): Promise<void> {
    const at = { topic: await this.topic(), partition: 0 }
    const last = this.read(at, { isolation })
    await this.store(await this.producer(), at, ['last'])
    await this.until(() => last.count === 1, 'what was written last')
  }

  async endOffset(at: TopicPartition, isolation: Isolation = 'read-committed'): Promise<number> {
    const [end] = await this.wait(this.#shared.admin.endOffsets([at], isolation), 'an end offset')
    assert.ok(end !== undefined, `no end offset of ${at.topic}`)
    return end.offset
  }

  async seat(groupId: string, options: Partial<GroupOptions> & { connection?: Connection } = {}): Promise<Seat> {
    const { connection = await this.connect(), ...rest } = options
    return new Seat(connection, { groupId, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000, ...rest })
  }

  /** Everybody joins, as often as it takes, until all are of one generation. */
  async agree(...seats: readonly Seat[]): Promise<void> {
    for (const seat of seats) seat.start()
    await this.agreed(...seats)
  }

  async agreed(...seats: readonly Seat[]): Promise<void> {
    await this.until(() => Seat.agree(seats), `${seats.length} members in one generation`)
  }

  /** Commits an offset of a topic made for it, as a member that may. */
  async commit(seat: Seat, membership: Membership = seat.current): Promise<void> {
    const at = { topic: await this.topic(), partition: 0, offset: 0 }
    await this.wait(seat.group.commit([at], membership), 'a commit')
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.#harness.until(condition, what)
  }

  /** Waits for a promise, not for ever. */
  async wait<T>(promise: Promise<T>, what: string = 'an answer'): Promise<T> {
    let isSettled = false
    const settle = (): void => void (isSettled = true)
    promise.then(settle, settle)
    await this.until(() => isSettled, what)
    return await promise
  }

  /** Waits for a rejection with this code. */
  async refused(promise: Promise<unknown>, code: string): Promise<Error> {
    const error = await this.wait(promise).then(() => assert.fail(`resolved; expected ${code}`), expectCode(code))
    return error
  }

  compact(topic: string): Promise<void> {
    return this.#harness.compact?.(topic) ?? Promise.resolve()
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await this.wait(connection.close(), 'the end of a connection')
    await this.#harness.close()
    assert.deepEqual(this.#readerErrors, [])
  }
}

/** Checks what was caught: an error of the library with this code. */
export function expectCode(code: string): (error: unknown) => Error {
  return error => {
    assert.ok(error instanceof Error, `expected an error with the code ${code}, got ${String(error)}`)
    assert.equal((error as Error & { code?: unknown }).code, code, error.stack ?? error.message)
    return error
  }
}

/** Checks that a call throws at once, with this code. */
export function throwsCode(code: string, call: () => unknown): Error {
  let thrown: unknown
  try {
    call()
  } catch (error) {
    thrown = error
  }
  return expectCode(code)(thrown)
}
