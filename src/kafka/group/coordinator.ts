import type { TopicPartition } from '../../transport/transport.js'
import type { Cluster } from '../cluster/cluster.js'
import type { Purpose } from '../cluster/connections.js'
import type { CoordinatorKey } from '../cluster/coordinators.js'
import type { CodeAnswer, PartsAnswer } from '../wire/api.js'
import {
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
  type JoinAnswer,
  type JoinArgs,
  type MemberIdentity,
  type SyncAnswer,
  type SyncArgs,
} from '../wire/group.js'
import { offsetCommit, offsetFetch, type CommitPart, type CommittedAnswer } from '../wire/offsets.js'

export interface CoordinatorOptions {
  readonly cluster: Cluster
  readonly groupId: string
  /** Tells members of one connection apart. */
  readonly number: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/**
 * One member's way to the coordinator of its group, whoever that is by then. A round waits for the other members, so it has a
 * connection of its own: nothing else may wait behind it.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions
  readonly #of: CoordinatorKey
  readonly #rounds: Purpose
  readonly #purpose: Purpose

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#of = { kind: 'group', key: options.groupId }
    this.#rounds = `round:${options.number}`
    this.#purpose = `group:${options.number}`
  }

  /** Waits until the others have joined as well, or their time is up. */
  join(args: JoinArgs, signal: AbortSignal): Promise<JoinAnswer> {
    const what = `Cannot join the group "${args.groupId}"`
    return this.#options.cluster.atCoordinator(this.#of, joinGroup, { what, args, ...this.#patience(signal) })
  }

  /** Waits until the leader has said who gets what. */
  sync(args: SyncArgs, signal: AbortSignal): Promise<SyncAnswer> {
    const what = `Cannot get the assignment of the group "${args.groupId}"`
    return this.#options.cluster.atCoordinator(this.#of, syncGroup, { what, args, ...this.#patience(signal) })
  }

  beat(args: MemberIdentity): Promise<CodeAnswer> {
    const { cluster, sessionTimeoutMs } = this.#options
    const what = `Cannot stay in the group "${args.groupId}"`
    const patience = { timeoutMs: sessionTimeoutMs, requestTimeoutMs: sessionTimeoutMs / 2 }
    return cluster.atCoordinator(this.#of, heartbeat, { what, args, purpose: this.#purpose, ...patience })
  }

  commit(identity: MemberIdentity, partitions: readonly CommitPart[]): Promise<PartsAnswer> {
    const what = `Cannot commit the offsets of the group "${identity.groupId}"`
    const args = { ...identity, partitions }
    return this.#options.cluster.atCoordinator(this.#of, offsetCommit, { what, args, purpose: this.#purpose })
  }

  /** Waits for open transactions, as long as they take. */
  committed(partitions: readonly TopicPartition[], signal?: AbortSignal): Promise<CommittedAnswer> {
    const { cluster, groupId } = this.#options
    const what = `Cannot read the offsets of the group "${groupId}"`
    const args = { groupId, partitions, requiresStable: true }
    const asking = { what, args, purpose: this.#purpose, timeoutMs: Infinity, ...(signal && { signal }) }
    return cluster.atCoordinator(this.#of, offsetFetch, asking)
  }

  /** Does not take long, whatever happens: whoever leaves has no time for a broker that is away. */
  async leave({ groupId, memberId, instanceId }: MemberIdentity): Promise<void> {
    const what = `Cannot leave the group "${groupId}"`
    const args = { groupId, members: [{ memberId, instanceId }], reason: null }
    const asking = { what, args, purpose: this.#purpose, timeoutMs: goodbyeMs }
    await this.#options.cluster.atCoordinator(this.#of, leaveGroup, asking)
  }

  /** What waits for the others waits no longer. */
  endRounds(): void {
    this.#options.cluster.release(this.#rounds)
  }

  release(): void {
    this.endRounds()
    this.#options.cluster.release(this.#purpose)
  }

  #patience(signal: AbortSignal): { purpose: Purpose; timeoutMs: number; requestTimeoutMs: number; signal: AbortSignal } {
    const requestTimeoutMs = this.#options.rebalanceTimeoutMs + graceMs
    return { purpose: this.#rounds, timeoutMs: requestTimeoutMs + searchMs, requestTimeoutMs, signal }
  }
}

/** Beyond what a round may take. */
const graceMs = 10_000
/** For finding a coordinator that is there, as for any other request. */
const searchMs = 60_000
const goodbyeMs = 5000
