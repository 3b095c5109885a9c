import { TransportError } from '../../errors.js'
import type { Timer } from '../../lib/clock.js'
import { thrown } from '../../lib/thrown.js'
import type { ConnectionContext } from '../../transport/transport.js'
import type { Api } from '../wire/api.js'
import type { BrokerConnection } from './broker-connection.js'
import type { Connections } from './connections.js'
import type { Directory } from './directory.js'

export interface SilenceWatchOptions {
  readonly directory: Pick<Directory, 'refresh' | 'metadata'>
  readonly connections: Pick<Connections, 'longestSilenceMs'>
  readonly context: Pick<ConnectionContext, 'clock' | 'log'>
}

/** A request that only one broker can answer, as long as `isVain` does not say that it cannot either. */
export interface Errand<Args> {
  readonly args: Args
  readonly timeoutMs: number
  readonly isVain: () => boolean
}

/**
 * While a broker leaves something unanswered, the others are asked about it from time to time: they hear that it is gone long
 * before a request times out. One that they do not name any more loses its connections with the refresh; one that is there and
 * silent loses what others answer by now. One that is only slow is left in peace.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  readonly #errands = new Set<{ readonly connection: BrokerConnection; readonly isVain: () => boolean }>()
  #timer: Timer | null = null
  #isClosed = false

  constructor(options: SilenceWatchOptions) {
    this.#options = options
    this.#schedule()
  }

  /** As `connection.send`; rejects with a retriable `TransportError` when the broker is silent and the errand in vain. */
  async send<Args, Answer>(
    connection: BrokerConnection,
    api: Api<Args, Answer>,
    { args, timeoutMs, isVain }: Errand<Args>,
  ): Promise<Answer> {
    const errand = { connection, isVain }
    this.#errands.add(errand)
    try {
      return await connection.send(api, args, timeoutMs)
    } finally {
      this.#errands.delete(errand)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (!this.#isClosed) this.#timer = this.#options.context.clock.after(silenceMs, () => void this.#look(), 'background')
  }

  async #look(): Promise<void> {
    const { directory, connections, context } = this.#options
    // Of one broker alone nobody else could know anything.
    const isWorthAsking = directory.metadata.brokers.size > 1 && connections.longestSilenceMs() >= silenceMs
    if (isWorthAsking) {
      try {
        await directory.refresh()
        this.#abandon()
      } catch (error) {
        context.log.debug({}, `A broker is silent, and so are the others: ${thrown(error).message}`)
      }
    }
    this.#schedule()
  }

  #abandon(): void {
    for (const { connection, isVain } of [...this.#errands]) {
      if (connection.silentMs < silenceMs || !isVain()) continue
      connection.abandon(new TransportError(`The broker at ${connection.place} is silent, and another one leads by now.`))
    }
  }
}

/** More than brokers take for what they do not wait with; short beside the 9 s after which a cluster counts one as gone. */
const silenceMs = 2000
