/**
 * What outlives the owner of a group: who is in it, and what each was assigned when its last round had ended. A generation
 * is never issued twice, so this is kept also of a group that nobody is in.
 */
export interface Round {
  readonly generation: number
  readonly leaderId: string | null
  /** Whether the leader has assigned, and nobody has gone since. */
  readonly isAssigned: boolean
  readonly members: readonly StoredMember[]
}

export interface StoredMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly process: string | null
  readonly metadata: Uint8Array
  readonly assignment: Uint8Array
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}
