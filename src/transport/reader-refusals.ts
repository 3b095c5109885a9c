import { ClosedError, TransportError } from '../errors.js'
import type { TopicPartition } from './transport.js'

// What every driver's reader refuses, in the same words.

export function readerClosed(at: TopicPartition): ClosedError {
  return new ClosedError(`${cannotRead(at)}: the reader is closed. Open another one.`)
}

/** For a partition that is added and was not removed before. */
export function readAlready(at: TopicPartition): TransportError {
  return new TransportError(`${cannotRead(at)}: this reader reads it already. Remove it first.`)
}

/** For a partition whose topic is not there any more; another one may have its name. */
export function topicDeleted(at: TopicPartition, what: string = cannotRead(at)): TransportError {
  const remedy = 'Remove the partition, and add it again if there is a new one.'
  return new TransportError(`${what}: the topic "${at.topic}" has been deleted. ${remedy}`, { retriable: false })
}

function cannotRead({ topic, partition }: TopicPartition): string {
  return `Cannot read "${topic}"[${partition}]`
}
