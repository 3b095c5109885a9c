import { TransportError } from '../../errors.js'
import { exponential, type Backoff } from '../../lib/backoff.js'
import type { ConnectionContext, TopicPartition } from '../../transport/transport.js'
import type { BrokerConnection } from './broker-connection.js'
import { Connections, type Purpose } from './connections.js'
import { Coordinators, type CoordinatorKey } from './coordinators.js'
import { Directory } from './directory.js'
import { actOn, errorFor, type Act } from '../wire/error-codes.js'
import { LeaderRequest } from './leader-request.js'
import type { Leader, Topic } from './metadata.js'
import { retrying } from './retrying.js'
import { SilenceWatch } from './silence-watch.js'
import type { Security } from '../security.js'
import type { OpenWire } from '../wire.js'
import type { Api, PartAnswer, PartsAnswer } from '../wire/api.js'
import type { Broker } from '../wire/cluster-apis.js'
import type { Endpoint } from '../wire/failures.js'

export interface ClusterOptions {
  /** Where to ask first; the cluster itself names its brokers. */
  readonly endpoints: readonly Endpoint[]
  /** The cluster's name in logs and errors. */
  readonly place: string
  readonly security: Security
  readonly context: ConnectionContext
  readonly openWire: OpenWire
  /** For connecting, logging in and agreeing on versions; 10 s unless set. */
  readonly connectTimeoutMs?: number
}

/** How a request is made that finds its broker by itself. */
export interface AskOptions {
  /** Opens the message of an error: "Cannot list the offsets of "orders"". */
  readonly what: string
  /** `control` unless set. */
  readonly purpose?: Purpose
  /** For all attempts together, in milliseconds; 60 s unless set. */
  readonly timeoutMs?: number
  /** For one of them; 30 s unless set. */
  readonly requestTimeoutMs?: number
  /** A coordinator has not answered an attempt: what was asked may still be done, even after the answer to a later one. */
  readonly onUnanswered?: () => void
  /** The request is not sent after it, which ends the waiting between attempts. What was sent goes on. */
  readonly signal?: AbortSignal
}

/** A broker, what its connection is for, and which partitions are meant to be its own. */
export interface LeaderOf {
  readonly nodeId: number
  readonly purpose: Purpose
  readonly partitions: readonly TopicPartition[]
}

/** A cluster of brokers: who they are, who leads and coordinates what, and how to ask the right one. */
export class Cluster {
  readonly #directory: Directory
  readonly #connections: Connections
  readonly #coordinators: Coordinators
  readonly #silence: SilenceWatch
  readonly #context: ConnectionContext
  readonly #pause: Backoff
  readonly #closing = new AbortController()

  /** Asks the addresses in turn for the cluster's metadata. Throws `TransportError` when none of them answers. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
    try {
      await cluster.refresh()
      return cluster
    } catch (error) {
      cluster.close()
      throw error
    }
  }

  private constructor({ endpoints, place, security, context, openWire, connectTimeoutMs = 10_000 }: ClusterOptions) {
    this.#context = context
    this.#connections = new Connections({ context, security, openWire, connectTimeoutMs })
    this.#directory = new Directory({ endpoints, place, connections: this.#connections, context })
    this.#coordinators = new Coordinators((api, args, timeoutMs) => this.#directory.askAny(api, args, timeoutMs))
    this.#silence = new SilenceWatch({ directory: this.#directory, connections: this.#connections, context })
    // Short at first: the end of a transaction is over in a few milliseconds.
    this.#pause = exponential({ initialMs: 20, maxMs: 1000, random: context.random })
  }

  /** By which the cluster is told from others; '' where it does not say. */
  get id(): string {
    return this.#directory.metadata.clusterId ?? ''
  }

  /** Every broker that is up, by node id. */
  get brokers(): ReadonlyMap<number, Broker> {
    return this.#directory.metadata.brokers
  }

  /** At which level a feature of the cluster is on (`transaction.version` 2); 0 when it is off. */
  level(feature: string): number {
    return this.#directory.versions?.level(feature) ?? 0
  }

  /** As the cluster described them last; asks for those that are not known yet. One that does not exist has an `errorCode`. */
  async topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic>> {
    if (!this.#directory.want(names)) await this.refresh()
    const { metadata } = this.#directory
    return new Map(names.flatMap(name => metadata.topic(name) ?? []).map(topic => [topic.name, topic]))
  }

  /** As the cluster described it last; `undefined` until somebody has asked for it. */
  topic(name: string): Topic | undefined {
    this.#directory.want([name])
    return this.#directory.metadata.topic(name)
  }

  /** `null` while it is unknown or there is none: `refresh()`, and look again. */
  leader(at: TopicPartition): Leader | null {
    this.#directory.want([at.topic])
    return this.#directory.metadata.leader(at)
  }

  /** Learns what has changed since the call; calls that come together share a request. Throws `TransportError`. */
  refresh(): Promise<void> {
    return this.#directory.refresh()
  }

  /** Runs whenever brokers, leaders or topics in use have changed; returns how to stop. */
  watch(changed: () => void): () => void {
    return this.#directory.watch(changed)
  }

  /** To be asked for anew for each request: brokers move. Throws `TransportError` for a broker that is not there. */
  connection(nodeId: number, purpose: Purpose): BrokerConnection {
    const broker = this.brokers.get(nodeId)
    if (broker) return this.#connections.to(broker, purpose)
    throw new TransportError(`Cannot reach broker ${nodeId}: the cluster does not name it any more.`)
  }

  /** Ends every connection for this purpose. */
  release(purpose: Purpose): void {
    this.#connections.release(purpose)
  }

  /**
   * Asks the broker that leads the partitions, once. Rejects with a retriable `TransportError` also when it is silent and leads
   * none of them any more: whether it has done what it was asked is not known.
   */
  async atLeader<Args, Answer>(
    { nodeId, purpose, partitions }: LeaderOf,
    api: Api<Args, Answer>,
    { args, timeoutMs }: { readonly args: Args; readonly timeoutMs: number },
  ): Promise<Answer> {
    const { metadata } = this.#directory
    const isVain = (): boolean => partitions.every(at => metadata.leader(at)?.nodeId !== nodeId)
    return this.#silence.send(this.connection(nodeId, purpose), api, { args, timeoutMs, isVain })
  }

  /** Asks any broker. Throws as the others do. */
  atAny<Args, Answer>(api: Api<Args, Answer>, args: Args, options: AskOptions): Promise<Answer> {
    return this.#retrying(options, async leftMs => {
      const answer = await this.#directory.askAny(api, args, leftMs)
      refuse(api.codes(answer), ['again'], options)
      return answer
    })
  }

  /** Asks the controller, whoever that is by then. Throws as `atCoordinator` does. */
  atController<Args, Answer>(api: Api<Args, Answer>, args: Args, options: AskOptions): Promise<Answer> {
    let mayBeStale = false
    return this.#retrying(options, async leftMs => {
      if (mayBeStale) await this.refresh()
      mayBeStale = true
      const connection = this.connection(this.#directory.metadata.controllerId, options.purpose ?? 'control')
      const answer = await connection.send(api, args, Math.min(leftMs, options.requestTimeoutMs ?? patienceMs))
      refuse(api.codes(answer), ['again', 'find-controller'], options)
      return answer
    })
  }

  /**
   * Asks the coordinator, whoever that is by then. An answer is given in full, whatever codes are in it, except those that ask
   * for another try: that is made. Throws `TransportError` when time is up or trying again is useless, `ClosedError` once closed.
   */
  atCoordinator<Args, Answer>(
    of: CoordinatorKey,
    api: Api<Args, Answer>,
    { args, ...options }: AskOptions & { readonly args: Args },
  ): Promise<Answer> {
    return this.#retrying(options, async leftMs => {
      const broker = await this.#coordinators.find(of, leftMs)
      options.signal?.throwIfAborted()
      let answer: Answer
      try {
        const connection = this.#connections.to(broker, options.purpose ?? 'control')
        const sent = connection.send(api, args, Math.min(leftMs, options.requestTimeoutMs ?? patienceMs))
        if (options.onUnanswered) sent.catch(options.onUnanswered)
        answer = await sent
        refuse(api.codes(answer), ['find-coordinator'], options)
      } catch (error) {
        this.#coordinators.forget(of)
        throw error
      }
      refuse(api.codes(answer), ['again'], options)
      return answer
    })
  }

  /** Asks each partition's leader, and the next one where it has moved. One answer for each part, in no order; throws likewise. */
  async atLeaders<Part extends TopicPartition, Args, PerPart extends PartAnswer>(
    api: Api<Args, PartsAnswer<PerPart>>,
    parts: readonly Part[],
    { args, ...options }: AskOptions & { readonly args: (own: readonly Part[]) => Args },
  ): Promise<readonly PerPart[]> {
    const { what, purpose = 'control', requestTimeoutMs = patienceMs } = options
    const request = new LeaderRequest({ api, parts, args, what, purpose, requestTimeoutMs }, this.#directory, this.#connections)
    await this.#retrying(options, leftMs => request.attempt(leftMs))
    return request.answers
  }

  /** Ends every connection; what is under way fails with `ClosedError`. */
  close(): void {
    this.#closing.abort()
    this.#silence.close()
    this.#directory.close()
    this.#connections.close()
  }

  #retrying<Value>(options: AskOptions, attempt: (leftMs: number) => Promise<Value>): Promise<Value> {
    const { timeoutMs = perseveranceMs, signal: given } = options
    const { clock } = this.#context
    const signal = given ? AbortSignal.any([given, this.#closing.signal]) : this.#closing.signal
    return retrying({ clock, backoff: this.#pause, timeoutMs, signal }, attempt)
  }
}

/**
 * How long one broker may take to answer, as Kafka's own clients have it (request.timeout.ms): for one that is slow, or alone.
 * That one is gone is noticed sooner, see `SilenceWatch`.
 */
export const patienceMs = 30_000

/** For all attempts together (default.api.timeout.ms): whoever takes over is elected, and has loaded what it needs, long before. */
const perseveranceMs = 60_000

/** Throws the first code that asks for another try. */
function refuse(codes: readonly number[], acts: readonly Act[], { what }: AskOptions): void {
  const again = codes.find(code => acts.includes(actOn(code)))
  if (again !== undefined) throw errorFor(again, what)
}
