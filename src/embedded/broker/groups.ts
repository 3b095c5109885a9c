import type { Clock } from '../../lib/clock.js'
import type { PartitionOffset } from '../../transport/transport.js'
import { Coordinator } from '../group/coordinator.js'
import type { Round } from '../group/round.js'
import type { Committer, Staged } from './committer.js'
import { DeathWatch } from './death-watch.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'

/** The consumer groups of a broker: their rounds and their offsets, in memory and in the metadata. */
export class Groups {
  readonly #surroundings: Surroundings
  readonly #committer: Committer
  readonly #deaths: DeathWatch
  readonly #coordinators = new Map<string, Coordinator>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#committer = surroundings.committer
    this.#deaths = new DeathWatch({ ...surroundings, onDead: process => this.#evict(process) })
  }

  async load(metadata: Metadata): Promise<void> {
    for await (const [[groupId, topic, partition], offset] of metadata.all<number>('offset')) {
      this.open(groupId as string).offsets.commit([{ topic: topic as string, partition: Number(partition), offset }])
    }
    for await (const [[groupId], record] of metadata.all<GroupRecord>('group')) {
      const { clock } = this.#surroundings
      const nudge = (memberId: string): void => this.#surroundings.nudge(groupId as string, memberId)
      this.open(groupId as string).restore(toRound(record), { clock, nudge })
    }
  }

  /** Members may have died with the last owner, or since. */
  start(): void {
    for (const { processes } of this.#coordinators.values()) for (const process of processes) this.#deaths.suspect(process)
  }

  /** A connection of the process has closed: if it has died, its members are out. */
  suspect(process: string): void {
    const isKnown = [...this.#coordinators.values()].some(({ processes }) => processes.has(process))
    if (isKnown) this.#deaths.suspect(process)
  }

  /** `undefined` for a group that nobody has joined or committed for. */
  get(groupId: string): Coordinator | undefined {
    return this.#coordinators.get(groupId)
  }

  open(groupId: string): Coordinator {
    const known = this.#coordinators.get(groupId)
    if (known !== undefined) return known
    const staged: Staged = {
      stage: metadata => metadata.set(keyOf('group', groupId), toRecord(coordinator.round)),
    }
    const coordinator: Coordinator = new Coordinator(groupId, () => this.#committer.touch(staged))
    this.#coordinators.set(groupId, coordinator)
    return coordinator
  }

  commit(groupId: string, offsets: readonly PartitionOffset[]): void {
    this.open(groupId).offsets.commit(offsets)
    for (const { topic, partition, offset } of offsets) {
      this.#committer.set(keyOf('offset', groupId, topic, partition), offset)
    }
  }

  /** Makes the committed offsets exactly these. Throws `TransportError` while the group has members that may be alive. */
  reset(groupId: string, offsets: readonly PartitionOffset[]): void {
    const coordinator = this.open(groupId)
    const before = coordinator.offsets.all()
    coordinator.reset(offsets, this.#surroundings.isDead)
    this.#forget(groupId, before)
    this.commit(groupId, offsets)
  }

  /** A topic that is deleted takes the offsets along. */
  forgetTopic(topic: string): void {
    for (const [groupId, { offsets }] of this.#coordinators) {
      const lost = offsets.all().filter(at => at.topic === topic)
      offsets.forget(topic)
      this.#forget(groupId, lost)
    }
  }

  /** From now on nothing happens by itself. */
  stop(): void {
    this.#deaths.stop()
    for (const coordinator of this.#coordinators.values()) coordinator.stop()
  }

  #evict(process: string): void {
    for (const coordinator of this.#coordinators.values()) coordinator.evict(process)
  }

  #forget(groupId: string, offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition } of offsets) this.#committer.delete(keyOf('offset', groupId, topic, partition))
  }
}

interface Surroundings {
  readonly committer: Committer
  readonly clock: Clock
  /** Whether a client's process is dead for certain. */
  readonly isDead: (process: string) => boolean
  /** Asks a member to join again, through whichever connection it speaks now. */
  readonly nudge: (groupId: string, memberId: string) => void
}

/** A round as JSON: bytes are in base 64. */
type GroupRecord = Omit<Round, 'members'> & {
  readonly members: readonly (Omit<Round['members'][number], 'metadata' | 'assignment'> & {
    readonly metadata: string
    readonly assignment: string
  })[]
}

function toRecord(round: Round): GroupRecord {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const members = round.members.map(member => ({
    ...member,
    metadata: base64(member.metadata),
    assignment: base64(member.assignment),
  }))
  return { ...round, members }
}

function toRound(record: GroupRecord): Round {
  const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64')
  const members = record.members.map(member => ({
    ...member,
    metadata: bytes(member.metadata),
    assignment: bytes(member.assignment),
  }))
  return { ...record, members }
}
