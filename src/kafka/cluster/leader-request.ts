import { FaustError } from '../../errors.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { Connections, Purpose } from './connections.js'
import type { Directory } from './directory.js'
import { leftOut } from './left-out.js'
import { actOn, errorCodes, errorFor, type Act } from '../wire/error-codes.js'
import type { Api, PartAnswer, PartsAnswer } from '../wire/api.js'

/** A request about partitions of several leaders: its parts, and how to ask one leader for those that are his. */
export interface LeaderRequestOptions<Part extends TopicPartition, Args, PerPart extends PartAnswer> {
  readonly api: Api<Args, PartsAnswer<PerPart>>
  readonly parts: readonly Part[]
  readonly args: (own: readonly Part[]) => Args
  readonly what: string
  readonly purpose: Purpose
  readonly requestTimeoutMs: number
}

/** Asks each leader for its own, and remembers which parts are answered: what is left may have another leader by now. */
export class LeaderRequest<Part extends TopicPartition, Args, PerPart extends PartAnswer> {
  readonly answers: PerPart[] = []
  readonly #options: LeaderRequestOptions<Part, Args, PerPart>
  readonly #directory: Directory
  readonly #connections: Connections
  #left: Map<string, Part>
  #mayBeStale = false

  constructor(options: LeaderRequestOptions<Part, Args, PerPart>, directory: Directory, connections: Connections) {
    this.#options = options
    this.#directory = directory
    this.#connections = connections
    this.#left = new Map(options.parts.map(part => [nameOf(part), part]))
  }

  /** Throws the first reason why parts are left, retriable where another try may find their leader. */
  async attempt(leftMs: number): Promise<void> {
    const areKnown = this.#directory.want(new Set(Array.from(this.#left.values(), part => part.topic)))
    if (!areKnown || this.#mayBeStale) await this.#directory.refresh()
    this.#mayBeStale = true
    const failures: FaustError[] = []
    const asked = Array.from(this.#byLeader(failures), ([nodeId, own]) => this.#ask(nodeId, own, leftMs))
    for (const outcome of await Promise.allSettled(asked))
      if (outcome.status === 'rejected') failures.push(outcome.reason as FaustError)
    const final = failures.find(failure => !(failure instanceof FaustError && failure.retriable))
    if (failures.length > 0) throw final ?? failures[0]!
  }

  async #ask(nodeId: number, own: readonly Part[], leftMs: number): Promise<void> {
    const { api, args, purpose, requestTimeoutMs, what } = this.#options
    const broker = this.#directory.metadata.brokers.get(nodeId)
    if (!broker) throw errorFor(errorCodes.LEADER_NOT_AVAILABLE, what)
    const connection = this.#connections.to(broker, purpose)
    const { partitions } = await connection.send(api, args(own), Math.min(leftMs, requestTimeoutMs))
    let again = 0
    for (const part of partitions) {
      if (leaderActs.has(actOn(part.errorCode))) again ||= part.errorCode
      else if (this.#left.delete(nameOf(part))) this.answers.push(part)
    }
    if (again !== 0) throw errorFor(again, what)
    const unanswered = own.find(part => this.#left.has(nameOf(part)))
    if (unanswered) throw leftOut(what, unanswered)
  }

  #byLeader(failures: FaustError[]): Map<number, Part[]> {
    const { metadata } = this.#directory
    const leaders = new Map<number, Part[]>()
    for (const part of this.#left.values()) {
      const leader = metadata.leader(part)
      if (leader === null) {
        const what = `${this.#options.what}, ${part.topic}[${part.partition}]`
        failures.push(errorFor(metadata.lack(part), what, { right: 'Describe' }))
      } else {
        const own = leaders.get(leader.nodeId)
        if (own) own.push(part)
        else leaders.set(leader.nodeId, [part])
      }
    }
    return leaders
  }
}

const leaderActs: ReadonlySet<Act> = new Set<Act>(['again', 'find-leader'])

function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
