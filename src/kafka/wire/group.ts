import { codeOf, readCode, type Api, type CodeAnswer } from './api.js'

/** Who speaks: what fences a member that has been replaced or has missed a round. Never left out. */
export interface MemberIdentity {
  readonly groupId: string
  /** -1 for somebody who is no member. */
  readonly generation: number
  /** '' for somebody who is no member. */
  readonly memberId: string
  readonly instanceId: string | null
}

export interface JoinArgs {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** '' at first: the answer is then `MEMBER_ID_REQUIRED`, with the id to join under. */
  readonly memberId: string
  readonly instanceId: string | null
  /** What the member speaks, best first. The broker reads `metadata` as a subscription (consumer-protocol.ts). */
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  readonly reason: string | null
}

export interface JoinAnswer extends CodeAnswer {
  readonly generation: number
  readonly protocol: string | null
  readonly leaderId: string
  /** A static member has come back as the leader and everybody keeps what he has: it syncs without assignments. */
  readonly skipsAssignment: boolean
  readonly memberId: string
  /** Everybody, to the leader only. */
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null; readonly metadata: Buffer }[]
}

export interface SyncArgs extends MemberIdentity {
  readonly protocol: string
  /** From the leader; nobody else has any. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]
}

export interface SyncAnswer extends CodeAnswer {
  readonly assignment: Buffer
}

export interface LeaveArgs {
  readonly groupId: string
  /** A static member is named by its instance and has memberId ''. */
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null }[]
  readonly reason: string | null
}

export interface LeaveAnswer extends CodeAnswer {
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null; readonly errorCode: number }[]
}

/** What lag tools look for. */
const protocolType = 'consumer'

export const joinGroup: Api<JoinArgs, JoinAnswer> = {
  name: 'JoinGroup',
  key: 11,
  version: 9,
  write: (to, args) =>
    to
      .string(args.groupId)
      .int32(args.sessionTimeoutMs)
      .int32(args.rebalanceTimeoutMs)
      .string(args.memberId)
      .string(args.instanceId)
      .string(protocolType)
      .array(args.protocols, ({ name, metadata }) => to.string(name).bytes(metadata).tags())
      .string(args.reason)
      .tags(),
  read: from => {
    from.int32()
    const [errorCode, generation] = [from.int16(), from.int32()]
    from.nullableString()
    return from.ended({
      errorCode,
      generation,
      protocol: from.nullableString(),
      leaderId: from.string(),
      skipsAssignment: from.boolean(),
      memberId: from.string(),
      members: from.array(() =>
        from.ended({ memberId: from.string(), instanceId: from.nullableString(), metadata: from.bytes() }),
      ),
    })
  },
  codes: codeOf,
}

export const syncGroup: Api<SyncArgs, SyncAnswer> = {
  name: 'SyncGroup',
  key: 14,
  version: 5,
  write: (to, args) =>
    to
      .string(args.groupId)
      .int32(args.generation)
      .string(args.memberId)
      .string(args.instanceId)
      .string(protocolType)
      .string(args.protocol)
      .array(args.assignments, ({ memberId, assignment }) => to.string(memberId).bytes(assignment).tags())
      .tags(),
  read: from => {
    from.int32()
    const errorCode = from.int16()
    from.nullableString()
    from.nullableString()
    return from.ended({ errorCode, assignment: from.bytes() })
  },
  codes: codeOf,
}

export const heartbeat: Api<MemberIdentity, CodeAnswer> = {
  name: 'Heartbeat',
  key: 12,
  version: 4,
  write: (to, args) => to.string(args.groupId).int32(args.generation).string(args.memberId).string(args.instanceId).tags(),
  read: readCode,
  codes: codeOf,
}

export const leaveGroup: Api<LeaveArgs, LeaveAnswer> = {
  name: 'LeaveGroup',
  key: 13,
  version: 5,
  write: (to, { groupId, members, reason }) =>
    to
      .string(groupId)
      .array(members, member => to.string(member.memberId).string(member.instanceId).string(reason).tags())
      .tags(),
  read: from => {
    from.int32()
    const errorCode = from.int16()
    const members = from.array(() =>
      from.ended({ memberId: from.string(), instanceId: from.nullableString(), errorCode: from.int16() }),
    )
    return from.ended({ errorCode, members })
  },
  codes: answer => [answer.errorCode, ...answer.members.map(member => member.errorCode)],
}
