import { ClosedError, TransportError } from '../../errors.js'
import { BrokerConnection } from './broker-connection.js'
import type { ConnectionSettings } from './session.js'
import type { Broker } from '../wire/cluster-apis.js'
import { placeOf, type Endpoint } from '../wire/failures.js'

/**
 * What a connection is for. A broker serves a connection one request at a time, so what may take long (a fetch, a round of a
 * group) has one of its own, and what must keep its order shares one.
 */
export type Purpose = 'control' | 'fetch' | 'produce' | `${string}:${string}`

/** The connections to all brokers, one for each purpose, made when they are first wanted. */
export class Connections {
  readonly #settings: ConnectionSettings
  readonly #connections = new Map<string, Known>()
  #isClosed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
  }

  /** To a broker of the cluster. */
  to(broker: Broker, purpose: Purpose): BrokerConnection {
    return this.#get(broker, purpose, broker.nodeId)
  }

  /** To an address from the settings: nobody knows yet which broker that is. */
  toAddress(endpoint: Endpoint): BrokerConnection {
    return this.#get(endpoint, 'control', null)
  }

  /** How long the oldest request of all has been without an answer, in milliseconds; 0 when there is none. */
  longestSilenceMs(): number {
    let longest = 0
    for (const { connection } of this.#connections.values()) longest = Math.max(longest, connection.silentMs)
    return longest
  }

  /** Ends the connections to brokers that have gone or moved, and to addresses: from now on brokers are known. */
  retain(brokers: ReadonlyMap<number, Broker>): void {
    for (const [key, { nodeId, connection }] of this.#connections) {
      const broker = nodeId === null ? undefined : brokers.get(nodeId)
      if (broker && placeOf(broker) === connection.place) continue
      this.#connections.delete(key)
      connection.close(new TransportError(`The broker at ${connection.place} has left the cluster, or moved.`))
    }
  }

  /** Ends every connection for this purpose: its group member has left. */
  release(purpose: Purpose): void {
    for (const [key, known] of this.#connections) {
      if (known.purpose !== purpose) continue
      this.#connections.delete(key)
      known.connection.close()
    }
  }

  /** Nobody gets one any more: `ClosedError`. */
  close(): void {
    this.#isClosed = true
    for (const { connection } of this.#connections.values()) connection.close()
    this.#connections.clear()
  }

  #get(endpoint: Endpoint, purpose: Purpose, nodeId: number | null): BrokerConnection {
    const key = `${nodeId ?? 'address'} ${placeOf(endpoint)} ${purpose}`
    const known = this.#connections.get(key)
    if (known) return known.connection
    if (this.#isClosed) throw new ClosedError(`Cannot reach the broker at ${placeOf(endpoint)}: the connection is closed.`)
    const connection = new BrokerConnection(endpoint, this.#settings)
    this.#connections.set(key, { nodeId, purpose, connection })
    return connection
  }
}

interface Known {
  readonly nodeId: number | null
  readonly purpose: Purpose
  readonly connection: BrokerConnection
}
