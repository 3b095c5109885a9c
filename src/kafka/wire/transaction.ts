import {
  codeOf,
  codesOfParts,
  readCode,
  readPartCodes,
  writePartitionNumbers,
  type Api,
  type CodeAnswer,
  type Part,
  type PartsAnswer,
} from './api.js'
import type { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'
import type { MemberIdentity } from './group.js'
import { writeCommits, type CommitPart } from './offsets.js'

/** A producer as the broker knows it: a newer epoch of the same id fences this one. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

interface OfTransaction extends ProducerIdentity {
  readonly transactionalId: string
}

export interface InitProducerArgs {
  /** `null` for a producer that is idempotent only. */
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  /** Who asks for the next epoch: refused once a newer producer has come. Unless given, the newer one is who asks. */
  readonly current?: ProducerIdentity
}

export interface InitProducerAnswer extends CodeAnswer, ProducerIdentity {}

/** Offsets to commit within the transaction; without the member's identity nothing would fence them. */
export interface TransactionOffsets extends OfTransaction, MemberIdentity {
  readonly partitions: readonly CommitPart[]
}

export interface EndArgs extends OfTransaction {
  readonly isCommitted: boolean
}

/** Asks for a new identity, or for the next epoch of the one that the transactional id has. */
export const initProducerId: Api<InitProducerArgs, InitProducerAnswer> = {
  name: 'InitProducerId',
  key: 22,
  version: 5,
  // -1 and -1: whoever sends 0 and 0 is fenced at its restart.
  write: (to, { transactionalId, transactionTimeoutMs, current }) =>
    to
      .string(transactionalId)
      .int32(transactionTimeoutMs)
      .int64(current?.producerId ?? -1)
      .int16(current?.producerEpoch ?? -1)
      .tags(),
  read: readIdentity,
  codes: codeOf,
}

/** Version 1 of the transaction protocol; in version 2 `produceInTransaction` does it. */
export const addPartitionsToTransaction: Api<OfTransaction & { readonly partitions: readonly Part[] }, PartsAnswer> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  version: 3,
  write: (to, args) => writePartitionNumbers(writeProducer(to, args), args.partitions).tags(),
  read: readPartCodes,
  codes: codesOfParts,
}

/** Version 1 of the transaction protocol; in version 2 `commitOffsetsInTransaction` does it. */
export const addOffsetsToTransaction: Api<OfTransaction & { readonly groupId: string }, CodeAnswer> = {
  name: 'AddOffsetsToTxn',
  key: 25,
  version: 4,
  write: (to, args) => writeProducer(to, args).string(args.groupId).tags(),
  read: readCode,
  codes: codeOf,
}

/** Sent to the group's coordinator, once `addOffsetsToTransaction` was answered. */
export const commitAddedOffsets: Api<TransactionOffsets, PartsAnswer> = offsetsInTransaction(4)

/** Version 2 of the transaction protocol: adds the group by itself. Sent to the group's coordinator. */
export const commitOffsetsInTransaction: Api<TransactionOffsets, PartsAnswer> = offsetsInTransaction(5)

/** Version 1 of the transaction protocol. */
export const endTransaction: Api<EndArgs, CodeAnswer> = {
  name: 'EndTxn',
  key: 26,
  version: 4,
  write: writeEnd,
  read: readCode,
  codes: codeOf,
}

/** Version 2 of the transaction protocol: the answer has the next epoch, under which sequences begin at 0 again. */
export const endTransactionWithNewEpoch: Api<EndArgs, InitProducerAnswer> = {
  name: 'EndTxn',
  key: 26,
  version: 5,
  write: writeEnd,
  read: readIdentity,
  codes: codeOf,
}

function offsetsInTransaction(version: 4 | 5): Api<TransactionOffsets, PartsAnswer> {
  return {
    name: 'TxnOffsetCommit',
    key: 28,
    version,
    write: (to, args) => {
      to.string(args.transactionalId).string(args.groupId).int64(args.producerId).int16(args.producerEpoch)
      to.int32(args.generation).string(args.memberId).string(args.instanceId)
      writeCommits(to, args.partitions).tags()
    },
    read: readPartCodes,
    codes: codesOfParts,
  }
}

function writeProducer(to: ByteWriter, args: OfTransaction): ByteWriter {
  return to.string(args.transactionalId).int64(args.producerId).int16(args.producerEpoch)
}

function writeEnd(to: ByteWriter, args: EndArgs): ByteWriter {
  return writeProducer(to, args).boolean(args.isCommitted).tags()
}

function readIdentity(from: ByteReader): InitProducerAnswer {
  from.int32()
  return from.ended({ errorCode: from.int16(), producerId: from.int64(), producerEpoch: from.int16() })
}
