import { isUtf8 } from 'node:buffer'
import type { StoredMessage } from './read-messages.js'

/** A dead letter as it is printed. */
export interface DeadLetter {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly time: string
  /** Where the message came from; `null` when its headers do not say. */
  readonly original: { readonly topic: string; readonly partition: number; readonly offset: number } | null
  /** `null` when the message never reached one. */
  readonly agent: string | null
  readonly attempts: number
  readonly error: { readonly name: string; readonly message: string; readonly stack: string }
  readonly key: Text | null
  readonly value: Text | null
  readonly headers: Readonly<Record<string, Text>>
}

/** Bytes as text, or as base64 where they are none. */
type Text = string | { readonly base64: string }

/** Dead letters of a topic are in the topic of that name with this behind it. */
export const deadLetterSuffix = '-dead-letters'

const prefix = '__faust.errors.'

/** Reads a dead letter's headers (the shape of Kafka Streams' KIP-1034). */
export function deadLetterOf(message: StoredMessage): DeadLetter {
  const { topic, partition, offset, timestamp, key, value } = message
  const said = (name: string): string => Buffer.from(message.headers.get(prefix + name) ?? '').toString()
  return {
    topic,
    partition,
    offset,
    time: new Date(timestamp).toISOString(),
    original:
      said('topic') === ''
        ? null
        : { topic: said('topic'), partition: Number(said('partition')), offset: Number(said('offset')) },
    agent: said('agent') || null,
    attempts: Number(said('attempts')),
    error: { name: said('exception'), message: said('message'), stack: said('stacktrace') },
    key: textOf(key),
    value: textOf(value),
    headers: Object.fromEntries([...originalHeaders(message)].map(([name, bytes]) => [name, textOf(bytes) as Text])),
  }
}

/** The headers that the message had before it was a dead letter. */
export function originalHeaders({ headers }: StoredMessage): Map<string, Uint8Array> {
  return new Map([...headers].filter(([name]) => !name.startsWith(prefix)))
}

/** A dead letter for people. */
export function letterLines(letter: DeadLetter): string[] {
  const { original, agent, attempts, error, headers } = letter
  return [
    `message   ${letter.topic}[${letter.partition}]@${letter.offset}`,
    `time      ${letter.time}`,
    `original  ${original === null ? '-' : `${original.topic}[${original.partition}]@${original.offset}`}`,
    `agent     ${agent ?? '-'}${attempts > 1 ? ` (${attempts} attempts)` : ''}`,
    `error     ${error.name}: ${error.message}`,
    ...error.stack.split('\n').slice(1),
    `key       ${shown(letter.key)}`,
    ...Object.entries(headers).map(([name, text], index) => `${index === 0 ? 'headers ' : '        '}  ${name}: ${shown(text)}`),
    `value     ${shown(letter.value)}`,
  ]
}

function textOf(bytes: Uint8Array | null): Text | null {
  if (bytes === null) return null
  const buffer = Buffer.from(bytes)
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') }
}

function shown(text: Text | null): string {
  if (text === null) return '-'
  return typeof text === 'string' ? text : `${text.base64} (base64)`
}
