import type { Api, CodeAnswer } from './api.js'
import type { ByteReader } from './byte-reader.js'

/** What became of one topic's configuration. */
export interface ConfigAnswer extends CodeAnswer {
  readonly topic: string
  readonly errorMessage: string | null
}

export interface TopicConfigs extends ConfigAnswer {
  readonly configs: readonly TopicConfig[]
}

interface TopicConfig {
  readonly name: string
  /** `null` for what is secret. */
  readonly value: string | null
  /** Whether nobody has set it for this topic. */
  readonly isInherited: boolean
}

export interface ConfigChanges {
  readonly topics: readonly {
    readonly topic: string
    readonly configs: readonly { readonly name: string; readonly value: string }[]
  }[]
}

const topicResource = 2
const setOperation = 0
const setForTheTopic = 1

/** Only of topics; `names: null` asks for all configurations. */
export const describeConfigs: Api<
  { readonly topics: readonly string[]; readonly names: readonly string[] | null },
  { readonly topics: readonly TopicConfigs[] }
> = {
  name: 'DescribeConfigs',
  key: 32,
  version: 4,
  write: (to, { topics, names }) =>
    to
      .array(topics, topic =>
        to
          .int8(topicResource)
          .string(topic)
          .array(names, name => to.string(name))
          .tags(),
      )
      .boolean(false)
      .boolean(false)
      .tags(),
  read: from => {
    from.int32()
    const topics = from.array(() => from.ended({ ...readResource(from), configs: from.array(() => readConfig(from)) }))
    return from.ended({ topics })
  },
  codes: codesOfTopics,
}

/** Sets what is named and leaves the rest alone. Only of topics. */
export const alterConfigs: Api<ConfigChanges, { readonly topics: readonly ConfigAnswer[] }> = {
  name: 'IncrementalAlterConfigs',
  key: 44,
  version: 1,
  write: (to, { topics }) =>
    to
      .array(topics, ({ topic, configs }) =>
        to
          .int8(topicResource)
          .string(topic)
          .array(configs, ({ name, value }) => to.string(name).int8(setOperation).string(value).tags())
          .tags(),
      )
      .boolean(false)
      .tags(),
  read: from => {
    from.int32()
    return from.ended({ topics: from.array(() => from.ended(readResource(from))) })
  },
  codes: codesOfTopics,
}

function readResource(from: ByteReader): ConfigAnswer {
  const [errorCode, errorMessage] = [from.int16(), from.nullableString()]
  from.int8()
  return { errorCode, errorMessage, topic: from.string() }
}

function readConfig(from: ByteReader): TopicConfig {
  const [name, value] = [from.string(), from.nullableString()]
  from.boolean()
  const source = from.int8()
  from.boolean()
  from.array(() => {
    from.string()
    from.nullableString()
    from.int8()
    from.tags()
  })
  from.int8()
  from.nullableString()
  return from.ended({ name, value, isInherited: source !== setForTheTopic })
}

function codesOfTopics(answer: { readonly topics: readonly CodeAnswer[] }): readonly number[] {
  return answer.topics.map(topic => topic.errorCode)
}
