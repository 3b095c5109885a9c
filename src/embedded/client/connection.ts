import type {
  Connection,
  ConnectionContext,
  Group,
  GroupOptions,
  Producer,
  ProducerOptions,
  Reader,
  ReaderOptions,
} from '../../transport/transport.js'
import { Lifetime } from '../lifetime.js'
import { BatchProducer } from '../producer.js'
import type { Notice } from '../wire/protocol.js'
import { EmbeddedAdmin } from './admin.js'
import { BlockCourier } from './courier.js'
import { EmbeddedGroup, type Members } from './group.js'
import { type BrokerAddress, Line } from './line.js'
import { EmbeddedReader } from './reader.js'

/**
 * One connection to an embedded broker: a line for administration and groups, and one for each producer and each reader, so
 * that heartbeats and acknowledgements never queue behind messages.
 */
export class EmbeddedConnection implements Connection {
  readonly admin: EmbeddedAdmin
  readonly #life: Lifetime
  readonly #address: BrokerAddress
  readonly #line: Line
  readonly #members: Members = new Map()
  #closing: Promise<void> | null = null

  /** Throws `TransportError` when the broker cannot be reached. */
  static async open(context: ConnectionContext, address: BrokerAddress): Promise<EmbeddedConnection> {
    const connection = new EmbeddedConnection(context, address)
    try {
      await connection.#line.ask('topics', { names: [] }, { what: `connect "${context.clientId}"` })
      return connection
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  private constructor(context: ConnectionContext, address: BrokerAddress) {
    this.#life = new Lifetime(context)
    this.#address = address
    this.#line = new Line(this.#life, address, { onNotice: notice => this.#tell(notice), onAgain: () => this.#renew() })
    this.#life.attach(() => this.#line.close())
    this.admin = new EmbeddedAdmin(this.#life, this.#line)
  }

  reader(options: ReaderOptions): Reader {
    if (this.#life.isEnded) throw this.#life.refusal('open a reader')
    return new EmbeddedReader(this.#life, new Line(this.#life, this.#address), options)
  }

  async producer(options: ProducerOptions): Promise<Producer> {
    if (this.#life.isEnded) throw this.#life.refusal('open a producer')
    const courier = await BlockCourier.open(this.#life, new Line(this.#life, this.#address), options)
    return new BatchProducer(this.#life, courier)
  }

  group(options: GroupOptions): Group {
    if (this.#life.isEnded) throw this.#life.refusal(`open the group "${options.groupId}"`)
    return new EmbeddedGroup({ life: this.#life, line: this.#line, members: this.#members }, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#life.close()
    return this.#closing
  }

  #tell(notice: Notice): void {
    if (notice.type === 'topics') this.admin.changed()
    else this.#members.get(notice.memberId)?.nudge()
  }

  /** What the broker knew of the last connection, and what it may have said to nobody. */
  #renew(): void {
    this.admin.renew()
    for (const member of this.#members.values()) void member.beat()
  }
}
