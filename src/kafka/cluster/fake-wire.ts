// Brokers of a test: requests are answered by functions, wires are cut and frozen by hand.
import { ClosedError, TransportError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import type { OpenWire, Wire, WireOptions } from '../wire.js'
import type { AnyApi, Api } from '../wire/api.js'
import { apiVersions, metadata, type Broker, type TopicMetadata } from '../wire/cluster-apis.js'
import { placeOf, type Endpoint } from '../wire/failures.js'
import { requiredApis } from '../wire/required.js'

/** A request as it arrived at a fake broker. */
export interface FakeRequest {
  /** `host:port`. */
  readonly place: string
  readonly name: string
  readonly args: unknown
}

type Reply<Args, Answer> = (args: Args, place: string) => Answer | Promise<Answer>

/** A cluster that exists in the test only; brokers answer `ApiVersions` and `Metadata` by themselves. */
export class FakeCluster {
  readonly requests: FakeRequest[] = []
  /** By `host:port`: one that is absent refuses connections. */
  readonly brokers: Map<string, Broker> = new Map()
  readonly topics: Map<string, TopicMetadata> = new Map()
  readonly features: Map<string, number> = new Map()
  /** Places whose brokers accept connections and requests, and answer nothing. */
  readonly frozen: Set<string> = new Set()
  controllerId: number = 1
  /** How long a login is good for, of connections made from now on. */
  sessionLifetimeMs: number = Infinity
  /** What brokers understand. */
  versions: readonly AnyApi[] = requiredApis
  /** Thrown by connections made from now on. */
  refusal: TransportError | null = null
  opened: number = 0
  readonly #replies = new Map<string, Reply<never, unknown>>()
  readonly #wires = new Set<FakeWire>()

  constructor(nodeIds: readonly number[] = [1]) {
    for (const nodeId of nodeIds) this.add(nodeId)
    this.on(apiVersions, () => ({
      errorCode: 0,
      ranges: this.versions.map(({ key, version }) => ({ key, lowest: 0, highest: version })),
      features: this.features,
    }))
    this.on(metadata, ({ topics }) => ({
      brokers: [...this.brokers.values()],
      clusterId: 'fake',
      controllerId: this.controllerId,
      topics: (topics ?? []).map(({ name = '' }) => this.topics.get(name) ?? unknownTopic(name)),
    }))
  }

  /** Broker n listens at `b<n>:9092`. */
  add(nodeId: number): void {
    const broker = { nodeId, host: `b${nodeId}`, port: 9092, rack: null }
    this.brokers.set(placeOf(broker), broker)
  }

  /** It is gone at once: its wires are cut and nobody listens there. */
  remove(nodeId: number): void {
    this.brokers.delete(`b${nodeId}:9092`)
    this.cut(`b${nodeId}:9092`)
  }

  /** A topic whose partition n is led by `leaders[n]`. */
  setTopic(name: string, leaders: readonly number[], options: { id?: string; epoch?: number } = {}): void {
    const { id = name, epoch = 0 } = options
    const partitions = leaders.map((leader, partition) => ({
      errorCode: 0,
      partition,
      leader,
      leaderEpoch: epoch,
      replicas: [leader],
      inSync: [leader],
      offline: [],
    }))
    this.topics.set(name, { errorCode: 0, name, id, isInternal: false, partitions: partitions.reverse() })
  }

  /** Answers every request of this kind from now on; what it throws is how the wire fails. */
  on<Args, Answer>(api: Api<Args, Answer>, reply: (args: Args, place: string) => Answer | Promise<Answer>): void {
    this.#replies.set(api.name, reply)
  }

  /** Cuts every wire, or those to one place. */
  cut(place?: string): void {
    for (const wire of [...this.#wires]) if (place === undefined || wire.place === place) wire.lose()
  }

  /** How often requests of this kind have arrived. */
  count(api: AnyApi): number {
    return this.requests.filter(({ name }) => name === api.name).length
  }

  readonly open: OpenWire = async (endpoint, options) => {
    this.opened++
    const place = placeOf(endpoint)
    if (this.refusal) throw this.refusal
    if (!this.brokers.has(place)) throw new TransportError(`Cannot talk to the broker at ${place}: nobody listens there.`)
    const wire = new FakeWire(this, endpoint, options)
    this.#wires.add(wire)
    return wire
  }

  /** For its wires. */
  async reply(request: FakeRequest): Promise<unknown> {
    this.requests.push(request)
    if (this.frozen.has(request.place)) return new Promise<never>(() => undefined)
    const reply = this.#replies.get(request.name)
    if (!reply)
      throw new TransportError(`The fake broker at ${request.place} has no reply to ${request.name}.`, { retriable: false })
    return reply(request.args as never, request.place)
  }

  /** For its wires. */
  forget(wire: FakeWire): void {
    this.#wires.delete(wire)
  }
}

class FakeWire implements Wire {
  readonly place: string
  readonly sessionLifetimeMs: number
  readonly #cluster: FakeCluster
  readonly #options: WireOptions
  readonly #ended = new Deferred<never>()
  /** Requests are served one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(cluster: FakeCluster, endpoint: Endpoint, options: WireOptions) {
    this.place = placeOf(endpoint)
    this.sessionLifetimeMs = cluster.sessionLifetimeMs
    this.#cluster = cluster
    this.#options = options
    this.#ended.promise.catch(() => undefined)
  }

  async request<Args, Answer>(api: Api<Args, Answer>, args: Args): Promise<Answer> {
    const served = this.#last.then(() => {
      if (this.#ended.isSettled) return this.#ended.promise
      return this.#cluster.reply({ place: this.place, name: api.name, args })
    })
    this.#last = served.catch(() => undefined)
    return (await Promise.race([served, this.#ended.promise])) as Answer
  }

  destroy(): void {
    this.#end(new ClosedError(`The wire to ${this.place} was destroyed.`))
  }

  lose(): void {
    const why = new TransportError(`Cannot talk to the broker at ${this.place}: it closed the connection.`)
    if (this.#end(why)) this.#options.onLost(why)
  }

  #end(why: Error): boolean {
    if (this.#ended.isSettled) return false
    this.#ended.reject(why)
    this.#cluster.forget(this)
    return true
  }
}

function unknownTopic(name: string): TopicMetadata {
  return { errorCode: 3, name, id: 'AAAAAAAAAAAAAAAAAAAAAA', isInternal: false, partitions: [] }
}
