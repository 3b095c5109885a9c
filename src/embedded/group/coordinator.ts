import type { Clock, Timer } from '../../lib/clock.js'
import type { GroupMember, PartitionOffset } from '../../transport/transport.js'
import type { Answer } from './answer.js'
import {
  type Entry,
  type Joined,
  type Joining,
  Member,
  nothing,
  occupied,
  replaced,
  stale,
  type Stamp,
  stranger,
} from './member.js'
import { GroupOffsets } from './offsets.js'
import type { Round } from './round.js'

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
  readonly #onChanged: () => void

  /** `onChanged` runs before anybody is told of a change; what has changed stands in `round` when the call or timer is over. */
  constructor(groupId: string, onChanged: () => void = () => undefined) {
    this.groupId = groupId
    this.#onChanged = onChanged
  }

  /** What a later owner of the group has to know. */
  get round(): Round {
    const members = Array.from(this.#members.values(), member => member.stored)
    return { generation: this.#generation, leaderId: this.#leaderId, isAssigned: this.#phase === 'stable', members }
  }

  /** The processes that members live in, as far as they are known. */
  get processes(): ReadonlySet<string> {
    const known = Array.from(this.#members.values(), member => member.process).filter(process => process !== null)
    return new Set(known)
  }

  /** Goes on where an earlier owner ended: every session begins anew, and who has no assignment has to join again. */
  restore(round: Round, { clock, nudge }: { clock: Clock; nudge: (memberId: string) => void }): void {
    this.#generation = round.generation
    this.#leaderId = round.leaderId
    for (const stored of round.members) {
      const { metadata, assignment, ...entry } = stored
      const member = this.#admit({ ...entry, clock, nudge: () => nudge(entry.memberId) }, assignment)
      member.metadata = metadata
      member.renew()
    }
    if (round.isAssigned) this.#phase = 'stable'
    else if (this.#members.size > 0) this.#startRound()
  }

  /** From now on nothing happens by itself. */
  stop(): void {
    this.#setDeadline(null)
    for (const member of this.#members.values()) member.stop()
  }

  /** JoinGroup: answers when the round has everybody, or at once when there is no need for one. */
  join(joining: Joining, answer: Answer<Joined>): void {
    if (!joining.isNew || this.#members.has(joining.memberId)) return this.#rejoin(this.#find(joining), joining, answer)
    const holderId = joining.instanceId === null ? undefined : this.#holders.get(joining.instanceId)
    const holder = holderId === undefined ? undefined : this.#members.get(holderId)
    if (holder !== undefined) return this.#takeOver(holder, joining, answer)
    this.#admit(joining, nothing).join(joining, answer)
    this.#startRound()
  }

  /** SyncGroup: the leader says who gets what. The answer `null` means that everybody has to join again. */
  sync(stamp: Stamp, assignments: ReadonlyMap<string, Uint8Array> | null, answer: Answer<Uint8Array | null>): void {
    const member = this.#find(stamp)
    member.renew()
    if (this.#phase === 'joining' || stamp.generation !== this.#generation) return answer.resolve(null)
    member.isSyncDue = false
    if (this.#phase === 'stable') return answer.resolve(member.assignment)
    member.syncing = answer
    if (assignments === null || member.id !== this.#leaderId) return
    this.#phase = 'stable'
    this.#setDeadline(null)
    this.#onChanged()
    for (const each of this.#members.values()) {
      each.assignment = Uint8Array.from(assignments.get(each.id) ?? nothing)
      each.answerSync(each.assignment)
    }
  }

  /** Who waits for this answer is gone: the member keeps its place until its session ends, or it asks again. */
  withdraw(answer: Answer<never>): void {
    for (const member of this.#members.values()) {
      if (member.joining === answer) member.joining = null
      if (member.syncing === answer) member.syncing = null
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
    if (member !== undefined) this.#remove([member])
  }

  /** Whoever lived in the process is out at once. A static member keeps its place until its session ends: it may restart. */
  evict(process: string): void {
    const members = [...this.#members.values()]
    this.#remove(members.filter(member => member.process === process && member.instanceId === null))
  }

  /**
   * Commits for nobody. Throws `TransportError` while there are members, who would go on from elsewhere; those whose process
   * is dead will not.
   */
  reset(offsets: readonly PartitionOffset[], isDead: (process: string) => boolean = () => false): void {
    const members = [...this.#members.values()]
    const names = members.filter(({ process }) => process === null || !isDead(process)).map(({ id }) => id)
    if (names.length > 0) throw occupied(this.groupId, names.sort())
    this.#remove(members)
    this.offsets.replace(offsets)
  }

  has(memberId: string): boolean {
    return this.#members.has(memberId)
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
  #rejoin(member: Member, joining: Joining, answer: Answer<Joined>): void {
    const isChanged = Buffer.compare(member.metadata, joining.metadata) !== 0
    member.join(joining, answer)
    const isWish = this.#phase === 'stable' && member.id === this.#leaderId
    if (this.#phase === 'joining' || isChanged || isWish) this.#startRound()
    else this.#welcome(member)
  }

  /** A static member's new process gets its place and what it was assigned, without a round unless there is one anyway. */
  #takeOver(holder: Member, joining: Joining, answer: Answer<Joined>): void {
    this.#members.delete(holder.id)
    this.#onChanged()
    holder.end(replaced(this.groupId, holder))
    const member = this.#admit(joining, holder.assignment)
    member.join(joining, answer)
    if (this.#leaderId === holder.id) this.#leaderId = member.id
    if (this.#phase === 'stable') this.#welcome(member)
    else this.#startRound()
  }

  #admit(entry: Entry, assignment: Uint8Array): Member {
    const member = new Member(entry, assignment, expired => this.#remove([expired]))
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
    this.#onChanged()
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

  #remove(members: readonly Member[]): void {
    if (members.length === 0) return
    for (const member of members) this.#forget(member)
    if (this.#members.size === 0) this.#becomeEmpty()
    else this.#startRound()
  }

  #forget(member: Member): void {
    this.#members.delete(member.id)
    if (member.instanceId !== null && this.#holders.get(member.instanceId) === member.id) this.#holders.delete(member.instanceId)
    this.#onChanged()
    member.end(stranger(this.groupId, member.id))
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
    this.#deadline = first.clock.after(delayMs, run, 'work')
  }
}
