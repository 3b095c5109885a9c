import { SendError } from '../errors.js'
import type { Headers } from '../message/record.js'

/** A message that is ready to go but for its partition. */
export interface Letter {
  topic: string
  /** `null` leaves the choice to the key, or to the turn of the partitions. */
  partition: number | null
  timestamp: number
  key: Uint8Array | null
  keyStart: number
  keyEnd: number
  value: string | Uint8Array | null
  headers: Headers | null
  /** A partition that the topic does not have is counted round from the first. */
  wraps?: boolean
}

/** Whether it names a partition that may be there, and was not when the topic was looked at last. */
export function isBeyond({ partition, wraps }: Letter, partitions: number): boolean {
  return partition !== null && partition >= partitions && wraps !== true && Number.isInteger(partition)
}

/** The partition that a message names. Throws `SendError` where the topic has none such. */
export function named({ topic, partition, wraps }: Letter, partitions: number): number {
  const number = partition as number
  if (Number.isInteger(number) && number >= 0 && (number < partitions || wraps === true)) return number % partitions
  throw new SendError(
    `Cannot send to partition ${number} of "${topic}": it has ${partitions}. Name one from 0 to ${partitions - 1}, or none.`,
    { topic },
  )
}

/** What is counted of it while it waits. */
export function sizeOf({ value }: Letter): number {
  return value?.length ?? 0
}
