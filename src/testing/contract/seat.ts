import type { Connection, Group, GroupMember, GroupOptions, Membership } from '../../transport/transport.js'

/** A member of a group in a test: it joins again whenever it is asked to, unless told otherwise. */
export class Seat {
  readonly connection: Connection
  readonly group: Group
  /** Of the last join that was answered. */
  membership: Membership | null = null
  /** What it says of itself when it joins. */
  metadata = ''
  isObedient = true
  /** How often it was asked to join again. */
  notices = 0
  /** How often it has joined. */
  rounds = 0
  readonly lost: Error[] = []
  readonly refusals: unknown[] = []
  /** Whom it saw when it last was the leader. */
  roll: readonly GroupMember[] = []
  /** What the leader gives each; its own metadata back unless said otherwise. */
  assign: (members: readonly GroupMember[]) => ReadonlyMap<string, Uint8Array> | Promise<ReadonlyMap<string, Uint8Array>> = echo
  #joining = 0
  #isAsked = false

  constructor(connection: Connection, options: Omit<GroupOptions, 'onRebalance' | 'onLost'>) {
    this.connection = connection
    this.group = connection.group({
      ...options,
      onRebalance: () => {
        this.notices++
        if (this.isObedient) this.start()
      },
      onLost: error => void this.lost.push(error),
    })
  }

  /** Whether all have joined the same round, and no other is under way. */
  static agree(seats: readonly Seat[]): boolean {
    const generations = new Set(seats.map(seat => seat.membership?.generation))
    const leader = seats.find(seat => seat.membership?.isLeader)
    const isJoining = seats.some(seat => seat.#joining > 0)
    return !isJoining && generations.size === 1 && leader !== undefined && leader.roll.length === seats.length
  }

  get current(): Membership {
    return this.membership as Membership
  }

  get memberId(): string {
    return this.current.memberId
  }

  /** What it was assigned, as text. */
  get assigned(): string | undefined {
    return this.membership === null ? undefined : Buffer.from(this.membership.assignment).toString()
  }

  /** Joins, and again if asked meanwhile; what goes wrong is in `refusals`. */
  start(): void {
    if (this.#joining > 0) this.#isAsked = true
    else this.join().catch((error: unknown) => void this.refusals.push(error))
  }

  async join(): Promise<Membership> {
    this.#joining++
    this.#isAsked = false
    try {
      const assign = (members: readonly GroupMember[]): ReturnType<Seat['assign']> => this.assign((this.roll = members))
      this.membership = await this.group.join({ topics: [], metadata: Buffer.from(this.metadata), assign })
      this.rounds++
      return this.membership
    } finally {
      this.#joining--
      if (this.#isAsked) this.start()
    }
  }
}

function echo(members: readonly GroupMember[]): ReadonlyMap<string, Uint8Array> {
  return new Map(members.map(({ memberId, metadata }) => [memberId, metadata]))
}
