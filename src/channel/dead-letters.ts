import { thrown } from '../lib/thrown.js'
import type { Headers } from '../message/record.js'
import type { Columns } from '../stream/delivered.js'
import type { Batch } from '../transport/transport.js'
import type { Host, HostTopic } from './host.js'

/** What went wrong with a message, as its dead letter's headers tell. */
export interface Failure {
  readonly error: unknown
  /** Name of the agent; empty when the message never reached one. */
  readonly agent: string
  readonly attempts: number
}

const prefix = '__faust.errors.'

/** Dead letters of a topic go to the topic of that name with this behind it. */
export const deadLetterSuffix = '-dead-letters'

/**
 * Sends a message as it came, bytes and headers, with headers that say what happened (the shape of Kafka Streams'
 * KIP-1034). `<topic>-dead-letters` has as many partitions as its source, unless declared otherwise, and gets the message
 * into the same one.
 */
export function sendDeadLetter(
  host: Host,
  message: { batch: Batch; index: number; to: string | undefined },
  failure: Failure,
): void {
  const { batch, index } = message
  const keyStart = batch.keyStarts[index] as number
  const valueStart = batch.valueStarts[index] as number
  host.outbox.send({
    topic: message.to ?? batch.topic + deadLetterSuffix,
    partition: message.to === undefined ? batch.partition : null,
    timestamp: batch.timestamps[index] as number,
    key: keyStart < 0 ? null : batch.buffer,
    keyStart,
    keyEnd: batch.keyEnds[index] as number,
    value: valueStart < 0 ? null : batch.buffer.subarray(valueStart, batch.valueEnds[index]),
    headers: withFailure(batch.headers?.at(index), { ...placeIn(batch, index), failure }),
    wraps: true,
  })
}

/** Sends an event that came by reference, as its topic writes it; throws `EncodeError`. */
export function sendDeadLetterOf(host: Host, event: { columns: Columns; index: number; to: HostTopic }, failure: Failure): void {
  const { columns, index, to } = event
  const letter = to.letter(host, columns.open()[index], { key: columns.key(index), timestamp: columns.timestamp(index) })
  const { topic, partition } = columns
  letter.headers = withFailure(columns.headers(index), { topic, partition, offset: columns.offset(index), failure })
  host.outbox.send(letter)
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

function placeIn(batch: Batch, index: number): Place {
  return { topic: batch.topic, partition: batch.partition, offset: batch.offsets[index] as number }
}

function withFailure(headers: Headers | undefined, fate: Place & { failure: Failure }): Headers {
  const { topic, partition, offset, failure } = fate
  const facts: Record<string, string> = {
    ...described(failure.error),
    topic,
    partition: String(partition),
    offset: String(offset),
    agent: failure.agent,
    attempts: String(failure.attempts),
  }
  const all = new Map(headers ?? [])
  for (const [name, value] of Object.entries(facts)) all.set(prefix + name, Buffer.from(value))
  return all
}

function described(error: unknown): Record<string, string> {
  const { name, message } = thrown(error)
  if (!(error instanceof Error)) return { exception: typeof error, message, stacktrace: '' }
  return { exception: name, message, stacktrace: error.stack ?? '' }
}
