import type { Host } from '../channel/host.js'
import { OptionError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import type { Stream, Topic } from '../stream/contract.js'
import { enterBody, type BodyScope } from '../stream/current-event.js'
import { Hands, type InHand } from '../stream/hands.js'
import type { Held } from '../stream/lane.js'
import type { StreamQueue } from '../stream/queue.js'
import { EventStream } from '../stream/stream.js'
import type { AppAgent } from './agent.js'
import { isCancellation } from './error-policy.js'
import { Outlet } from './outlet.js'

export interface ActorOptions {
  readonly agent: AppAgent
  readonly host: Host
  readonly queue: StreamQueue
  /** Queues that bodies of this agent have opened, by the name and order of their calls: a fresh run goes on with them. */
  readonly opened: Map<string, StreamQueue>
  /** Whether the body stays known across awaits. */
  readonly isScoped: boolean
  /** An event with headers settled without an answer. */
  readonly onUnanswered: (held: Held) => void
  readonly onEnded: (actor: Actor) => void
  readonly onFailed: (actor: Actor, failure: ActorFailure) => void
  readonly hopFailed: BodyScope['hopFailed']
}

export interface ActorFailure {
  readonly error: unknown
  /** What it had in hand. */
  readonly held: readonly InHand[]
  /** Whether it was told to end, and its work was broken off because of that (`stream.signal`). */
  readonly isCancelled: boolean
}

/** One running instance of an agent: drives the user's function and knows which events are in hand. */
export class Actor implements BodyScope {
  isRunning = true
  readonly hands: Hands
  readonly queue: StreamQueue
  readonly #options: ActorOptions
  readonly #outlet: Outlet
  readonly #claims = new Map<string, number>()
  readonly #over = new Deferred<void>()

  constructor(options: ActorOptions) {
    this.#options = options
    this.queue = options.queue
    this.hands = new Hands(options.onUnanswered)
    this.#outlet = new Outlet(options.agent, options.host, this.hands)
  }

  /** Runs the body up to its first request for an event, or to whatever else it waits for. */
  start(): void {
    enterBody(this, this.#options.isScoped, () => {
      try {
        this.#drive(this.#options.agent.run(this.#stream()))
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  /** Its next request for an event ends the stream. */
  end(): void {
    this.hands.end()
  }

  /** Resolves when the body has ended; at once for one that has never asked for an event. */
  get over(): Promise<void> {
    return this.hands.hasRead ? this.#over.promise : Promise.resolve()
  }

  get host(): Host {
    return this.#options.host
  }

  claim(name: string, open: () => StreamQueue): StreamQueue {
    const nth = this.#claims.get(name) ?? 0
    this.#claims.set(name, nth + 1)
    const key = `${name}#${nth}`
    const queue = this.#options.opened.get(key) ?? open()
    this.#options.opened.set(key, queue)
    return queue
  }

  get onUnanswered(): (held: Held) => void {
    return this.#options.onUnanswered
  }

  hopFailed(error: unknown, held: readonly InHand[]): Promise<void> {
    return this.#options.hopFailed(error, held)
  }

  #stream(): EventStream {
    const { host, queue } = this.#options
    const reading = { queue, hands: this.hands, turn: host.turn, gate: host.outbox }
    return new EventStream({
      open: () => reading,
      stages: [],
      isManual: false,
      clock: () => host.clock,
      hop: (stream, topic) => this.#hop(stream, topic),
    })
  }

  /** Partitions on the far side of a hop are other ones: they cannot be one actor's each. */
  #hop(stream: EventStream, topic: Topic<unknown, unknown>): Stream<unknown, unknown> {
    const { agent, host } = this.#options
    if (!agent.settings.isolatedPartitions) return host.hop(stream, topic, this)
    const remedy = `Let a second agent with isolatedPartitions read "${topic.name}".`
    throw new OptionError(`Agent "${agent.name}" has isolatedPartitions, so its stream cannot go through a topic. ${remedy}`, {
      option: 'isolatedPartitions',
    })
  }

  #drive(output: unknown): void {
    if (!isAsyncIterable(output)) {
      Promise.resolve(output).then(
        () => this.#ended(),
        (error: unknown) => this.#fail(error),
      )
      return
    }
    const yields = output[Symbol.asyncIterator]()
    const fail = (error: unknown): void => this.#fail(error)
    const giveUp = (error: unknown): void => void this.#close(yields).then(() => this.#fail(error))
    const onYield = (result: IteratorResult<unknown>): void => {
      if (result.done === true) return this.#ended()
      try {
        const wait = this.#outlet.emit(result.value)
        if (wait === null) yields.next().then(onYield, fail)
        else wait.then(() => yields.next().then(onYield, fail), giveUp)
      } catch (error) {
        giveUp(error)
      }
    }
    yields.next().then(onYield, fail)
  }

  /** A sink failed: the generator, suspended at its yield, is told to go. */
  async #close(yields: AsyncIterator<unknown>): Promise<void> {
    try {
      await yields.return?.()
    } catch {
      // The sink's failure is the one to report.
    }
  }

  #ended(): void {
    this.isRunning = false
    this.hands.settleAll()
    this.#over.resolve()
    this.#options.onEnded(this)
  }

  #fail(error: unknown): void {
    if (!this.isRunning) return
    this.isRunning = false
    const isCancelled = this.hands.isEnded && isCancellation(error, this.hands.signal)
    const held = this.hands.take()
    // Another loop of the same body must not go on beside the actor that takes over.
    this.hands.end()
    this.#over.resolve()
    try {
      this.#options.onFailed(this, { error, held, isCancelled })
    } catch (unhandled) {
      // Nobody else would hear of it.
      this.host.fail(unhandled)
    }
  }
}

function isAsyncIterable(output: unknown): output is AsyncIterable<unknown> {
  return typeof output === 'object' && output !== null && Symbol.asyncIterator in output
}
