import { AppChannel } from '../channel/channel.js'
import type { Host } from '../channel/host.js'
import type { Letter } from '../channel/letter.js'
import { TopicColumns } from '../channel/topic-columns.js'
import { AppTopic } from '../channel/topic.js'
import { ClosedError, FaustError, SendError } from '../errors.js'
import { thrown } from '../lib/thrown.js'
import { awaited } from '../stream/awaited.js'
import type { Destination } from '../stream/contract.js'
import type { Hands, InHand } from '../stream/hands.js'
import type { Held } from '../stream/lane.js'
import { AppAgent, type SinkEntry } from './agent.js'
import { correlationHeader, encodeReply, returnAddress, type RemoteFailure, type ReturnAddress } from './protocol.js'

/** What an actor yields leaves here: the answer to whoever asked first, then each sink in turn. */
export class Outlet {
  readonly #agent: AppAgent
  readonly #host: Host
  readonly #hands: Hands
  /** Used again for every message: the outbox copies what it keeps. */
  readonly #letter: Letter = {
    topic: '',
    partition: null,
    timestamp: 0,
    key: null,
    keyStart: 0,
    keyEnd: 0,
    value: null,
    headers: null,
  }

  constructor(agent: AppAgent, host: Host, hands: Hands) {
    this.#agent = agent
    this.#host = host
    this.#hands = hands
  }

  /** A promise where something has to be waited for before the agent goes on; `null` otherwise. */
  emit(value: unknown): Promise<void> | null {
    const held = this.#hands.current
    if (held !== null && held.lot.columns.hasHeaders && !held.isAnswered) this.#answer(held, value)
    const { sinks } = this.#agent
    for (let at = 0; at < sinks.length; at++) {
      const wait = this.#give(sinks[at] as SinkEntry, value, held)
      if (wait !== null) return this.#giveRest(sinks.slice(at + 1), wait, { value, held })
    }
    return null
  }

  async #giveRest(
    sinks: readonly SinkEntry[],
    first: Promise<unknown>,
    yielded: { value: unknown; held: Held | null },
  ): Promise<void> {
    await first
    for (const sink of sinks) await this.#give(sink, yielded.value, yielded.held)
  }

  #give(entry: SinkEntry, value: unknown, held: Held | null): Promise<unknown> | null {
    const { sink, key } = entry
    if (typeof sink === 'function') return awaited((sink as (value: unknown) => unknown)(value))
    const target = sink instanceof AppAgent ? sink.source : sink
    if (target instanceof AppTopic) return this.#toTopic(target, value, held, key)
    const sinkKey = key !== undefined ? key(value) : held === null ? null : held.lot.columns.key(held.index)
    if (target instanceof AppChannel)
      return target.offer(value, { key: sinkKey, timestamp: held?.lot.columns.timestamp(held.index) })
    return awaited((target as Destination<unknown>).send(value, { key: sinkKey }))
  }

  /** Under the event's key and at its time, as Kafka Streams does; the commit waits for it, the agent does not. */
  // oxlint-disable-next-line max-params -- once per yield: an options object would be made for each
  #toTopic(topic: AppTopic, value: unknown, held: Held | null, key: SinkEntry['key']): null {
    const columns = held?.lot.columns
    if (key === undefined && held !== null && columns instanceof TopicColumns && columns.keyCodec === topic.keyCodec) {
      const { batch } = columns
      const letter = this.#letter
      letter.topic = topic.target
      letter.timestamp = columns.timestamp(held.index)
      letter.keyStart = batch.keyStarts[held.index] as number
      letter.keyEnd = batch.keyEnds[held.index] as number
      letter.key = letter.keyStart < 0 ? null : batch.buffer
      letter.value = topic.encode(this.#host, value)
      this.#host.outbox.post(letter)
      return null
    }
    const ownKey = key !== undefined ? key(value) : held === null || columns === undefined ? null : columns.key(held.index)
    const timestamp = held === null || columns === undefined ? undefined : columns.timestamp(held.index)
    this.#host.outbox.post(topic.letter(this.#host, value, { key: ownKey, timestamp }))
    return null
  }

  #answer(held: InHand, value: unknown): void {
    const address = returnAddress(held.lot.columns.headers(held.index))
    if (address === null) return
    sendReply(this.#host, held, { address, value, error: null })
    held.isAnswered = true
  }
}

/** Tells whoever asked why there will be no answer, if they understand that. */
export function sendFailure(host: Host, held: Held, error: RemoteFailure): void {
  if (!held.lot.columns.hasHeaders) return
  const address = returnAddress(held.lot.columns.headers(held.index))
  if (address === null || !address.takesErrors) return
  try {
    sendReply(host, held, { address, value: null, error })
  } catch (unsendable) {
    // Such as a key that JSON has no way to write: whoever asks runs into the timeout.
    const { topic, correlationId } = address
    host.log.warn({ topic, correlationId, error: unsendable }, `Cannot say why there is no answer: ${thrown(unsendable).message}`)
  }
}

function sendReply(host: Host, held: Held, reply: { address: ReturnAddress; value: unknown; error: RemoteFailure | null }): void {
  const { topic, correlationId, wantsValue, takesErrors } = reply.address
  const key = held.lot.columns.key(held.index)
  const timestamp = host.clock.now()
  if (wantsValue) {
    const headers = correlationHeader(correlationId)
    host.outbox.send(host.topicNamed(topic).letter(host, reply.value, { key, timestamp, headers }))
    return
  }
  // Python wants the field to be there; an asker of ours is given `undefined` for what is not.
  const answer = reply.value === undefined && !takesErrors ? null : reply.value
  const value = encodeReply(key, { correlationId, value: answer, error: reply.error })
  const letter = { topic, partition: null, timestamp, key: null, keyStart: 0, keyEnd: 0, value, headers: null }
  // Whoever asked may be gone, with the topic: that is no reason to stop.
  host.outbox.send(letter).catch((error: unknown) => {
    const facts = { topic, correlationId, error }
    if (isLasting(error)) host.log.warn(facts, `A reply was not sent, whoever asked waits in vain: ${thrown(error).message}`)
    else host.log.debug(facts, 'A reply found nobody')
  })
}

/** A reply topic that is gone could be there again; what is refused each time, here or by a broker, must not go unnoticed. */
function isLasting(error: unknown): boolean {
  const why = error instanceof SendError ? error.cause : error
  return why instanceof FaustError && !why.retriable && !(why instanceof ClosedError)
}
