import {
  codesOfParts,
  readByTopic,
  writeByTopic,
  type Api,
  type CodeAnswer,
  type Part,
  type PartAnswer,
  type PartsAnswer,
} from './api.js'
import type { ByteReader } from './byte-reader.js'

export interface NewTopic {
  readonly name: string
  /** -1 for the broker's default. */
  readonly partitions: number
  /** -1 for the broker's default. */
  readonly replicas: number
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

/** What became of one topic, and the broker's own words where it refused. */
export interface TopicAnswer extends CodeAnswer {
  readonly name: string
  readonly errorMessage: string | null
}

export interface TopicsAnswer {
  readonly topics: readonly TopicAnswer[]
}

export interface LowWatermark extends PartAnswer {
  /** The first offset that is left. */
  readonly lowWatermark: number
}

export const createTopics: Api<{ readonly topics: readonly NewTopic[]; readonly timeoutMs: number }, TopicsAnswer> = {
  name: 'CreateTopics',
  key: 19,
  version: 7,
  write: (to, { topics, timeoutMs }) =>
    to
      .array(topics, ({ name, partitions, replicas, configs }) =>
        to
          .string(name)
          .int32(partitions)
          .int16(replicas)
          .array([], () => to)
          .array(configs, config => to.string(config.name).string(config.value).tags())
          .tags(),
      )
      .int32(timeoutMs)
      .boolean(false)
      .tags(),
  read: from => {
    from.int32()
    return from.ended({ topics: from.array(() => readCreated(from)) })
  },
  codes: codesOfTopics,
}

/** `count` is how many there are to be. */
export const createPartitions: Api<
  { readonly topics: readonly { readonly name: string; readonly count: number }[]; readonly timeoutMs: number },
  TopicsAnswer
> = {
  name: 'CreatePartitions',
  key: 37,
  version: 3,
  write: (to, { topics, timeoutMs }) =>
    to
      // No assignments: an empty list of them would be refused.
      .array(topics, ({ name, count }) =>
        to
          .string(name)
          .int32(count)
          .array(null, () => to)
          .tags(),
      )
      .int32(timeoutMs)
      .boolean(false)
      .tags(),
  read: from => {
    from.int32()
    const topics = from.array(() =>
      from.ended({ name: from.string(), errorCode: from.int16(), errorMessage: from.nullableString() }),
    )
    return from.ended({ topics })
  },
  codes: codesOfTopics,
}

export const deleteTopics: Api<{ readonly names: readonly string[]; readonly timeoutMs: number }, TopicsAnswer> = {
  name: 'DeleteTopics',
  key: 20,
  version: 6,
  write: (to, { names, timeoutMs }) =>
    to
      .array(names, name => to.string(name).uuid(null).tags())
      .int32(timeoutMs)
      .tags(),
  read: from => {
    from.int32()
    const topics = from.array(() => {
      const name = from.string()
      from.uuid()
      return from.ended({ name, errorCode: from.int16(), errorMessage: from.nullableString() })
    })
    return from.ended({ topics })
  },
  codes: codesOfTopics,
}

/** Answered by leaders only, each for its own partitions; `offset` is the first to stay. */
export const deleteRecords: Api<
  { readonly partitions: readonly (Part & { readonly offset: number })[]; readonly timeoutMs: number },
  PartsAnswer<LowWatermark>
> = {
  name: 'DeleteRecords',
  key: 21,
  version: 2,
  write: (to, { partitions, timeoutMs }) =>
    writeByTopic(to, partitions, ({ offset }) => to.int64(offset))
      .int32(timeoutMs)
      .tags(),
  read: from => {
    from.int32()
    const partitions = readByTopic(from, at => ({ ...at, lowWatermark: from.int64(), errorCode: from.int16() }))
    return from.ended({ partitions })
  },
  codes: codesOfParts,
}

function readCreated(from: ByteReader): TopicAnswer {
  const name = from.string()
  from.uuid()
  const topic = { name, errorCode: from.int16(), errorMessage: from.nullableString() }
  from.int32()
  from.int16()
  from.array(() => {
    from.string()
    from.nullableString()
    from.raw(3)
    from.tags()
  })
  return from.ended(topic)
}

function codesOfTopics(answer: TopicsAnswer): readonly number[] {
  return answer.topics.map(topic => topic.errorCode)
}
