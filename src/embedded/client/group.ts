import { FencedError, TransportError } from '../../errors.js'
import type { Timer } from '../../lib/clock.js'
import { formatMs } from '../../lib/duration.js'
import { uuid } from '../../lib/random.js'
import type { Group, GroupOptions, JoinRound, Membership, PartitionOffset, TopicPartition } from '../../transport/transport.js'
import { asCommitError } from '../group/offsets.js'
import type { Lifetime } from '../lifetime.js'
import type { Answer, Base64, MemberStamp, Requests } from '../wire/protocol.js'
import { offsetAt, place } from './admin.js'
import { goodbyeMs } from './goodbye.js'
import type { Inquiry, Line } from './line.js'

/** Where a member is found when the broker has something to tell it. */
export type Members = Map<string, EmbeddedGroup>

/** One connection's member of a group. After its membership has ended it may join again, as a new member. */
export class EmbeddedGroup implements Group {
  readonly #life: Lifetime
  readonly #line: Line
  readonly #members: Members
  readonly #options: GroupOptions
  #memberId: string | null = null
  #isNew = true
  #generation = -1
  #isJoining = false
  /** Whether the broker has asked to join again since the assignment was asked for. */
  #isNudged = false
  /** The join or the sync that is under way. */
  #inquiry: Inquiry<unknown> | null = null
  #heartbeat: Timer | null = null
  #beating: Inquiry<boolean> | null = null
  /** Ends when the session may have ended at the broker. */
  #lease: Timer | null = null
  /** Another process has the instance id: there is no way back. */
  #replaced: FencedError | null = null

  constructor({ life, line, members }: { life: Lifetime; line: Line; members: Members }, options: GroupOptions) {
    this.#life = life
    this.#line = line
    this.#members = members
    this.#options = options
  }

  async join(round: JoinRound): Promise<Membership> {
    const { groupId } = this.#options
    if (this.#replaced !== null) throw this.#replaced
    if (this.#isJoining) throw new TransportError(`Cannot join the group "${groupId}": it is joining already. Wait for that.`)
    if (this.#memberId === null) this.#enter()
    this.#isJoining = true
    try {
      for (;;) {
        const joined = await this.#joinRound(round)
        this.#isNew = false
        this.#generation = joined.generation
        this.#isNudged = false
        const assignment = await this.#sync(round, joined)
        // A notice that came with it is of the next round: nobody has been told yet.
        if (assignment !== null && this.#isNudged) this.#life.turn(() => this.nudge())
        if (assignment !== null) return { ...this.#stamp(), groupId, isLeader: joined.isLeader, assignment: bytes(assignment) }
      }
    } catch (error) {
      if (error instanceof FencedError) this.#end(error)
      throw error
    } finally {
      this.#isJoining = false
    }
  }

  async commit(offsets: readonly PartitionOffset[], membership: Membership): Promise<void> {
    const { groupId, memberId, instanceId, generation } = membership
    const asks = { groupId, stamp: { memberId, instanceId, generation }, offsets: offsets.map(offsetAt) }
    await this.#line.ask('commit', asks, { what: `commit the offsets of the group "${groupId}"` }).catch(asCommitError)
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const { groupId } = this.#options
    const what = `read the offsets of the group "${groupId}"`
    return this.#line.ask('committed', { groupId, partitions: partitions.map(place) }, { what, patienceMs: Infinity })
  }

  async leave(): Promise<void> {
    const memberId = this.#memberId
    if (memberId === null) return
    const { groupId } = this.#options
    this.#end(new FencedError(`The member "${memberId}" has left the group "${groupId}". Join again.`, { retriable: true }))
    const asking = { what: `leave the group "${groupId}"`, patienceMs: goodbyeMs }
    await this.#line.ask('leave', { groupId, memberId }, asking).catch(() => undefined)
  }

  /** The broker asks to join again. While it joins anyway, the member needs no telling. */
  nudge(): void {
    if (this.#isJoining) this.#isNudged = true
    else this.#options.onRebalance()
  }

  /** Lets the broker know of this member; it may be another one, or have forgotten who it had to ask to join. */
  async beat(): Promise<void> {
    if (this.#beating !== null) return
    const { groupId, sessionTimeoutMs } = this.#options
    const stamp = this.#stamp()
    const sentMs = this.#life.clock.elapsed()
    try {
      const asking = { what: `stay in the group "${groupId}"`, patienceMs: sessionTimeoutMs }
      this.#beating = this.#line.inquire('heartbeat', { groupId, stamp }, asking)
      const isRebalance = await this.#beating.answer
      if (this.#memberId !== stamp.memberId) return
      this.#extend(sentMs)
      if (isRebalance) this.nudge()
    } catch (error) {
      this.#fail(stamp, error)
    } finally {
      this.#beating = null
    }
  }

  #enter(): void {
    const { clientId, clock, random } = this.#life
    this.#memberId = `${clientId}-${uuid(random)}`
    this.#members.set(this.#memberId, this)
    this.#extend(clock.elapsed())
    this.#keepBeating()
  }

  #keepBeating(): void {
    const next = (): void => {
      this.#keepBeating()
      void this.beat()
    }
    this.#heartbeat = this.#life.after(this.#options.sessionTimeoutMs / 3, next, 'background')
  }

  #joinRound(round: JoinRound): Promise<Answer<'join'>> {
    const { sessionTimeoutMs, rebalanceTimeoutMs, groupId } = this.#options
    const { memberId, instanceId } = this.#stamp()
    const who = { groupId, memberId, instanceId, isNew: this.#isNew, metadata: base64(round.metadata) }
    return this.#wait('join', { ...who, sessionTimeoutMs, rebalanceTimeoutMs }, `join the group "${groupId}"`)
  }

  async #sync(round: JoinRound, { members }: Answer<'join'>): Promise<Base64 | null> {
    const { groupId } = this.#options
    const stamp = this.#stamp()
    const decoded = members?.map(member => ({ ...member, metadata: bytes(member.metadata) }))
    const assigned = decoded && (await round.assign(decoded))
    const assignments = assigned ? Array.from(assigned, ([id, given]) => [id, base64(given)] as const) : null
    return await this.#wait('sync', { groupId, stamp, assignments }, `get the assignment of the group "${groupId}"`)
  }

  /** As long as the others take, or until the membership is over. */
  async #wait<Type extends 'join' | 'sync'>(type: Type, asks: Requests[Type]['asks'], what: string): Promise<Answer<Type>> {
    const inquiry = this.#line.inquire(type, asks, { what, patienceMs: Infinity })
    this.#inquiry = inquiry
    try {
      return await inquiry.answer
    } finally {
      this.#inquiry = null
    }
  }

  /** The broker has heard of the member at this time or later. */
  #extend(heardMs: number): void {
    const { clock } = this.#life
    this.#lease?.cancel()
    const leftMs = heardMs + this.#options.sessionTimeoutMs - clock.elapsed()
    this.#lease = this.#life.after(Math.max(0, leftMs), () => this.#expire(), 'background')
  }

  /** Nobody says so, but by now another may own what this one owns. */
  #expire(): void {
    const { groupId, sessionTimeoutMs } = this.#options
    const text =
      `The member "${this.#memberId}" of the group "${groupId}" has not heard of the broker for ${formatMs(sessionTimeoutMs)}: ` +
      'its session may have ended. Join again.'
    this.#lose(new FencedError(text, { retriable: true }))
  }

  #fail(stamp: MemberStamp, error: unknown): void {
    // A heartbeat that took longer than a round tells of a membership that has been renewed since.
    const isOld = this.#memberId !== stamp.memberId || this.#generation !== stamp.generation
    if (error instanceof FencedError && !this.#isJoining && !isOld) this.#lose(error)
  }

  #lose(error: FencedError): void {
    this.#end(error)
    this.#options.onLost(error)
  }

  #end(error: FencedError): void {
    if (!error.retriable) this.#replaced = error
    if (this.#memberId !== null) this.#members.delete(this.#memberId)
    this.#memberId = null
    this.#isNew = true
    this.#heartbeat?.cancel()
    this.#lease?.cancel()
    this.#inquiry?.giveUp(error)
    this.#beating?.giveUp(error)
  }

  #stamp(): MemberStamp {
    return { memberId: this.#memberId ?? '', instanceId: this.#options.instanceId ?? null, generation: this.#generation }
  }
}

function base64({ buffer, byteOffset, length }: Uint8Array): Base64 {
  return Buffer.from(buffer, byteOffset, length).toString('base64')
}

function bytes(text: Base64): Uint8Array {
  return Buffer.from(text, 'base64')
}
