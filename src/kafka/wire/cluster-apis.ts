import type { Api, CodeAnswer } from './api.js'
import { codeOf } from './api.js'
import type { ByteReader } from './byte-reader.js'

/** What a broker speaks. */
export interface VersionsAnswer extends CodeAnswer {
  readonly ranges: readonly VersionRange[]
  /** Features of the whole cluster by name, with the level that is on now: `transaction.version` 2. */
  readonly features: ReadonlyMap<string, number>
}

interface VersionRange {
  readonly key: number
  readonly lowest: number
  readonly highest: number
}

export interface Broker {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface MetadataAnswer {
  readonly brokers: readonly Broker[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly TopicMetadata[]
}

export interface TopicMetadata extends CodeAnswer {
  /** `null` when it was asked for by its identity and is unknown. */
  readonly name: string | null
  readonly id: string
  readonly isInternal: boolean
  /** In no order. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata extends CodeAnswer {
  readonly partition: number
  /** Node id; -1 while there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  readonly offline: readonly number[]
}

/** A topic by its name or by its identity. */
export type TopicRef = { readonly name: string; readonly id?: never } | { readonly id: string; readonly name?: never }

export type CoordinatorKind = 'group' | 'transaction'

export interface CoordinatorAnswer extends CodeAnswer {
  readonly key: string
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly errorMessage: string | null
}

export const apiVersions: Api<null, VersionsAnswer> = {
  name: 'ApiVersions',
  key: 18,
  version: 4,
  write: to => to.string('faust-ts').string('1').tags(),
  read: readVersions,
  codes: codeOf,
}

/** `topics: null` asks for all of them. Topics are never created by asking. */
export const metadata: Api<{ readonly topics: readonly TopicRef[] | null }, MetadataAnswer> = {
  name: 'Metadata',
  key: 3,
  version: 12,
  write: (to, { topics }) =>
    to
      .array(topics, topic =>
        to
          .uuid(topic.id ?? null)
          .string(topic.name ?? null)
          .tags(),
      )
      .boolean(false)
      .boolean(false)
      .tags(),
  read: readMetadata,
  codes: ({ topics }) => topics.flatMap(topic => [topic.errorCode, ...topic.partitions.map(part => part.errorCode)]),
}

export const findCoordinator: Api<
  { readonly kind: CoordinatorKind; readonly keys: readonly string[] },
  { readonly coordinators: readonly CoordinatorAnswer[] }
> = {
  name: 'FindCoordinator',
  key: 10,
  version: 6,
  write: (to, { kind, keys }) =>
    to
      .int8(kind === 'group' ? 0 : 1)
      .array(keys, key => to.string(key))
      .tags(),
  read: from => {
    from.int32()
    const coordinators = from.array(() =>
      from.ended({
        key: from.string(),
        nodeId: from.int32(),
        host: from.string(),
        port: from.int32(),
        errorCode: from.int16(),
        errorMessage: from.nullableString(),
      }),
    )
    return from.ended({ coordinators })
  },
  codes: ({ coordinators }) => coordinators.map(found => found.errorCode),
}

const unsupportedVersion = 35
const finalizedFeatures = 2

function readVersions(from: ByteReader): VersionsAnswer {
  const errorCode = from.int16()
  // A broker that does not know this version answers in version 0, which has neither compact lengths nor tags.
  if (errorCode === unsupportedVersion) {
    return { errorCode, ranges: Array.from({ length: from.int32() }, () => readRange(from)), features: new Map() }
  }
  const ranges = from.array(() => from.ended(readRange(from)))
  from.int32()
  const features = new Map<string, number>()
  from.tags((tag, field) => {
    if (tag === finalizedFeatures) readFeatures(field, features)
  })
  return { errorCode, ranges, features }
}

function readRange(from: ByteReader): VersionRange {
  return { key: from.int16(), lowest: from.int16(), highest: from.int16() }
}

function readFeatures(field: ByteReader, into: Map<string, number>): void {
  field.array(() => {
    into.set(field.string(), field.int16())
    field.int16()
    field.tags()
  })
}

function readMetadata(from: ByteReader): MetadataAnswer {
  from.int32()
  return from.ended({
    brokers: from.array(() =>
      from.ended({ nodeId: from.int32(), host: from.string(), port: from.int32(), rack: from.nullableString() }),
    ),
    clusterId: from.nullableString(),
    controllerId: from.int32(),
    topics: from.array(() => readTopic(from)),
  })
}

function readTopic(from: ByteReader): TopicMetadata {
  const topic = {
    errorCode: from.int16(),
    name: from.nullableString(),
    id: from.uuid(),
    isInternal: from.boolean(),
    partitions: from.array(() => readPartition(from)),
  }
  // The operations that we may carry out, which we never ask for.
  from.int32()
  return from.ended(topic)
}

function readPartition(from: ByteReader): PartitionMetadata {
  return from.ended({
    errorCode: from.int16(),
    partition: from.int32(),
    leader: from.int32(),
    leaderEpoch: from.int32(),
    replicas: from.int32s(),
    inSync: from.int32s(),
    offline: from.int32s(),
  })
}
