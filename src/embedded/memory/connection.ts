import type {
  Admin,
  Connection,
  Group,
  GroupOptions,
  Producer,
  ProducerOptions,
  Reader,
  ReaderOptions,
} from '../../transport/transport.js'
import { BatchProducer } from '../producer.js'
import { MemoryAdmin } from './admin.js'
import { MemoryCourier } from './courier.js'
import { MemoryGroup } from './group.js'
import type { Link } from './link.js'
import { MemoryReader } from './reader.js'
import type { BrokerState } from './state.js'

/** One connection to a memory broker. */
export class MemoryConnection implements Connection {
  readonly admin: Admin
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #onClosed: () => void
  #closing: Promise<void> | null = null

  constructor(link: Link, broker: BrokerState, onClosed: () => void) {
    this.#link = link
    this.#broker = broker
    this.#onClosed = onClosed
    this.admin = new MemoryAdmin(link, broker)
  }

  reader(options: ReaderOptions): Reader {
    if (this.#link.isEnded) throw this.#link.refusal('open a reader')
    return new MemoryReader(this.#link, this.#broker, options)
  }

  producer(options: ProducerOptions): Promise<Producer> {
    return this.#link.call({ what: 'open a producer' }, answer =>
      answer.resolve(new BatchProducer(this.#link, new MemoryCourier(this.#link, this.#broker, options))),
    )
  }

  group(options: GroupOptions): Group {
    if (this.#link.isEnded) throw this.#link.refusal(`open the group "${options.groupId}"`)
    return new MemoryGroup(this.#link, this.#broker, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#link.close().then(this.#onClosed)
    return this.#closing
  }
}
