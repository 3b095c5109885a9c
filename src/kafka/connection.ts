import { ClosedError } from '../errors.js'
import type { Connection, Group, GroupOptions, Producer, ProducerOptions, Reader, ReaderOptions } from '../transport/transport.js'
import { KafkaAdmin } from './admin/admin.js'
import { KafkaGroup } from './group/group.js'
import type { Link } from './link.js'
import { KafkaProducer } from './producer/producer.js'
import { KafkaReader } from './reader/reader.js'

/** All that one worker or client has on a cluster. */
export class KafkaConnection implements Connection {
  readonly admin: KafkaAdmin
  readonly #link: Link
  /** What is open. */
  readonly #parts = new Set<Part>()
  #groups = 0
  #refusal: ClosedError | null = null
  #closing: Promise<void> | null = null

  /** The cluster ends with it. */
  constructor(link: Link) {
    this.#link = link
    this.admin = new KafkaAdmin(link)
  }

  reader(options: ReaderOptions): Reader {
    this.#check('open a reader')
    return this.#attach(new KafkaReader(this.#link, options))
  }

  async producer(options: ProducerOptions): Promise<Producer> {
    this.#check('open a producer')
    const producer = await KafkaProducer.open(this.#link, options)
    if (this.#refusal === null) return this.#attach(producer)
    await producer.close()
    throw this.#refusal
  }

  group(options: GroupOptions): Group {
    this.#check(`open the group "${options.groupId}"`)
    const what = `join the group "${options.groupId}"`
    const group = new KafkaGroup(this.#link, options, ++this.#groups)
    group.onJoin = () => {
      this.#check(what)
      this.#parts.add(group)
    }
    group.onLeave = () => void this.#parts.delete(group)
    return group
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#refusal = this.#closed('go on')
    this.admin.close()
    await Promise.all(Array.from(this.#parts, async part => await part.close(this.#closed('go on'))))
    this.#link.cluster.close()
  }

  #attach<One extends Part & { onClosed: () => void }>(part: One): One {
    this.#parts.add(part)
    part.onClosed = () => void this.#parts.delete(part)
    return part
  }

  #check(what: string): void {
    if (this.#refusal !== null) throw this.#closed(what)
  }

  #closed(what: string): ClosedError {
    const { clientId } = this.#link.context
    return new ClosedError(`Cannot ${what}: the connection of "${clientId}" is closed. Connect again.`)
  }
}

/** What was made from the connection, and ends with it. */
interface Part {
  close(why: ClosedError): void | Promise<void>
}
