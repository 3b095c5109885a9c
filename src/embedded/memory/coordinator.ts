import type { Timer } from '../../lib/clock.js'
import type { Deferred } from '../../lib/deferred.js'
import type { GroupMember } from '../../transport/transport.js'
import { type Joined, type Joining, Member, nothing, replaced, stale, type Stamp, stranger } from './member.js'
import { GroupOffsets } from './offsets.js'

/** One consumer group at the broker: rounds of joining and assigning, sessions, committed offsets. Kafka's classic protocol. */
export class Coordinator {
  readonly groupId: string
  readonly offsets: GroupOffsets = new GroupOffsets()
  readonly #members = new Map<string, Member>()
  /** Which member holds an instance id. */
  readonly #holders = new Map<string, string>()
  #phase: 'empty' | 'joining' | 'syncing' | 'stable' = 'empty'
  #generation = 0
  #leaderId: string | null = null
  #deadline: Timer | null = null

  constructor(groupId: string) {
    this.groupId = groupId
  }

  /** JoinGroup: answers when the round has everybody, or at once when there is no need for one. */
  join(joining: Joining, answer: Deferred<Joined>): void {
    if (!joining.isNew || this.#members.has(joining.memberId)) return this.#rejoin(this.#find(joining), joining, answer)
    const holderId = joining.instanceId === null ? undefined : this.#holders.get(joining.instanceId)
    const holder = holderId === undefined ? undefined : this.#members.get(holderId)
    if (holder !== undefined) return this.#takeOver(holder, joining, answer)
    this.#admit(joining, nothing).join(joining, answer)
    this.#startRound()
  }

  /** SyncGroup: the leader says who gets what. The answer `null` means that everybody has to join again. */
  sync(stamp: Stamp, assignments: ReadonlyMap<string, Uint8Array> | null, answer: Deferred<Uint8Array | null>): void {
    const member = this.#find(stamp)
    member.renew()
    if (this.#phase === 'joining' || stamp.generation !== this.#generation) return answer.resolve(null)
    member.isSyncDue = false
    if (this.#phase === 'stable') return answer.resolve(member.assignment)
    member.syncing = answer
    if (assignments === null || member.id !== this.#leaderId) return
    this.#phase = 'stable'
    this.#setDeadline(null)
    for (const each of this.#members.values()) {
      each.assignment = Uint8Array.from(assignments.get(each.id) ?? nothing)
      each.answerSync(each.assignment)
    }
  }

  /** Returns whether the member has to join again. */
  heartbeat(stamp: Stamp): boolean {
    const member = this.#find(stamp)
    member.renew()
    if (member.joining !== null) return false
    this.#checkGeneration(stamp)
    return this.#phase === 'joining'
  }

  leave(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member !== undefined) this.#remove(member)
  }

  /** Throws `FencedError` for a membership that is over. */
  check(stamp: Stamp): void {
    this.#find(stamp)
    this.#checkGeneration(stamp)
  }

  /** Whether another process has the member's instance id. */
  isReplaced({ instanceId, memberId }: Omit<Stamp, 'generation'>): boolean {
    const holderId = instanceId === null ? undefined : this.#holders.get(instanceId)
    return holderId !== undefined && holderId !== memberId
  }

  #find(stamp: Omit<Stamp, 'generation'>): Member {
    const member = this.#members.get(stamp.memberId)
    if (member !== undefined) return member
    if (this.isReplaced(stamp)) throw replaced(this.groupId, { id: stamp.memberId, instanceId: stamp.instanceId })
    throw stranger(this.groupId, stamp.memberId)
  }

  #checkGeneration(stamp: Stamp): void {
    if (stamp.generation !== this.#generation) throw stale(this.groupId, stamp, this.#generation)
  }

  /** Only a change, or the leader's wish, makes a round. */
  #rejoin(member: Member, joining: Joining, answer: Deferred<Joined>): void {
    const isChanged = Buffer.compare(member.metadata, joining.metadata) !== 0
    member.join(joining, answer)
    const isWish = this.#phase === 'stable' && member.id === this.#leaderId
    if (this.#phase === 'joining' || isChanged || isWish) this.#startRound()
    else this.#welcome(member)
  }

  /** A static member's new process gets its place and what it was assigned, without a round unless there is one anyway. */
  #takeOver(holder: Member, joining: Joining, answer: Deferred<Joined>): void {
    this.#members.delete(holder.id)
    holder.end(replaced(this.groupId, holder))
    const member = this.#admit(joining, holder.assignment)
    member.join(joining, answer)
    if (this.#leaderId === holder.id) this.#leaderId = member.id
    if (this.#phase === 'stable') this.#welcome(member)
    else this.#startRound()
  }

  #admit(joining: Joining, assignment: Uint8Array): Member {
    const member = new Member(joining, assignment, expired => this.#remove(expired))
    this.#members.set(member.id, member)
    if (member.instanceId !== null) this.#holders.set(member.instanceId, member.id)
    return member
  }

  #startRound(): void {
    if (this.#phase !== 'joining') {
      this.#phase = 'joining'
      for (const member of this.#members.values()) {
        member.answerSync(null)
        if (member.joining === null) member.nudge()
      }
      this.#setDeadline(() => this.#endRound())
    }
    for (const member of this.#members.values()) if (member.joining === null) return
    this.#endRound()
  }

  /** Goes on with those who have joined. A static member that is away keeps its place until its session ends. */
  #endRound(): void {
    for (const member of this.#members.values()) {
      if (member.joining === null && member.instanceId === null) this.#forget(member)
    }
    const joined = [...this.#members.values()].filter(member => member.joining !== null)
    if (this.#members.size === 0) return this.#becomeEmpty()
    if (joined.length === 0) return this.#setDeadline(() => this.#endRound())
    this.#generation++
    this.#phase = 'syncing'
    if (!joined.some(member => member.id === this.#leaderId)) this.#leaderId = joined[0]?.id ?? null
    this.#setDeadline(() => this.#dropUnsynced())
    for (const member of joined) this.#welcome(member)
  }

  #welcome(member: Member): void {
    const isLeader = member.id === this.#leaderId
    member.isSyncDue = this.#phase === 'syncing'
    const members = isLeader && member.isSyncDue ? this.#roll() : null
    member.answerJoin({ generation: this.#generation, isLeader, members })
  }

  /** Everybody, sorted by id. */
  #roll(): GroupMember[] {
    const members = [...this.#members.values()].sort((left, right) => (left.id < right.id ? -1 : 1))
    return members.map(({ id, instanceId, metadata }) => ({ memberId: id, instanceId, metadata }))
  }

  #dropUnsynced(): void {
    for (const member of this.#members.values()) if (member.isSyncDue) this.#forget(member)
    if (this.#members.size === 0) this.#becomeEmpty()
    else this.#startRound()
  }

  #remove(member: Member): void {
    this.#forget(member)
    if (this.#members.size === 0) this.#becomeEmpty()
    else this.#startRound()
  }

  #forget(member: Member): void {
    member.end(stranger(this.groupId, member.id))
    this.#members.delete(member.id)
    if (member.instanceId !== null && this.#holders.get(member.instanceId) === member.id) this.#holders.delete(member.instanceId)
  }

  #becomeEmpty(): void {
    this.#phase = 'empty'
    this.#generation++
    this.#leaderId = null
    this.#setDeadline(null)
  }

  /** The longest time that a member claims for joining again. */
  #setDeadline(run: (() => void) | null): void {
    this.#deadline?.cancel()
    this.#deadline = null
    const [first] = this.#members.values()
    if (run === null || first === undefined) return
    const delayMs = Math.max(...Array.from(this.#members.values(), member => member.rebalanceTimeoutMs))
    this.#deadline = first.link.clock.after(delayMs, run, 'work')
  }
}
