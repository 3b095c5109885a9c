import type { Host } from '../channel/host.js'
import type { AppTopic } from '../channel/topic.js'
import { enterAs, type BodyScope } from '../stream/current-event.js'
import { Hands } from '../stream/hands.js'
import { StreamQueue } from '../stream/queue.js'
import { EventStream } from '../stream/stream.js'

export interface HopOptions {
  readonly host: Host
  readonly source: EventStream
  readonly topic: AppTopic
  readonly body: BodyScope | null
}

/**
 * `through(topic)`: sends every event of `source` on, key and headers kept, and gives the stream of what comes out there.
 * It is made once: a body that runs again goes on with it. An `ask` is answered behind the hop, so passing on leaves it open.
 */
export function hop(options: HopOptions): EventStream {
  const { host, source, topic, body } = options
  const name = `through:${topic.target}`
  const queue = body === null ? connect(options) : body.claim(name, () => connect(options))
  const hands = body?.hands ?? new Hands()
  if (body === null) host.adopt(hands)
  const reading = { queue, hands, turn: host.turn, gate: host.outbox }
  return new EventStream({
    open: () => reading,
    stages: [],
    isManual: source.isManual,
    clock: () => host.clock,
    hop: (stream, next) => host.hop(stream, next, body),
  })
}

function connect(options: HopOptions): StreamQueue {
  const { host, source, topic, body } = options
  const queue = new StreamQueue()
  host.subscribe({ topic, queueFor: () => queue })
  const hands = new Hands(body?.onUnanswered)
  host.adopt(hands)
  const reading = { ...source.opened(), hands }
  const passOn = (): Promise<void> =>
    forward(
      source.readBy(() => reading),
      hands,
      options,
    )
  void (body === null ? passOn() : enterAs(passingOn(body, hands), passOn))
  return queue
}

/** What passes on for a body has hands of its own: what an operator asks there is theirs. */
function passingOn(body: BodyScope, hands: Hands): BodyScope {
  const { host, onUnanswered } = body
  return {
    host,
    onUnanswered,
    hands,
    claim: (name, open) => body.claim(name, open),
    hopFailed: (error, held) => body.hopFailed(error, held),
  }
}

/** Runs until the source ends; a failure (an operator before the hop threw) goes to whoever's stream it is. */
async function forward(stream: EventStream, hands: Hands, options: HopOptions): Promise<void> {
  const { host, topic, body } = options
  for (;;) {
    try {
      for await (const event of stream.events()) {
        const letter = topic.letter(host, event.value, { key: event.key, timestamp: event.timestamp })
        host.outbox.post({ ...letter, headers: event.headers.size > 0 ? event.headers : null })
        const held = hands.current
        if (held !== null) held.isAnswered = true
      }
      return
    } catch (error) {
      const held = hands.take()
      if (body === null) {
        for (const { lot, index } of held) lot.giveBack(index)
        return host.fail(error)
      }
      await body.hopFailed(error, held)
    }
  }
}
