// A cluster of a unit test, on a clock that the test moves.
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import type { OpenWire } from '../wire.js'
import { Cluster } from './cluster.js'
import type { SteppedClock } from './fake-logs.js'

/** Knows of one broker at first. */
export class ClusterStage {
  readonly #clock: SteppedClock

  constructor(clock: SteppedClock) {
    this.#clock = clock
  }

  open(openWire: OpenWire): Promise<Cluster> {
    const endpoints = [{ host: 'b1', port: 9092 }]
    const context = { clientId: 'test', clock: this.#clock, random: seededRandom(3), log: silentLogger }
    return Cluster.open({ endpoints, place: 'kafka://b1', security: { tls: null, sasl: null }, context, openWire })
  }

  /** Lets time pass until the promise is settled. */
  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    const seen = { isSettled: false }
    const settled = (): void => void (seen.isSettled = true)
    promise.then(settled, settled)
    while (!seen.isSettled) await this.#clock.advance(20)
    return promise
  }
}
