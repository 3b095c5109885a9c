import type { ConnectionContext, Transport } from '../../transport/transport.js'
import { compact } from './compaction.js'
import { MemoryConnection } from './connection.js'
import type { Faults } from './faults.js'
import { Link } from './link.js'
import { BrokerState } from './state.js'

/** A broker of one's own in this process, for tests: requests can fail, connections be cut, topics be compacted. */
export class MemoryBroker {
  readonly #state: BrokerState
  readonly #links = new Set<Link>()

  constructor(options: { faults?: Faults } = {}) {
    this.#state = new BrokerState(options.faults ?? null)
  }

  /** The way to connect to this broker. */
  transport(): Transport {
    return { kind: 'memory', place: 'memory:', connect: context => Promise.resolve(this.connect(context)) }
  }

  connect(context: ConnectionContext, onClosed: () => void = () => undefined): MemoryConnection {
    const link = new Link(context, this.#state.faults)
    this.#links.add(link)
    return new MemoryConnection(link, this.#state, () => {
      this.#links.delete(link)
      onClosed()
    })
  }

  /**
   * Cuts the connections of a client as a crash of its process would: nothing is flushed, nobody leaves a group, a
   * transaction stays open until its time-out. What is asked of them afterwards fails with `TransportError`.
   */
  sever(clientId: string): void {
    for (const link of this.#links) {
      if (link.clientId !== clientId) continue
      this.#links.delete(link)
      link.sever()
    }
  }

  /** Compacts a topic now, as the broker would some day. */
  compact(topic: string): void {
    for (const log of this.#state.topics.get(topic)?.logs ?? []) compact(log)
  }
}
