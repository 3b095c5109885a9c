import type { Headers } from '../message/record.js'
import type { Batch } from '../transport/transport.js'
import type { Host } from './host.js'

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
export function sendDeadLetter(host: Host, message: { batch: Batch; index: number; to: string | undefined }, failure: Failure): void {
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
    headers: withFailure(batch.headers?.at(index), { batch, index, failure }),
    wraps: true,
  })
}

/** The headers that a dead letter had before it was one. */
export function originalHeaders(headers: Headers): Record<string, string> {
  const kept = [...headers].filter(([name]) => !name.startsWith(prefix))
  return Object.fromEntries(kept.map(([name, value]) => [name, Buffer.from(value).toString()]))
}

/** What the headers of a dead letter say, by the last word of their names. */
export function failureOf(headers: Headers): Record<string, string> {
  const said = [...headers].filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(said.map(([name, value]) => [name.slice(prefix.length), Buffer.from(value).toString()]))
}

function withFailure(headers: Headers | undefined, place: { batch: Batch; index: number; failure: Failure }): Headers {
  const { batch, index, failure } = place
  const facts: Record<string, string> = {
    ...described(failure.error),
    topic: batch.topic,
    partition: String(batch.partition),
    offset: String(batch.offsets[index]),
    agent: failure.agent,
    attempts: String(failure.attempts),
  }
  const all = new Map(headers ?? [])
  for (const [name, value] of Object.entries(facts)) all.set(prefix + name, Buffer.from(value))
  return all
}

function described(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) return { exception: typeof error, message: String(error), stacktrace: '' }
  return { exception: error.name, message: error.message, stacktrace: error.stack ?? '' }
}
