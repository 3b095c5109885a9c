import { ClosedError, FaustError, FencedError, TransportError } from '../errors.js'
import { exponential } from '../lib/backoff.js'
import { sleep, waitAtMost, type Clock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { Group, GroupOptions, Membership, TopicPartition } from '../transport/transport.js'
import { decodeAssignment, encodeMember, type RoundAssignment } from './assignment-codec.js'
import { nameOf } from './member-state.js'
import { leadRound } from './leader.js'

/** What becomes of a member's partitions. Never told of those that stay. Must not wait for `stop`, which waits for them. */
export interface RebalanceCallbacks {
  /** Give these up; until it resolves they are this member's, and offsets can be committed under the membership. */
  revoke(partitions: readonly TopicPartition[], membership: Membership): Promise<void>
  /** These are new. When it throws, the membership is given up and joined anew. A `stop` revokes them without waiting for it. */
  assign(partitions: readonly TopicPartition[], membership: Membership): Promise<void> | void
  /** The membership is over, even while a revoke or an assign is running: own nothing, commit nothing. */
  lost(error: Error): void
  /** The group has settled: nobody has anything to give up. */
  rebalanced(all: readonly TopicPartition[], isLeader: boolean): void
}

export interface RebalancerOptions {
  /** Makes the member's end of the group; a membership that is over is never used again. */
  readonly group: (callbacks: Pick<GroupOptions, 'onRebalance' | 'onLost'>) => Group
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Partition counts of those of the topics that exist. */
  readonly topics: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>
  readonly callbacks: RebalanceCallbacks
  /** Partitions of subscribed topics whose tables are on disk here. */
  readonly held?: () => readonly TopicPartition[]
}

/** One member's part in the group's rebalances: cooperative, one round at a time; see ASSIGNMENT.md. */
export class Rebalancer {
  readonly #options: RebalancerOptions
  readonly #owned = new Map<string, TopicPartition>()
  readonly #started = new Deferred<void>()
  readonly #stopping = new AbortController()
  readonly #stopped = new Deferred<null>()
  #loop: Promise<void> | null = null
  #wake = new Deferred<void>()
  #session: Session | null = null
  #membership: Membership | null = null
  #isLeader = false
  #topics: readonly string[] = []
  /** What the current assignment was made from. */
  #counts: ReadonlyMap<string, number> = new Map()
  #isRoundDue = false
  #isTopicCheckDue = false
  #failures = 0
  #appliedMs: number | null = null

  constructor(options: RebalancerOptions) {
    this.#options = options
  }

  /** The membership to commit under; null while there is none. */
  get membership(): Membership | null {
    return this.#membership
  }

  /** What this member runs, sorted by topic and partition; a partition that is being revoked is still in it. */
  get owned(): readonly TopicPartition[] {
    return [...this.#owned.values()].sort(byPlace)
  }

  /** Joins the group; resolves when the first assignment is applied, rejects when that cannot be or `stop` comes first. */
  start(topics: readonly string[]): Promise<void> {
    this.subscribe(topics)
    this.#loop ??= this.#run()
    this.#started.promise.catch(() => undefined)
    return this.#started.promise
  }

  /** Changes the subscription: joins again, while partitions that stay go on. */
  subscribe(topics: readonly string[]): void {
    const wanted = [...new Set(topics)].sort()
    if (wanted.join() === this.#topics.join()) return
    this.#topics = wanted
    this.#requestRound()
  }

  /** Topics have appeared, grown or gone: the leader of the round looks whether they matter here. */
  topicsChanged(): void {
    this.#isTopicCheckDue = true
    this.#wake.resolve()
  }

  /** Revokes everything, then leaves: a static member stays for its session timeout, so that a restart moves nothing. */
  stop(): Promise<void> {
    this.#stopping.abort()
    this.#stopped.resolve(null)
    this.#wake.resolve()
    return this.#loop ?? Promise.resolve()
  }

  #requestRound(): void {
    this.#isRoundDue = true
    this.#wake.resolve()
  }

  async #run(): Promise<void> {
    let failure: Error | null = null
    while (!this.#stopped.isSettled && failure === null) {
      try {
        await this.#step()
      } catch (error) {
        failure = await this.#failed(asError(error))
      }
    }
    await this.#end(failure)
  }

  async #step(): Promise<void> {
    const session = this.#session
    if (session === null) this.#open()
    else if (session.over.isSettled) {
      await this.#pause()
      this.#session = null
    } else if (this.#isRoundDue) await this.#round(session)
    else if (this.#isTopicCheckDue) await this.#checkTopics()
    else {
      await this.#wake.promise
      this.#wake = new Deferred()
    }
  }

  #open(): void {
    const over = new Deferred<null>()
    const onRebalance = (): void => (over.isSettled ? undefined : this.#requestRound())
    const onLost = (error: Error): void => this.#lose(session, error)
    const session: Session = { group: this.#options.group({ onRebalance, onLost }), over, isNew: true }
    this.#session = session
    this.#isRoundDue = true
  }

  /** Gives up what is not subscribed to any more, joins, and carries out the assignment. */
  async #round(session: Session): Promise<void> {
    const dropped = this.owned.filter(({ topic }) => !this.#topics.includes(topic))
    // The subscription may change again meanwhile.
    if (dropped.length > 0) return this.#revoke(session, dropped)
    this.#isRoundDue = false
    const topics = this.#topics
    const membership = await this.#join(session)
    if (membership === null || session.over.isSettled) return
    this.#membership = membership
    const assignment = decodeAssignment(membership.memberId, membership.assignment)
    this.#isLeader = assignment.isLeader
    this.#counts = assignment.counts
    // A static member that came back was given what it had, for what it subscribed to then, perhaps in an unsettled group.
    const isOld = assignment.topics.join() !== topics.join() || (session.isNew && !assignment.isSettled)
    if (membership.instanceId !== null && isOld) this.#isRoundDue = true
    if (membership.isLeader && session.isNew) this.#isTopicCheckDue = true
    session.isNew = false
    await this.#apply(session, { ...assignment, active: assignment.active.filter(at => topics.includes(at.topic)) })
  }

  /** Null when it is pointless to wait on: the session is over, or the worker stops, which waits briefly for a membership to commit under. */
  async #join({ group, over }: Session): Promise<Membership | null> {
    const topics = this.#topics
    const generation = this.#membership?.generation ?? -1
    const held = this.#options.held?.() ?? []
    const joining = group.join({
      topics,
      metadata: encodeMember({ generation, topics, owned: this.owned, held, wasLeader: this.#isLeader }),
      assign: members => leadRound(members, this.#options.topics),
    })
    const answered = Promise.race([joining, over.promise])
    await Promise.race([answered, this.#stopped.promise])
    if (!this.#stopped.isSettled) return await answered
    const isAnswered = this.#owned.size > 0 && (await waitAtMost(this.#options.clock, lastRoundMs, answered))
    return isAnswered ? await answered : null
  }

  async #apply(session: Session, { active, isSettled }: RoundAssignment): Promise<void> {
    const given = new Set(active.map(nameOf))
    const goes = this.owned.filter(at => !given.has(nameOf(at)))
    const comes = active.filter(at => !this.#owned.has(nameOf(at)))
    if (goes.length > 0) {
      this.#isRoundDue = true
      await this.#revoke(session, goes)
    }
    if (comes.length > 0 && !this.#stopped.isSettled) await this.#assign(session, comes)
    if (session.over.isSettled || this.#stopped.isSettled) return
    this.#appliedMs = this.#options.clock.elapsed()
    this.#started.resolve()
    if (isSettled && goes.length === 0) this.#tell(to => to.rebalanced(this.owned, this.#isLeader))
  }

  async #revoke(session: Session, partitions: readonly TopicPartition[]): Promise<void> {
    const { callbacks, log } = this.#options
    try {
      if (this.#membership !== null) await callbacks.revoke(partitions, this.#membership)
    } catch (error) {
      log.error({ partitions, error }, 'Revoking partitions failed: they are given up, and what was not committed comes again')
    }
    if (!session.over.isSettled) for (const at of partitions) this.#owned.delete(nameOf(at))
  }

  async #assign(session: Session, partitions: readonly TopicPartition[]): Promise<void> {
    if (session.over.isSettled || this.#membership === null) return
    for (const at of partitions) this.#owned.set(nameOf(at), at)
    try {
      await Promise.race([this.#options.callbacks.assign(partitions, this.#membership), this.#stopped.promise])
    } catch (error) {
      this.#lose(session, asError(error))
    }
  }

  async #checkTopics(): Promise<void> {
    this.#isTopicCheckDue = false
    if (!this.#membership?.isLeader) return
    const found = await Promise.race([this.#options.topics([...this.#counts.keys()]), this.#stopped.promise])
    if (found !== null && [...this.#counts].some(([name, count]) => (found.get(name) ?? 0) !== count)) this.#isRoundDue = true
  }

  /** At once, whatever is running: what runs looks at its session when it comes back. */
  #lose(session: Session, error: Error): void {
    if (session.over.isSettled) return
    session.over.resolve(null)
    const wasMember = this.#membership !== null
    this.#owned.clear()
    this.#membership = null
    this.#isLeader = false
    this.#options.log.warn({ error }, 'The membership of the group is over')
    if (wasMember) this.#tell(to => to.lost(error))
    // It may be over on this side only.
    void session.group.leave()
    this.#wake.resolve()
  }

  #tell(callback: (to: RebalanceCallbacks) => void): void {
    try {
      callback(this.#options.callbacks)
    } catch (error) {
      this.#options.log.error({ error }, 'What should have heard of a rebalance failed')
    }
  }

  /** Returns the error when trying again makes no sense. */
  async #failed(error: Error): Promise<Error | null> {
    this.#isRoundDue = true
    if (error instanceof FencedError && this.#session !== null) {
      this.#lose(this.#session, error)
      return null
    }
    const isHopeless = error instanceof FaustError && !error.retriable && !this.#started.isSettled
    if (error instanceof ClosedError || isHopeless) return error
    this.#options.log.warn({ error }, 'A round of the group failed; it is tried again')
    await this.#pause()
    return null
  }

  /** Longer after each failure, until a success has lasted. */
  async #pause(): Promise<void> {
    const { clock, random } = this.#options
    const backoff = exponential({ initialMs: 100, maxMs: longestPauseMs, random })
    const hasLasted = this.#appliedMs !== null && clock.elapsed() - this.#appliedMs > longestPauseMs
    this.#failures = hasLasted ? 1 : this.#failures + 1
    this.#appliedMs = null
    await sleep(clock, backoff.delayMs(this.#failures), { kind: 'work', signal: this.#stopping.signal })
  }

  async #end(failure: Error | null): Promise<void> {
    const session = this.#session
    if (session !== null && !session.over.isSettled) {
      if (failure !== null) this.#lose(session, failure)
      else if (this.#owned.size > 0) await this.#revoke(session, this.owned)
    }
    const mayStay = typeof this.#membership?.instanceId === 'string'
    this.#membership = null
    this.#isLeader = false
    if (session !== null && !session.over.isSettled && !mayStay) await session.group.leave()
    session?.over.resolve(null)
    this.#started.reject(failure ?? new ClosedError('The group was left before anything had been assigned.'))
  }
}

/** From the first join to the end of the membership. */
interface Session {
  readonly group: Group
  readonly over: Deferred<null>
  /** Nothing has been assigned in it yet. */
  isNew: boolean
}

const longestPauseMs = 10_000
const lastRoundMs = 5_000

function byPlace(left: TopicPartition, right: TopicPartition): number {
  return left.topic === right.topic ? left.partition - right.partition : left.topic < right.topic ? -1 : 1
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new TransportError(`A round of the group failed: ${String(error)}`)
}
