import type { Api, CodeAnswer } from './api.js'

/** A group as its coordinator sees it. */
export interface GroupDescription extends CodeAnswer {
  readonly groupId: string
  /** `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`. */
  readonly state: string
  readonly protocolType: string
  readonly protocol: string
  readonly members: readonly DescribedMember[]
}

interface DescribedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly metadata: Buffer
  readonly assignment: Buffer
}

export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
  /** `classic`, `consumer`, `share`. */
  readonly type: string
}

export interface DeletedGroup extends CodeAnswer {
  readonly groupId: string
}

/** Answered by the groups' coordinator. An unknown group answers `GROUP_ID_NOT_FOUND` or the state `Dead`. */
export const describeGroups: Api<{ readonly groupIds: readonly string[] }, { readonly groups: readonly GroupDescription[] }> = {
  name: 'DescribeGroups',
  key: 15,
  version: 5,
  write: (to, { groupIds }) =>
    to
      .array(groupIds, id => to.string(id))
      .boolean(false)
      .tags(),
  read: from => {
    from.int32()
    const groups = from.array(() => {
      const group = {
        errorCode: from.int16(),
        groupId: from.string(),
        state: from.string(),
        protocolType: from.string(),
        protocol: from.string(),
        members: from.array(() =>
          from.ended({
            memberId: from.string(),
            instanceId: from.nullableString(),
            clientId: from.string(),
            clientHost: from.string(),
            metadata: from.bytes(),
            assignment: from.bytes(),
          }),
        ),
      }
      from.int32()
      return from.ended(group)
    })
    return from.ended({ groups })
  },
  codes: ({ groups }) => groups.map(group => group.errorCode),
}

/** Every broker lists the groups that it coordinates, and no others. */
export const listGroups: Api<null, CodeAnswer & { readonly groups: readonly ListedGroup[] }> = {
  name: 'ListGroups',
  key: 16,
  version: 5,
  write: to =>
    to
      .array([], () => to)
      .array([], () => to)
      .tags(),
  read: from => {
    from.int32()
    const errorCode = from.int16()
    const groups = from.array(() =>
      from.ended({ groupId: from.string(), protocolType: from.string(), state: from.string(), type: from.string() }),
    )
    return from.ended({ errorCode, groups })
  },
  codes: answer => [answer.errorCode],
}

/** Answered by the groups' coordinator. */
export const deleteGroups: Api<{ readonly groupIds: readonly string[] }, { readonly groups: readonly DeletedGroup[] }> = {
  name: 'DeleteGroups',
  key: 42,
  version: 2,
  write: (to, { groupIds }) => to.array(groupIds, id => to.string(id)).tags(),
  read: from => {
    from.int32()
    return from.ended({ groups: from.array(() => from.ended({ groupId: from.string(), errorCode: from.int16() })) })
  },
  codes: ({ groups }) => groups.map(group => group.errorCode),
}
