import { FencedError, TransportError } from '../../errors.js'
import type { Timer } from '../../lib/clock.js'
import type { Group, GroupOptions, JoinRound, Membership, PartitionOffset, TopicPartition } from '../../transport/transport.js'
import type { Coordinator } from '../group/coordinator.js'
import type { Joined, Stamp } from '../group/member.js'
import { asCommitError } from '../group/offsets.js'
import type { Link, Request } from './link.js'
import type { BrokerState } from './state.js'

/** One connection's member of a group. After its membership has ended it may join again, as a new member. */
export class MemoryGroup implements Group {
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #options: GroupOptions
  readonly #coordinator: Coordinator
  #memberId: string | null = null
  #isNew = true
  #generation = -1
  #isJoining = false
  #heartbeat: Timer | null = null
  /** Another process has the instance id: there is no way back. */
  #replaced: FencedError | null = null

  constructor(link: Link, broker: BrokerState, options: GroupOptions) {
    this.#link = link
    this.#broker = broker
    this.#options = options
    this.#coordinator = broker.coordinator(options.groupId)
  }

  async join(round: JoinRound): Promise<Membership> {
    if (this.#replaced !== null) throw this.#replaced
    if (this.#isJoining)
      throw new TransportError(`Cannot join the group "${this.#options.groupId}": it is joining already. Wait for that.`)
    this.#memberId ??= this.#broker.memberId(this.#link.clientId)
    if (this.#heartbeat === null) this.#beat()
    this.#isJoining = true
    try {
      for (;;) {
        const joined = await this.#joinRound(round)
        this.#isNew = false
        this.#generation = joined.generation
        const assignment = await this.#sync(round, joined)
        if (assignment !== null)
          return { ...this.#stamp(), groupId: this.#options.groupId, isLeader: joined.isLeader, assignment }
      }
    } catch (error) {
      if (error instanceof FencedError) this.#end(error)
      throw error
    } finally {
      this.#isJoining = false
    }
  }

  commit(offsets: readonly PartitionOffset[], membership: Membership): Promise<void> {
    const copy = offsets.map(({ topic, partition, topicId, offset }) => ({ topic, partition, topicId, offset }))
    const what = `commit the offsets of the group "${membership.groupId}"`
    const topics = copy.map(({ topic }) => topic)
    const committed = this.#link.call<void>({ ...this.#request(what), operation: 'commit', topics }, answer => {
      const coordinator = this.#broker.coordinator(membership.groupId)
      coordinator.check(membership)
      for (const at of copy) this.#broker.log(at, 'commit an offset of')
      coordinator.offsets.commit(copy)
      answer.resolve()
    })
    return committed.catch(asCommitError)
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const what = `read the offsets of the group "${this.#options.groupId}"`
    return this.#link.call({ what }, answer => answer.resolve(this.#coordinator.offsets.of(partitions)))
  }

  async leave(): Promise<void> {
    const memberId = this.#memberId
    if (memberId === null) return
    this.#end(null)
    const what = `leave the group "${this.#options.groupId}"`
    await this.#link.call<void>({ what }, answer => answer.resolve(this.#coordinator.leave(memberId))).catch(() => undefined)
  }

  #joinRound(round: JoinRound): Promise<Joined> {
    const { sessionTimeoutMs, rebalanceTimeoutMs, groupId } = this.#options
    const { memberId, instanceId } = this.#stamp()
    const { clock } = this.#link
    const nudge = (): void => this.#link.turn(() => this.#notice(memberId))
    const request = { ...this.#request(`join the group "${groupId}"`), operation: 'join', topics: round.topics } as const
    const who = { memberId, instanceId, process: null, isNew: this.#isNew, metadata: Uint8Array.from(round.metadata) }
    return this.#link.call(request, answer =>
      this.#coordinator.join({ ...who, sessionTimeoutMs, rebalanceTimeoutMs, clock, nudge }, answer),
    )
  }

  async #sync(round: JoinRound, joined: Joined): Promise<Uint8Array | null> {
    const assignments = joined.members && (await round.assign(joined.members))
    const stamp = this.#stamp()
    const what = `get the assignment of the group "${this.#options.groupId}"`
    return this.#link.call({ what }, answer => this.#coordinator.sync(stamp, assignments, answer))
  }

  #beat(): void {
    const next = (): void => {
      this.#beat()
      const stamp = this.#stamp()
      const request = { ...this.#request(`stay in the group "${stamp.groupId}"`), operation: 'heartbeat' } as const
      this.#link
        .call<boolean>(request, answer => answer.resolve(this.#coordinator.heartbeat(stamp)))
        .then(
          isRebalance => isRebalance && this.#notice(stamp.memberId),
          error => this.#fail(stamp, error),
        )
    }
    this.#heartbeat = this.#link.after(this.#options.sessionTimeoutMs / 3, next, 'background')
  }

  /** While it joins anyway, the member needs no telling. */
  #notice(memberId: string): void {
    if (!this.#isJoining && this.#memberId === memberId) this.#options.onRebalance()
  }

  #fail(stamp: Stamp, error: unknown): void {
    // A heartbeat that took longer than a round tells of a membership that has been renewed since.
    const isOld = this.#memberId !== stamp.memberId || this.#generation !== stamp.generation
    if (!(error instanceof FencedError) || this.#isJoining || isOld) return
    this.#end(error)
    this.#options.onLost(error)
  }

  #end(error: FencedError | null): void {
    if (error !== null && this.#coordinator.isReplaced(this.#stamp())) this.#replaced = error
    this.#heartbeat?.cancel()
    this.#heartbeat = null
    this.#memberId = null
    this.#isNew = true
  }

  #stamp(): Stamp & { groupId: string } {
    const { groupId, instanceId = null } = this.#options
    return { groupId, memberId: this.#memberId ?? '', instanceId, generation: this.#generation }
  }

  #request(what: string): Request {
    const { memberId } = this.#stamp()
    return { what, groupId: this.#options.groupId, fence: () => this.#coordinator.leave(memberId) }
  }
}
