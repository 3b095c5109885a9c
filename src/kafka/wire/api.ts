import type { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'

/** One kind of request of Kafka's protocol, in the one version of it that this driver speaks. */
export interface Api<Args, Answer> {
  readonly name: string
  readonly key: number
  readonly version: number
  readonly write: (to: ByteWriter, args: Args) => void
  /** Never throws for an error code: answers are given in full, with the code of each part. */
  readonly read: (from: ByteReader) => Answer
  /** The error codes in an answer: that of the whole, then those of its parts. 0 is none. */
  readonly codes: (answer: Answer) => readonly number[]
}

/** What is known of any request without its arguments. */
export type AnyApi = Pick<Api<never, unknown>, 'name' | 'key' | 'version'>

/** The part of a request or an answer that is about one partition. */
export interface Part {
  readonly topic: string
  readonly partition: number
}

/** What became of one part. */
export interface PartAnswer extends Part {
  readonly errorCode: number
}

/** What became of the parts of a request, flat, topic after topic. */
export interface PartsAnswer<PerPart extends PartAnswer = PartAnswer> {
  readonly partitions: readonly PerPart[]
}

/** An answer that is nothing but an error code. */
export interface CodeAnswer {
  readonly errorCode: number
}

/** Reads `throttle error tags`; the broker throttles by answering late, so nobody needs to know how long. */
export function readCode(from: ByteReader): CodeAnswer {
  from.int32()
  return from.ended({ errorCode: from.int16() })
}

export function codeOf(answer: CodeAnswer): readonly number[] {
  return [answer.errorCode]
}

export function codesOfParts(answer: { readonly partitions: readonly CodeAnswer[] }): readonly number[] {
  return answer.partitions.map(part => part.errorCode)
}

/** Parts by topic, as requests want them: a topic that came twice would be dropped by the broker. */
export function byTopic<PerPart extends { readonly topic: string }>(
  parts: readonly PerPart[],
): (readonly [string, readonly PerPart[]])[] {
  const topics = new Map<string, PerPart[]>()
  for (const part of parts) {
    const together = topics.get(part.topic)
    if (together === undefined) topics.set(part.topic, [part])
    else together.push(part)
  }
  return [...topics]
}

/** Writes `[topic [partition]]`; `write` adds what a partition has besides its number. */
export function writeByTopic<PerPart extends Part>(
  to: ByteWriter,
  parts: readonly PerPart[],
  write: (part: PerPart) => unknown,
): ByteWriter {
  return to.array(byTopic(parts), ([topic, own]) =>
    to
      .string(topic)
      .array(own, part => {
        to.int32(part.partition)
        write(part)
        to.tags()
      })
      .tags(),
  )
}

/** Writes `[topic [number]]`, or that all are meant. */
export function writePartitionNumbers(to: ByteWriter, parts: readonly Part[] | null): ByteWriter {
  return to.array(parts && byTopic(parts), ([topic, own]) =>
    to
      .string(topic)
      .int32s(own.map(part => part.partition))
      .tags(),
  )
}

/** Reads `[topic [partition …]]` as one flat list. */
export function readByTopic<PerPart>(from: ByteReader, read: (at: Part) => PerPart): PerPart[] {
  const parts: PerPart[] = []
  from.array(() => {
    const topic = from.string()
    from.array(() => parts.push(from.ended(read({ topic, partition: from.int32() }))))
    from.tags()
  })
  return parts
}

/** Reads `throttle [topic [partition error]]`. */
export function readPartCodes(from: ByteReader): PartsAnswer {
  from.int32()
  return from.ended({ partitions: readByTopic(from, at => ({ ...at, errorCode: from.int16() })) })
}
