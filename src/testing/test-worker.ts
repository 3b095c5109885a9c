import { MemoryBroker } from '../embedded/memory/broker.js'
import type { App, Channel, Duration, Running, SendOptions, SilentAgent, Topic } from '../index.js'
import { nextTurn, systemClock } from '../lib/clock.js'
import { seededRandom } from '../lib/random.js'
import { traces } from '../lib/trace.js'
import { recording, type Recording } from './recording.js'
import { VirtualClock } from './virtual-clock.js'

// oxlint-disable-next-line typescript/no-explicit-any -- the one variance alias: whatever key a channel has
type AnyKey = any

/** An app at work on a broker and a clock of its own. */
export interface TestWorker extends AsyncDisposable {
  /**
   * Sends a value, and resolves when everything it caused is settled: no event queued, no actor at work, except where
   * something waits for the clock. Rejects with what stopped the worker, and with `EncodeError` for a value that does not
   * survive its round trip.
   */
  send<Value, Key>(
    to: Channel<Value, Key> | SilentAgent<Value, Key>,
    value: NoInfer<Value>,
    options?: SendOptions<NoInfer<Key>>,
  ): Promise<void>
  /** Everything that a topic or channel has got so far, in order of arrival, as a reader sees it. */
  received<Value>(topic: Channel<Value, AnyKey>): Promise<Value[]>
  /** Lets time pass; what falls due meanwhile runs instant by instant. Resolves when all is quiet again. */
  advance(by: Duration): Promise<void>
}

/** How `testWorker` runs an app. */
export interface TestWorkerOptions {
  /** How many workers share the work; default 1. */
  workers?: number
  /** Of everything random; default 1. */
  seed?: number
  /** Where the clock starts; default 2025-01-01T00:00:00Z. */
  start?: number | Date
}

/**
 * Runs an app's production code on an empty memory broker and a clock that stands still. Throws what `app.start()` throws.
 *
 * @example
 * await using worker = await testWorker(app)
 * expect(await adding.ask({ a: 4, b: 4 })).toBe(8)
 */
export async function testWorker(app: App, options: TestWorkerOptions = {}): Promise<TestWorker> {
  const simulation = new Simulation(app, options)
  await simulation.start(options.workers ?? 1)
  return simulation
}

interface ChannelSent {
  readonly channel: object
  readonly value: unknown
}

class Simulation implements TestWorker {
  readonly #app: App
  readonly #clock: VirtualClock
  readonly #recording: Recording
  readonly #world: Disposable
  readonly #sent: ChannelSent[] = []
  readonly #hear = (facts: unknown): void => void this.#sent.push(facts as ChannelSent)
  #running: Running[] = []
  #failure: { error: unknown } | null = null
  #advancing = 0
  #isOver = false

  constructor(app: App, { seed = 1, start }: TestWorkerOptions) {
    this.#app = app
    this.#clock = new VirtualClock(start === undefined ? {} : { start })
    this.#recording = recording(new MemoryBroker().transport())
    this.#world = app.override({
      broker: this.#recording.transport,
      clock: this.#clock,
      random: seededRandom(seed),
      logger: quiet,
      isSimulated: true,
    })
  }

  async start(workers: number): Promise<void> {
    traces.channelSent.subscribe(this.#hear)
    try {
      for (let count = 0; count < workers; count++) this.#watch(await this.#app.start())
      await this.#clock.settled()
      this.#lookAfterAsks()
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  async send<Value, Key>(
    to: Channel<Value, Key> | SilentAgent<Value, Key>,
    value: Value,
    options?: SendOptions<Key>,
  ): Promise<void> {
    this.#throwFailure()
    let refused: Promise<never> | null = null
    to.send(value, options).then(undefined, (error: unknown) => {
      refused = Promise.reject(error)
      refused.catch(() => undefined)
    })
    await this.#quiet()
    await (refused as Promise<never> | null)
  }

  async received<Value>(topic: Channel<Value, AnyKey>): Promise<Value[]> {
    const name = (topic as Partial<Topic<Value, AnyKey>>).name
    if (!('target' in topic)) return this.#sent.filter(({ channel }) => channel === topic).map(({ value }) => value as Value)
    const messages = this.#recording.of(String(name))
    return await Promise.all(messages.map(({ value }) => this.#app.decode(topic as unknown as Topic<Value, AnyKey>, value)))
  }

  async advance(by: Duration): Promise<void> {
    this.#throwFailure()
    this.#advancing++
    try {
      await this.#unlessFailed(this.#clock.advance(by))
    } finally {
      this.#advancing--
    }
    await this.#quiet()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    const stopped = Promise.all(this.#running.map(running => running.stop())).then(() => this.#app[Symbol.asyncDispose]())
    try {
      await this.#passUntil(stopped)
    } finally {
      traces.channelSent.unsubscribe(this.#hear)
      this.#world[Symbol.dispose]()
    }
  }

  #watch(running: Running): void {
    this.#running.push(running)
    running.stopped.catch((error: unknown) => {
      this.#failure ??= { error }
    })
  }

  async #quiet(): Promise<void> {
    do await this.#unlessFailed(this.#clock.settled())
    while (this.#giveUpAsks())
    this.#throwFailure()
  }

  /** An `ask` that nobody and nothing is left to answer is given up now, not when its time is over. */
  #giveUpAsks(): boolean {
    const { queued, atWork, asking } = this.#clock.activity()
    const isHopeless = asking > 0 && queued === 0 && atWork === 0 && !this.#clock.hasWork && this.#advancing === 0
    if (isHopeless) this.#clock.giveUp()
    return isHopeless
  }

  #lookAfterAsks(): void {
    if (this.#isOver) return
    systemClock.after(1, () => void this.#lookOnce(), 'background')
  }

  async #lookOnce(): Promise<void> {
    if (this.#clock.activity().asking > 0) {
      await this.#unlessFailed(this.#clock.settled())
      this.#giveUpAsks()
    }
    this.#lookAfterAsks()
  }

  /** A worker that has failed may never be quiet. */
  async #unlessFailed(done: Promise<void>): Promise<void> {
    let isDone = false
    const finish = (): void => {
      isDone = true
    }
    done.then(finish, finish)
    while (!isDone && this.#failure === null && !this.#isOver) await nextTurn(systemClock)
    if (isDone) await done
  }

  /** Deadlines of a stop are on the clock too: time passes for whoever does not let go. */
  async #passUntil(stopped: Promise<void>): Promise<void> {
    let isStopped = false
    const finish = (): void => {
      isStopped = true
    }
    stopped.then(finish, finish)
    for (let turns = 0; !isStopped; turns++) {
      await nextTurn(systemClock)
      if (turns > patienceTurns) this.#clock.skip(100)
    }
    await stopped
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}

/** Turns that a stop may take before time is let pass for it. */
const patienceTurns = 200

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
}
