import type { App, Logger, Running } from 'faust-ts'
import type { Activity, Timer, TimerKind } from '../../src/lib/clock.js'
import { nextTurn, sleep, systemClock } from '../../src/lib/clock.js'
import { seededRandom } from '../../src/lib/random.js'
import type { Random } from '../../src/lib/random.js'
import { MemoryBroker } from '../../src/embedded/memory/broker.js'
import type { Faults } from '../../src/embedded/memory/faults.js'
import type { Connection } from '../../src/transport/transport.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { observed, type Broker } from './observed.js'

/** One worker of the cluster. */
export interface Member {
  readonly clientId: string
  readonly running: Running
  isDead: boolean
}

/** Several workers of one app on one broker, one clock and one seed; time passes in small steps, whoever is at work. */
export class Cluster implements AsyncDisposable {
  readonly clock: WatchedClock = new WatchedClock()
  readonly random: Random
  readonly broker: Broker
  /** What was logged as a warning or an error. */
  readonly lines: string[] = []
  readonly #app: App
  readonly #memory: MemoryBroker
  readonly #world: Disposable
  readonly #dying: Promise<void>[] = []

  constructor(app: App, { seed = 1, faults = {} }: { seed?: number; faults?: Faults } = {}) {
    this.#app = app
    this.random = seededRandom(seed)
    this.#memory = new MemoryBroker({ faults })
    this.broker = observed(this.#memory.transport())
    const { clock, random } = this
    this.#world = app.override({ broker: this.broker.transport, clock, random, logger: this.#logger(), isSimulated: true })
  }

  /** Starts a worker; resolves when its first partitions are at work. */
  async start(): Promise<Member> {
    const { connected } = this.broker
    const before = connected.length
    const starting = this.#app.start()
    starting.catch(() => undefined)
    const running = await this.until(starting)
    running.stopped.catch(() => undefined)
    return { clientId: connected[before] ?? '', running, isDead: false }
  }

  /** As when its process is killed: nobody says goodbye. What is left of it in this process is swept up behind the scenes. */
  kill(member: Member): void {
    member.isDead = true
    this.#memory.sever(member.clientId)
    this.#dying.push(member.running.stop())
  }

  /** A connection beside those of the workers; it ends with the test. */
  connect(): Promise<Connection> {
    const { clock, random } = this
    const log = this.#logger()
    return this.until(this.#memory.transport().connect({ clientId: 'bystander', clock, random, log }))
  }

  /** Time on this clock, for whoever works in it. */
  sleep(ms: number): Promise<void> {
    return sleep(this.clock, ms, { kind: 'work' })
  }

  /** Lets time pass, ready or not. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.skip(Math.min(stepMs, left))
      await this.turns(turnsPerStep)
    }
  }

  async turns(count: number): Promise<void> {
    for (let left = count; left > 0; left--) await nextTurn(systemClock)
  }

  /** Lets time pass until something is done; throws when it takes longer than ten minutes. */
  async until<Result>(done: Promise<Result>): Promise<Result> {
    let isDone = false
    const finish = (): void => void (isDone = true)
    done.then(finish, finish)
    for (let left = 600_000; !isDone && left > 0; left -= stepMs) {
      await this.turns(turnsPerStep)
      if (!isDone) this.clock.skip(stepMs)
    }
    if (!isDone) throw new Error('it is not done after ten minutes')
    return await done
  }

  /** Lets time pass until something holds. */
  async untilTrue(holds: () => boolean): Promise<void> {
    for (let left = 600_000; !holds(); left -= stepMs) {
      if (left <= 0) throw new Error(`it does not hold after ten minutes: ${holds.toString()}`)
      await this.pass(stepMs)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.until(Promise.all(this.#dying))
    await this.until(this.#app[Symbol.asyncDispose]())
    this.#world[Symbol.dispose]()
  }

  #logger(): Logger {
    const write = (level: string) => (_facts: object, message: string) => void this.lines.push(`${level} ${message}`)
    const nothing = (): void => undefined
    return { debug: nothing, info: nothing, warn: write('warn'), error: write('error'), child: () => this.#logger() }
  }
}

const stepMs = 10
/** A fetch, an event, what it sends and the acknowledgement take about as many. */
const turnsPerStep = 6

/** A virtual clock that knows what has been left on it. */
class WatchedClock extends VirtualClock {
  readonly timers = new Set<object>()
  probes = 0

  override after(delayMs: number, run: () => void, kind: TimerKind): Timer {
    const entry = { kind, setBy: new Error('set').stack }
    const fire = (): void => {
      this.timers.delete(entry)
      run()
    }
    const timer = super.after(delayMs, fire, kind)
    this.timers.add(entry)
    return {
      cancel: () => {
        this.timers.delete(entry)
        timer.cancel()
      },
    }
  }

  override watch(probe: () => Activity, giveUp?: (untilMs: number) => void): () => void {
    this.probes++
    const stop = super.watch(probe, giveUp)
    let isWatching = true
    return () => {
      if (isWatching) this.probes--
      isWatching = false
      stop()
    }
  }
}
