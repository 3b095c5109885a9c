import { currentBody } from '../stream/current-event.js'
import { Hands } from '../stream/hands.js'
import { StreamQueue } from '../stream/queue.js'
import { EventStream, type StreamParts } from '../stream/stream.js'
import type { Home, Host } from './host.js'

/** Something to read: a topic or a channel. */
export interface StreamSource {
  readonly name: string
  readonly connect: (host: Host, queue: StreamQueue) => void
}

/**
 * A stream over a source. Made in the body of an agent or task it belongs to that body, and a later run of the body goes
 * on with it; made elsewhere it connects when its first loop starts, and again when the worker it was connected to has stopped.
 */
export function openStream(home: Home, source: StreamSource): EventStream {
  const body = currentBody()
  let reading: ReturnType<StreamParts['open']> | null = null
  let host: Host | null = null
  const open: StreamParts['open'] = isNewLoop => {
    const isStale = isNewLoop === true && body === null && reading?.hands.isEnded === true
    if (reading !== null && !isStale) return reading
    const reader = body === null ? home.worker() : (body.host as Host)
    host = reader
    const connect = (): StreamQueue => {
      const queue = new StreamQueue()
      source.connect(reader, queue)
      return queue
    }
    const queue = body === null ? connect() : body.claim(source.name, connect)
    const hands = body?.hands ?? new Hands()
    if (body === null) reader.adopt(hands)
    reading = { queue, hands, turn: reader.turn, gate: reader.outbox }
    return reading
  }
  if (body !== null) open()
  return new EventStream({
    open,
    stages: [],
    isManual: false,
    clock: () => (host ?? home.worker()).clock,
    hop: (stream, topic) => (body === null ? home.worker() : (body.host as Host)).hop(stream, topic, body),
  })
}
