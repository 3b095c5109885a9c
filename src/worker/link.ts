import { ClosedError, TransportError } from '../errors.js'
import { waitAtMost, type Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { uuid, type Random } from '../lib/random.js'
import { thrown } from '../lib/thrown.js'
import { keyHash } from '../message/partitioner.js'
import { deadLetterSuffix } from '../channel/dead-letters.js'
import { Outbox } from '../channel/outbox.js'
import { Replies } from '../agent/replies.js'
import type { Batch, Connection, Producer, Reader, TopicDescription, TopicSpec, Transport } from '../transport/transport.js'

export interface LinkOptions {
  readonly appId: string
  readonly transport: Transport
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  /** Whether chance says where the partitions of a topic begin to take turns; else they begin at 0. */
  readonly beginsAnywhere: boolean
  readonly log: Logger
  /** What a topic should be like where it is missing; `null` for a name that the app does not declare. */
  readonly specFor: (topic: string) => TopicSpec | null
  readonly partitions: number
  readonly onHopeless: (error: Error) => void
  readonly onUndelivered: (error: Error) => void
}

const replyPrefix = 'f-reply-'
const dayMs = 86_400_000

/** What a worker or a client has of the broker: one connection, one producer, the replies it waits for. */
export class Link {
  readonly outbox: Outbox
  readonly replies: Replies
  readonly #options: LinkOptions
  #opening: Promise<Connection> | null = null
  #producer: Producer | null = null
  #replyReader: Reader | null = null
  #stopWatching: () => void = () => undefined
  #isClosed = false

  constructor(options: LinkOptions) {
    const { appId, clock, random, transport } = options
    this.#options = options
    const { beginsAnywhere, onHopeless, onUndelivered } = options
    const turns = beginsAnywhere ? { random } : {}
    this.outbox = new Outbox({ clock, ...turns, prepare: topic => this.#prepare(topic), onHopeless, onUndelivered }, keyHash)
    this.replies = new Replies({
      clock,
      address: `${replyPrefix}${appId}-${uuid(random)}`,
      place: transport.place,
      listen: (deliver, ended) => this.#listen(deliver, ended),
    })
  }

  /** The connection; opened when first asked for. Throws `TransportError`. */
  connection(): Promise<Connection> {
    if (this.#isClosed)
      return Promise.reject(new ClosedError('The app has been stopped: start it again, or ask from another one.'))
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Creates those of the topics that are missing. What exists is not changed: it is returned as it is. */
  async createMissing(specs: readonly TopicSpec[]): Promise<readonly TopicDescription[]> {
    if (specs.length === 0) return []
    const { admin } = await this.connection()
    const existing = await admin.topics(specs.map(({ name }) => name))
    const names = new Set(existing.map(({ name }) => name))
    const missing = specs.filter(({ name }) => !names.has(name))
    if (missing.length > 0) await admin.createTopics(missing)
    return existing
  }

  /** Sends what is still to be sent, for as long as `patienceMs` if that is given, then closes. What waits for a reply rejects. */
  async close(patienceMs: number | null = null): Promise<void> {
    if (this.#isClosed) return
    const { clock, log } = this.#options
    // First: an answer that comes meanwhile would find nobody, and a request would wait for none.
    this.replies.close()
    const sent = this.outbox.flush()
    if (patienceMs === null) await sent
    else if (!(await waitAtMost(clock, patienceMs, sent)))
      log.warn({}, 'The broker does not answer: messages that are still on their way are given up')
    this.#isClosed = true
    this.#stopWatching()
    this.outbox.close()
    const connection = await this.#opening?.catch(() => null)
    if (connection === null || connection === undefined) return
    await this.#replyReader?.close()
    if (this.replies.isReady) await this.#deleteReplies(connection)
    await this.#producer?.close()
    await connection.close()
  }

  /** A broker that is away costs a topic that `faust reset` finds; a right that is missing would cost one each time. */
  async #deleteReplies({ admin }: Connection): Promise<void> {
    const topic = this.replies.address
    try {
      await admin.deleteTopics([topic])
    } catch (error) {
      const { log } = this.#options
      if (isLasting(error)) log.warn({ topic, error }, `The reply topic "${topic}" is left behind: ${thrown(error).message}`)
    }
  }

  async #open(): Promise<Connection> {
    const { transport, clientId, clock, random, log } = this.#options
    try {
      const connection = await transport.connect({ clientId, clock, random, log })
      this.#producer = await connection.producer({}).catch((error: unknown) => closeAfter(connection, error))
      this.outbox.open(this.#producer)
      this.#stopWatching = connection.admin.watchTopics(() => void this.#topicsChanged(connection))
      return connection
    } catch (error) {
      this.#opening = null
      throw error
    }
  }

  /** Topics that gained partitions or are gone are looked at again before the next message to them. */
  async #topicsChanged({ admin }: Connection): Promise<void> {
    const known = this.outbox.topics
    const found = await admin.topics([...known.keys()]).catch(() => null)
    if (found === null) return
    const counts = new Map(found.map(({ name, partitions }) => [name, partitions]))
    for (const [topic, partitions] of known) if (counts.get(topic) !== partitions) this.outbox.forget(topic)
  }

  /** Makes sure that a topic exists before the first message to it. */
  async #prepare(topic: string): Promise<number> {
    const { admin } = await this.connection()
    const [known] = await admin.topics([topic])
    if (known !== undefined) return known.partitions
    if (topic.startsWith(replyPrefix))
      throw new TransportError(`The reply topic "${topic}" is gone: nobody waits for the answer.`)
    await admin.createTopics([await this.#specFor(topic)])
    const [created] = await admin.topics([topic])
    if (created !== undefined) return created.partitions
    throw new TransportError(`The topic "${topic}" was created and is not there. Check the broker's log.`, { retriable: true })
  }

  async #specFor(topic: string): Promise<TopicSpec> {
    const declared = this.#options.specFor(topic)
    if (declared !== null) return declared
    const { admin } = await this.connection()
    const source = topic.endsWith(deadLetterSuffix) ? topic.slice(0, -deadLetterSuffix.length) : null
    const [like] = source === null ? [] : await admin.topics([source])
    return { name: topic, partitions: like?.partitions ?? this.#options.partitions }
  }

  async #listen(deliver: (batch: Batch) => void, ended: () => void): Promise<void> {
    const connection = await this.connection()
    const topic = this.replies.address
    await connection.admin.createTopics([{ name: topic, partitions: 1, retentionMs: dayMs }])
    const onError = (error: Error): void => {
      this.#options.log.warn({ error, topic }, 'Replies cannot be read any more: the next ask makes the topic anew')
      void reader.close()
      ended()
    }
    const reader = connection.reader({ isolation: 'read-uncommitted', onError })
    this.#replyReader = reader
    reader.add({ topic, partition: 0 }, 'earliest', batch => {
      deliver(batch)
      return true
    })
  }
}

function isLasting(error: unknown): boolean {
  return error instanceof TransportError && !error.retriable
}

async function closeAfter(connection: Connection, error: unknown): Promise<never> {
  await connection.close()
  throw error
}
