import { CommitError, FencedError, TransportError, type ClosedError, type FaustError } from '../../errors.js'
import { formatMs } from '../../lib/duration.js'
import { thrown } from '../../lib/thrown.js'
import type { Group, GroupOptions, JoinRound, Membership, PartitionOffset, TopicPartition } from '../../transport/transport.js'
import { errorCodes } from '../wire/error-codes.js'
import type { Link } from '../link.js'
import { leftOut } from '../cluster/left-out.js'
import { topicIdOf, withLogId } from '../cluster/log-id.js'
import { requirePartitions } from '../cluster/partition-check.js'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../wire/consumer-protocol.js'
import type { JoinAnswer, MemberIdentity, SyncArgs } from '../wire/group.js'
import type { CommittedAnswer } from '../wire/offsets.js'
import { Coordinator } from './coordinator.js'
import { expelled, groupError } from './group-error.js'
import { Heartbeats } from './heartbeats.js'

/** A member of a group, in the classic protocol. After its membership has ended it may join again. */
export class KafkaGroup implements Group {
  /** From now on somebody has to close it with its connection. */
  onJoin: () => void = () => undefined
  /** … and from now on nobody has to, until it joins again. */
  onLeave: () => void = () => undefined
  readonly #link: Link
  readonly #options: GroupOptions
  readonly #coordinator: Coordinator
  readonly #heartbeats: Heartbeats
  /** By which the coordinator knows the member, or may still know it; '' for a new one. */
  #memberId = ''
  /** -1 when it has no membership and so nothing to lose. */
  #generation = -1
  /** Of the join that is under way. */
  #joining: AbortController | null = null
  /** Aborted with the membership that it belongs to. */
  #membership = new AbortController()
  /** Why it cannot join any more: replaced, or closed. */
  #refusal: FaustError | null = null
  #lastCommit: Promise<unknown> = Promise.resolve()

  /** `number` tells the members of one cluster connection apart. */
  constructor(link: Link, options: GroupOptions, number: number) {
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs } = options
    this.#link = link
    this.#options = options
    this.#coordinator = new Coordinator({ cluster: link.cluster, groupId, number, sessionTimeoutMs, rebalanceTimeoutMs })
    this.#heartbeats = new Heartbeats({
      clock: link.context.clock,
      sessionTimeoutMs,
      beat: () => this.#beat(),
      onExpired: () => this.#expire(),
    })
  }

  async join(round: JoinRound): Promise<Membership> {
    const { groupId } = this.#options
    if (this.#refusal !== null) throw this.#refusal
    if (this.#joining !== null)
      throw new TransportError(`Cannot join the group "${groupId}": it is joining already. Wait for that.`)
    this.onJoin()
    const joining = (this.#joining = new AbortController())
    const { signal } = joining
    try {
      for (;;) {
        const joined = await this.#join(round, signal)
        const assignment = await this.#sync(round, joined, signal)
        if (assignment !== null) return { ...this.#identity(), isLeader: isLeader(joined), assignment }
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof FencedError) this.#end(error)
      throw error
    } finally {
      this.#joining = null
    }
  }

  async commit(offsets: readonly PartitionOffset[], membership: Membership): Promise<void> {
    const copy = offsets.map(({ topic, partition, topicId, offset }) => ({ topic, partition, topicId, offset }))
    // One at a time: one that is sent again must not overtake the next one.
    const committing = this.#lastCommit.then(() => this.#commit(copy, membership))
    this.#lastCommit = committing.catch(() => undefined)
    await committing
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition }))
    const what = `Cannot read the offsets of the group "${this.#options.groupId}"`
    const answer = await this.#askCommitted(asked)
    const failed = [answer, ...answer.partitions].find(part => part.errorCode !== 0)
    if (failed) throw groupError(failed.errorCode, what)
    const found = new Map(answer.partitions.map(part => [nameOf(part), part]))
    return asked.flatMap(at => {
      const part = found.get(nameOf(at))
      if (part === undefined) throw leftOut(what, at)
      const { offset, logId } = part
      return offset < 0 ? [] : [{ ...at, offset, ...topicIdOf(this.#link.cluster, logId) }]
    })
  }

  async leave(): Promise<void> {
    const identity = this.#identity()
    this.onLeave()
    if (this.#refusal === null) {
      const left = `The member "${identity.memberId}" has left the group "${identity.groupId}". Join again.`
      this.#end(new FencedError(left, { retriable: true }))
      this.#memberId = ''
      if (identity.memberId !== '') await this.#coordinator.leave(identity).catch((error: unknown) => this.#log(error))
    }
    if (this.#joining === null && this.#memberId === '') this.#coordinator.release()
  }

  /** As long as it takes, but no longer than the membership for which somebody wants to know. */
  async #askCommitted(asked: readonly TopicPartition[]): Promise<CommittedAnswer> {
    const { signal } = this.#membership
    if (signal.aborted) return this.#coordinator.committed(asked)
    try {
      return await this.#coordinator.committed(asked, signal)
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  }

  /** The connection ends: without a goodbye, so that a static member may come back. */
  close(why: ClosedError): void {
    this.#refusal = why
    this.#end(why)
  }

  async #join({ topics, metadata }: JoinRound, signal: AbortSignal): Promise<JoinAnswer> {
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const protocols = [{ name: protocol, metadata: encodeSubscription({ topics, userData: metadata }) }]
    for (;;) {
      const { memberId, instanceId } = this.#identity()
      const who = { groupId, memberId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs }
      const answer = await this.#coordinator.join({ ...who, protocols, reason: null }, signal)
      signal.throwIfAborted()
      const isForgotten = answer.errorCode === errorCodes.UNKNOWN_MEMBER_ID && memberId !== '' && this.#generation === -1
      if (isForgotten) this.#memberId = ''
      else if (answer.errorCode === errorCodes.MEMBER_ID_REQUIRED) this.#memberId = answer.memberId
      else if (answer.errorCode !== 0) throw groupError(answer.errorCode, `Cannot join the group "${groupId}"`)
      else {
        this.#enter(answer)
        return answer
      }
    }
  }

  #enter({ memberId, generation }: JoinAnswer): void {
    if (this.#membership.signal.aborted) this.#membership = new AbortController()
    this.#memberId = memberId
    this.#generation = generation
    this.#heartbeats.start()
  }

  /** `null` when the group has gone into another round meanwhile. */
  async #sync(round: JoinRound, joined: JoinAnswer, signal: AbortSignal): Promise<Uint8Array | null> {
    const { clock } = this.#link.context
    const leads = isLeader(joined) && !joined.skipsAssignment
    const assignments = leads ? await assigned(round, joined) : []
    signal.throwIfAborted()
    const sentMs = clock.elapsed()
    const answer = await this.#coordinator.sync({ ...this.#identity(), protocol, assignments }, signal)
    signal.throwIfAborted()
    if (answer.errorCode === errorCodes.REBALANCE_IN_PROGRESS) return null
    const what = `Cannot get the assignment of the group "${this.#options.groupId}"`
    if (answer.errorCode !== 0) throw groupError(answer.errorCode, what)
    this.#heartbeats.extend(sentMs)
    return decodeAssignment(answer.assignment).userData
  }

  async #commit(offsets: readonly PartitionOffset[], membership: Membership): Promise<void> {
    const { groupId, memberId, instanceId, generation } = membership
    const what = `Cannot commit the offsets of the group "${groupId}"`
    if (offsets.length === 0) return
    try {
      await requirePartitions(this.#link, offsets, what)
      const parts = offsets.map(at => withLogId(this.#link.cluster, at))
      const { partitions } = await this.#coordinator.commit({ groupId, memberId, instanceId, generation }, parts)
      const failed = partitions.find(part => part.errorCode !== 0)
      if (failed) throw groupError(failed.errorCode, `${what}, "${failed.topic}"[${failed.partition}]`)
      const answered = new Set(partitions.map(nameOf))
      const unanswered = offsets.find(at => !answered.has(nameOf(at)))
      if (unanswered) throw leftOut(what, unanswered)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      throw new CommitError(error.message, { cause: error, retriable: error.retriable })
    }
  }

  async #beat(): Promise<void> {
    const identity = this.#identity()
    const { clock } = this.#link.context
    const sentMs = clock.elapsed()
    const { signal } = this.#membership
    try {
      const { errorCode } = await this.#coordinator.beat(identity)
      if (signal.aborted) return
      const isRebalance = errorCode === errorCodes.REBALANCE_IN_PROGRESS
      if (errorCode !== 0 && !isRebalance) throw expelled(errorCode, `Cannot stay in the group "${identity.groupId}"`)
      this.#heartbeats.extend(sentMs)
      if (isRebalance && this.#joining === null) this.#options.onRebalance()
    } catch (error) {
      // One that took longer than a round tells of a membership that has been renewed since; a round is told by itself.
      const isOld = signal.aborted || identity.generation !== this.#generation
      if (error instanceof FencedError && this.#joining === null && !isOld) this.#lose(error)
      else this.#log(error)
    }
  }

  /** Nobody says so, but by now another may own what this one owns. */
  #expire(): void {
    const { groupId, sessionTimeoutMs } = this.#options
    const text =
      `The member "${this.#memberId}" of the group "${groupId}" has not heard of the coordinator for ` +
      `${formatMs(sessionTimeoutMs)}: its session may have ended. Join again.`
    this.#lose(new FencedError(text, { retriable: true }))
  }

  #lose(error: FencedError): void {
    this.#end(error)
    this.#options.onLost(error)
  }

  /** From now on it owns nothing. */
  #end(error: FaustError): void {
    if (error instanceof FencedError && !error.retriable) {
      this.#refusal = error
      this.#memberId = ''
    }
    this.#generation = -1
    this.#heartbeats.stop()
    this.#membership.abort(error)
    this.#joining?.abort(error)
    this.#coordinator.endRounds()
  }

  #identity(): MemberIdentity {
    const { groupId, instanceId = null } = this.#options
    return { groupId, memberId: this.#memberId, instanceId, generation: this.#generation }
  }

  #log(error: unknown): void {
    this.#link.context.log.debug({ group: this.#options.groupId }, thrown(error).message)
  }
}

/** All members speak this, or the coordinator refuses those that do not. */
const protocol = 'faust'

function isLeader({ leaderId, memberId }: JoinAnswer): boolean {
  return leaderId === memberId
}

async function assigned(round: JoinRound, { members }: JoinAnswer): Promise<SyncArgs['assignments']> {
  const decoded = members.map(({ memberId, instanceId, metadata }) => ({
    memberId,
    instanceId,
    metadata: decodeSubscription(metadata).userData,
  }))
  decoded.sort((left, right) => (left.memberId < right.memberId ? -1 : 1))
  const given = await round.assign(decoded)
  return Array.from(given, ([memberId, userData]) => ({
    memberId,
    assignment: encodeAssignment({ partitions: [], userData }),
  }))
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
