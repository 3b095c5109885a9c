import type { Clock } from '../../lib/clock.js'
import type { ConnectionContext, Transport } from '../../transport/transport.js'

/** A broker to test a driver against, and the time in which that happens. One is made for each test. */
export interface TransportHarness {
  readonly transport: Transport
  readonly clock: Clock
  /** Chance for the driver and for names; a broker that outlives the test needs names that nobody had before. */
  readonly random: ConnectionContext['random']
  readonly log: ConnectionContext['log']
  /** Resolves when the condition holds and rejects when that takes too long; a virtual clock lets time pass meanwhile. */
  until(condition: () => boolean, what: string): Promise<void>
  /** Compacts a topic now, where the driver can. */
  compact?(topic: string): Promise<void>
  close(): Promise<void>
}
