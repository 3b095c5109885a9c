import type { AppChannel } from '../channel/channel.js'
import type { Host } from '../channel/host.js'
import type { Inbox } from '../channel/inbox.js'
import type { Outbox } from '../channel/outbox.js'
import type { AppTopic } from '../channel/topic.js'
import { NotStartedError } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { TurnBudget } from '../lib/turn.js'
import { Link } from './link.js'
import type { Plan, WorkerSettings } from './settings.js'

export interface ClientOptions {
  readonly plan: Pick<Plan, 'appId' | 'specFor' | 'topicNamed'>
  readonly settings: WorkerSettings
  /** Where a value for an in-process channel goes. */
  readonly inbox: (channel: AppChannel) => Inbox
}

/** A host that only sends and asks: it joins no group and connects when first used. */
export class Client implements Host {
  readonly clock: Clock
  readonly log: Logger
  readonly turn: TurnBudget
  readonly checksRoundTrips: boolean
  readonly link: Link
  readonly #options: ClientOptions
  #failure: Error | null = null

  constructor(options: ClientOptions) {
    const { settings, plan } = options
    this.#options = options
    this.clock = settings.clock
    this.log = settings.log
    this.turn = new TurnBudget(settings.clock)
    this.checksRoundTrips = settings.checksRoundTrips
    const lost = (error: Error): void => this.#lost(error)
    this.link = new Link({ ...settings, appId: plan.appId, specFor: plan.specFor, onHopeless: lost, onUndelivered: lost })
  }

  /** Sends what is still to be sent. Rejects with the first failure of a send that nobody awaited. */
  async close(): Promise<void> {
    await this.link.close()
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure
  }

  get outbox(): Outbox {
    return this.link.outbox
  }

  subscribe(): never {
    throw notRunning(this.#options.plan.appId)
  }

  adopt(): never {
    throw notRunning(this.#options.plan.appId)
  }

  hop(): never {
    throw notRunning(this.#options.plan.appId)
  }

  inbox(channel: AppChannel): Inbox {
    return this.#options.inbox(channel)
  }

  topicNamed(name: string): AppTopic {
    return this.#options.plan.topicNamed(name)
  }

  fail(error: unknown): void {
    this.#lost(error instanceof Error ? error : new NotStartedError(String(error)))
  }

  #lost(error: Error): void {
    this.#failure ??= error
    this.log.error({ error }, `A message that nobody awaits was not delivered: ${error.message}`)
  }
}

/** The error of reading where no worker runs. */
export function notRunning(appId: string): NotStartedError {
  return new NotStartedError(`App "${appId}" is not running: streams can be read after app.start(), or in an agent or task.`)
}
