import type { Headers } from '../message/record.js'

// Header names and reply JSON are Python Faust's, so that either side may be Python (docs/from-faust.md).

const names = {
  replyTo: 'Faust-Ag-ReplyTo',
  correlationId: 'Faust-Ag-CorrelationId',
  errorReplies: 'Faust-Ag-ErrorReplies',
  replyFormat: 'Faust-Ag-ReplyFormat',
} as const

/** What a message says of where its answer goes. */
export interface ReturnAddress {
  readonly topic: string
  readonly correlationId: string
  /** Whether the asker understands error replies. */
  readonly takesErrors: boolean
  /** Whether it wants the bare value under the event's key instead of a reply record. */
  readonly wantsValue: boolean
}

/** A reply as it travels; `error` only to askers that understand it. */
export interface Reply {
  readonly correlationId: string
  readonly value: unknown
  readonly error: RemoteFailure | null
}

/** Why there is no answer. */
export interface RemoteFailure {
  readonly kind: 'no-reply' | 'error'
  readonly name: string
  readonly message: string
}

/** Headers for a request whose asker waits for a reply record. */
export function askHeaders(replyTo: string, correlationId: string): Record<string, string> {
  return { [names.replyTo]: replyTo, [names.correlationId]: correlationId, [names.errorReplies]: '1' }
}

/** Headers for a request whose answer goes on to another topic as a bare value. */
export function forwardHeaders(replyTo: string, correlationId: string): Record<string, string> {
  return { [names.replyTo]: replyTo, [names.correlationId]: correlationId, [names.replyFormat]: 'value' }
}

/** The header of a bare value that answers a request. */
export function correlationHeader(correlationId: string): Record<string, string> {
  return { [names.correlationId]: correlationId }
}

/** Where the answer goes, or `null` when nobody asked. */
export function returnAddress(headers: Headers): ReturnAddress | null {
  const topic = text(headers, names.replyTo)
  if (topic === null) return null
  return {
    topic,
    correlationId: text(headers, names.correlationId) ?? '',
    takesErrors: text(headers, names.errorReplies) === '1',
    wantsValue: text(headers, names.replyFormat) === 'value',
  }
}

/** Writes a reply record; throws what `JSON.stringify` throws. */
export function encodeReply(key: unknown, reply: Reply): string {
  const { correlationId, value, error } = reply
  const record = { key: plainKey(key), value, correlation_id: correlationId, ...(error === null ? {} : { error }) }
  return JSON.stringify({ ...record, __faust: { ns: '@ReqRepResponse' } })
}

/** Reads a reply record; `null` for anything else. */
export function decodeReply(json: string): Reply | null {
  try {
    const record = JSON.parse(json) as { correlation_id?: unknown; value?: unknown; error?: RemoteFailure }
    if (typeof record.correlation_id !== 'string') return null
    return { correlationId: record.correlation_id, value: record.value, error: record.error ?? null }
  } catch {
    return null
  }
}

/** Python writes a bytes key as the text of its literal (`b'k2'`), which cannot be read back: ours is the text itself. */
function plainKey(key: unknown): unknown {
  if (key instanceof Uint8Array) return Buffer.from(key).toString()
  return key ?? null
}

function text(headers: Headers, name: string): string | null {
  const bytes = headers.get(name)
  return bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
