import { byTopic, codesOfParts, readByTopic, type Api, type Part, type PartAnswer, type PartsAnswer } from './api.js'
import type { ByteReader } from './byte-reader.js'

export interface ProduceArgs {
  /** `null` outside of transactions. */
  readonly transactionalId: string | null
  /** How long the broker may wait for its replicas. */
  readonly timeoutMs: number
  /** Every partition once. A long batch is not copied when the request is made: leave it alone until the answer. */
  readonly partitions: readonly (Part & { readonly batch: Uint8Array })[]
}

export interface ProducedPart extends PartAnswer {
  /** Offset of the batch's first record; -1 with an error. */
  readonly baseOffset: number
  readonly logStartOffset: number
  readonly errorMessage: string | null
  /** The records for whose sake the batch was refused, where the broker names them. */
  readonly recordErrors: readonly RecordError[]
}

/** Why the record at a place of a batch was refused. */
export interface RecordError {
  readonly place: number
  readonly message: string | null
}

/** Acknowledged by all replicas that are in sync. Answered by leaders only. */
export const produce: Api<ProduceArgs, PartsAnswer<ProducedPart>> = produceIn(11)

/** Version 2 of the transaction protocol: adds the partitions to the transaction by itself. */
export const produceInTransaction: Api<ProduceArgs, PartsAnswer<ProducedPart>> = produceIn(12)

function produceIn(version: 11 | 12): Api<ProduceArgs, PartsAnswer<ProducedPart>> {
  return {
    name: 'Produce',
    key: 0,
    version,
    write: (to, { transactionalId, timeoutMs, partitions }) =>
      to
        .string(transactionalId)
        .int16(-1)
        .int32(timeoutMs)
        .array(byTopic(partitions), ([topic, own]) =>
          to
            .string(topic)
            .array(own, ({ partition, batch }) => to.int32(partition).bytes(batch).tags())
            .tags(),
        )
        .tags(),
    read: from => {
      const partitions = readByTopic(from, at => readProduced(from, at))
      from.int32()
      return from.ended({ partitions })
    },
    codes: codesOfParts,
  }
}

function readProduced(from: ByteReader, at: Part): ProducedPart {
  const [errorCode, baseOffset] = [from.int16(), from.int64()]
  // When the broker appended it, which is known only where the broker stamps messages.
  from.int64()
  const logStartOffset = from.int64()
  const recordErrors = from.array(() => from.ended({ place: from.int32(), message: from.nullableString() }))
  return { ...at, errorCode, baseOffset, logStartOffset, recordErrors, errorMessage: from.nullableString() }
}
