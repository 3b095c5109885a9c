import type { AgentHome } from '../agent/agent.js'
import type { Asker } from '../agent/ask.js'
import type { AppChannel } from '../channel/channel.js'
import type { Host } from '../channel/host.js'
import { Inbox } from '../channel/inbox.js'
import { AppTopic } from '../channel/topic.js'
import { DeclarationError } from '../errors.js'
import { systemClock, type Clock } from '../lib/clock.js'
import { createLogger, type Logger } from '../lib/log.js'
import { quietLogger } from '../lib/quiet-log.js'
import { systemRandom, uuid, type Random } from '../lib/random.js'
import { currentBody, leaveBody } from '../stream/current-event.js'
import type { Connection, Transport } from '../transport/transport.js'
import { Client, notRunning } from '../worker/client.js'
import type { Plan, WorkerSettings } from '../worker/settings.js'
import { Worker } from '../worker/worker.js'
import type { Declarations } from './declarations.js'
import type { Settings } from './options.js'

/** Other surroundings for an app; what is not named stays as it is. */
export interface World {
  readonly broker?: Transport
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
  /** Allows several workers in one process, each with sends of its own, and checks every value against the round-trip law. */
  readonly isSimulated?: boolean
}

/** A worker that runs in this process. */
export interface Running extends AsyncDisposable {
  /** Drains, commits, leaves the group; resolves when all is done. */
  stop(): Promise<void>
  /** Resolves when the worker has stopped; rejects with what brought it down. */
  readonly stopped: Promise<void>
}

/** What of an app runs: its workers, its client. Declarations ask it where they live. */
export class Runtime {
  readonly home: AgentHome
  readonly #appId: string
  readonly #declared: Declarations
  readonly #settings: Settings
  readonly #workers: Worker[] = []
  readonly #undeclared = new Map<string, AppTopic>()
  #early = new Map<AppChannel, Inbox>()
  #client: Client | null = null
  #world: World = {}
  #started = 0
  /** Embedded in a program the library speaks up only when something is wrong; the command line brings a log of its own. */
  readonly #log = quietLogger(() => createLogger({ level: 'warn', format: process.stderr.isTTY ? 'pretty' : 'json' }))

  constructor(appId: string, declared: Declarations, settings: Settings) {
    this.#appId = appId
    this.#declared = declared
    this.#settings = settings
    this.home = {
      id: appId,
      codec: settings.codec,
      partitions: settings.partitions,
      host: () => this.#host(),
      worker: () => this.#worker(),
      asker: () => this.#asker(),
      topicNamed: name => this.#topicNamed(name),
    }
  }

  async start(): Promise<Running> {
    this.#declared.check(this.#appId)
    if (this.#workers.length > 0 && this.#world.isSimulated !== true) {
      const problems = ['stop the running worker first, or start the second one in a process of its own']
      throw new DeclarationError(`App "${this.#appId}" is already running in this process:`, { problems })
    }
    const worker = leaveBody(() => new Worker(this.#plan(), this.#workerSettings()))
    this.#workers.push(worker)
    const forget = (): void => void this.#workers.splice(this.#workers.indexOf(worker), 1)
    worker.stopped.then(forget, forget)
    await leaveBody(() => worker.start())
    return runningOf(worker)
  }

  async client(): Promise<AsyncDisposable> {
    const client = this.#clientHost()
    await client.link.connection()
    return { [Symbol.asyncDispose]: () => this.#closeClient(client) }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.stop()))
    for (const inbox of this.#early.values()) inbox.close()
    this.#early.clear()
    if (this.#client !== null) await this.#closeClient(this.#client)
  }

  connect(): Promise<Connection> {
    const { transport, clientId, clock, random, log } = this.#workerSettings()
    return transport.connect({ clientId, clock, random, log })
  }

  override(world: World): Disposable {
    const before = this.#world
    this.#world = { ...before, ...world }
    return {
      [Symbol.dispose]: () => {
        this.#world = before
      },
    }
  }

  /** Where the broker is. */
  get place(): string {
    return this.#transport.place
  }

  get instanceId(): string | undefined {
    return this.#settings.instanceId
  }

  /** The workers of this process. */
  get workers(): readonly Worker[] {
    return this.#workers
  }

  get #transport(): Transport {
    return this.#world.broker ?? this.#settings.transport
  }

  /** In a simulation what is sent from outside goes through a client of its own, so that workers may die. */
  #host(): Worker | Client {
    const body = currentBody()?.host
    if (body instanceof Worker) return body
    return (this.#world.isSimulated === true ? undefined : this.#workers[0]) ?? this.#clientHost()
  }

  #worker(): Host {
    const body = currentBody()?.host
    if (body instanceof Worker) return body
    const [worker] = this.#workers
    if (worker === undefined) throw notRunning(this.#appId)
    return worker
  }

  #asker(): Asker {
    const { clock, link } = this.#host()
    return { clock, random: this.#world.random ?? systemRandom, replies: link.replies }
  }

  #clientHost(): Client {
    this.#client ??= new Client({ plan: this.#plan(), settings: this.#workerSettings(), inbox: channel => this.#inbox(channel) })
    return this.#client
  }

  async #closeClient(client: Client): Promise<void> {
    if (this.#client === client) this.#client = null
    await client.close()
  }

  /** The first worker's, or one that the first worker will take over. */
  #inbox(channel: AppChannel): Inbox {
    const [worker] = this.#workers
    if (worker !== undefined) return worker.inbox(channel)
    const inbox = this.#early.get(channel) ?? new Inbox(channel.name, channel.capacity)
    this.#early.set(channel, inbox)
    return inbox
  }

  #topicNamed(name: string): AppTopic {
    const topic = this.#declared.topicNamed(name) ?? this.#undeclared.get(name) ?? new AppTopic(this.home, name, {})
    if (this.#declared.topicNamed(name) === undefined) this.#undeclared.set(name, topic)
    return topic
  }

  #plan(): Plan {
    const { agents, timers, tasks, specs } = this.#declared
    return {
      appId: this.#appId,
      agents: [...agents.values()],
      topics: specs,
      timers: [...timers.values()],
      tasks: [...tasks.values()],
      topicNamed: name => this.#topicNamed(name),
      saidOf: name => this.#declared.saidOf(name),
      specFor: name => this.#declared.specFor(name),
      earlyInbox: channel => this.#takeEarly(channel),
    }
  }

  #takeEarly(channel: AppChannel): Inbox | null {
    const inbox = this.#early.get(channel) ?? null
    this.#early.delete(channel)
    return inbox
  }

  #workerSettings(): WorkerSettings {
    const random = this.#world.random ?? systemRandom
    const isSimulated = this.#world.isSimulated === true
    return {
      ...this.#settings,
      transport: this.#transport,
      clientId: `${this.#appId}-${isSimulated ? this.#started++ : uuid(random)}`,
      clock: this.#world.clock ?? systemClock,
      random,
      log: this.#settings.logger ?? this.#world.logger ?? this.#log,
      beginsAnywhere: !isSimulated,
      checksRoundTrips: isSimulated,
      isScoped: isSimulated,
    }
  }
}

function runningOf(worker: Worker): Running {
  return {
    stop: () => worker.stop(),
    stopped: worker.stopped,
    [Symbol.asyncDispose]: () => worker.stop(),
  }
}
