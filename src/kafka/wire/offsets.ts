import {
  codesOfParts,
  readByTopic,
  readPartCodes,
  writeByTopic,
  writePartitionNumbers,
  type Api,
  type CodeAnswer,
  type Part,
  type PartAnswer,
  type PartsAnswer,
} from './api.js'
import type { ByteWriter } from './byte-writer.js'
import type { MemberIdentity } from './group.js'

/** A position to commit: the next offset to read. */
export interface CommitPart extends Part {
  readonly offset: number
  /** Of which log it is; kept beside it, since brokers know topics of offsets by their names only. */
  readonly logId?: string
}

interface CommittedPart extends PartAnswer {
  /** -1 where nothing was ever committed. */
  readonly offset: number
  /** Where it was committed with one. */
  readonly logId?: string
}

export interface CommittedAnswer extends PartsAnswer<CommittedPart>, CodeAnswer {}

export interface OffsetFetchArgs {
  readonly groupId: string
  /** `null` for all that the group has committed. */
  readonly partitions: readonly Part[] | null
  /** Whether an offset that an open transaction is about to change answers `UNSTABLE_OFFSET_COMMIT`. */
  readonly requiresStable: boolean
}

/** Instead of a timestamp: the first offset, the one after the last. */
export const earliest = -2
export const latest = -1

export interface ListOffsetsArgs {
  readonly isReadCommitted: boolean
  /** `timestamp` in milliseconds since 1970, or `earliest` or `latest`. */
  readonly partitions: readonly (Part & { readonly timestamp: number })[]
}

export interface ListedPart extends PartAnswer {
  /** -1 where no message is that young. */
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** Without being a member: generation -1, memberId '', for a group that has no members. */
export const offsetCommit: Api<MemberIdentity & { readonly partitions: readonly CommitPart[] }, PartsAnswer> = {
  name: 'OffsetCommit',
  key: 8,
  version: 9,
  write: (to, args) => {
    to.string(args.groupId).int32(args.generation).string(args.memberId).string(args.instanceId)
    writeCommits(to, args.partitions).tags()
  },
  read: readPartCodes,
  codes: codesOfParts,
}

export const offsetFetch: Api<OffsetFetchArgs, CommittedAnswer> = {
  name: 'OffsetFetch',
  key: 9,
  version: 9,
  write: (to, { groupId, partitions, requiresStable }) =>
    to
      .array([groupId], id => {
        to.string(id).string(null).int32(-1)
        writePartitionNumbers(to, partitions).tags()
      })
      .boolean(requiresStable)
      .tags(),
  read: from => {
    from.int32()
    const groups = from.array(() => {
      from.string()
      const partitions = readByTopic(from, at => {
        const offset = from.int64()
        from.int32()
        const logId = logIdIn(from.nullableString())
        return { ...at, offset, ...logId, errorCode: from.int16() }
      })
      return from.ended({ partitions, errorCode: from.int16() })
    })
    return from.ended(groups[0] ?? { partitions: [], errorCode: 0 })
  },
  codes: answer => [answer.errorCode, ...codesOfParts(answer)],
}

/** Answered by leaders only, each for its own partitions. */
export const listOffsets: Api<ListOffsetsArgs, PartsAnswer<ListedPart>> = {
  name: 'ListOffsets',
  key: 2,
  version: 9,
  write: (to, { isReadCommitted, partitions }) => {
    to.int32(-1).int8(isReadCommitted ? 1 : 0)
    writeByTopic(to, partitions, ({ timestamp }) => to.int32(-1).int64(timestamp)).tags()
  },
  read: from => {
    from.int32()
    const partitions = readByTopic(from, at => ({
      ...at,
      errorCode: from.int16(),
      timestamp: from.int64(),
      offset: from.int64(),
      leaderEpoch: from.int32(),
    }))
    return from.ended({ partitions })
  },
  codes: codesOfParts,
}

/** Writes `[topic [partition offset epoch metadata]]`. */
export function writeCommits(to: ByteWriter, partitions: readonly CommitPart[]): ByteWriter {
  return writeByTopic(to, partitions, ({ offset, logId }) =>
    to
      .int64(offset)
      .int32(-1)
      .string(logId === undefined ? '' : logMark + logId),
  )
}

/** In the text that may go with each committed offset. */
const logMark = 'topic='

function logIdIn(text: string | null): { logId: string } | null {
  return text?.startsWith(logMark) ? { logId: text.slice(logMark.length) } : null
}
