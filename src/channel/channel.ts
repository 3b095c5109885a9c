import { OptionError } from '../errors.js'
import { headersFrom, type Headers } from '../message/record.js'
import { traces } from '../lib/trace.js'
import type { Schema } from '../message/schema.js'
import type { Channel, SendOptions } from '../stream/contract.js'
import { markOffering, type Offering } from '../stream/offer.js'
import type { EventStream } from '../stream/stream.js'
import type { Home, HostChannel } from './host.js'
import { openStream } from './open-stream.js'

/** What `app.channel` takes besides the name. */
export interface ChannelSettings {
  readonly value?: Schema
  readonly key?: Schema
  readonly capacity?: number
}

const sent = Promise.resolve()

/** A declared in-process channel. Values travel by reference: its schema gives them a type and nothing is checked. */
export class AppChannel implements Channel<unknown, unknown>, HostChannel, Offering {
  readonly name: string
  readonly capacity: number
  readonly #home: Home

  constructor(home: Home, name: string, settings: ChannelSettings) {
    this.#home = home
    this.name = name
    markOffering(this)
    this.capacity = settings.capacity ?? 4096
    const unknown = Object.keys(settings).find(option => !['value', 'key', 'capacity'].includes(option))
    if (unknown !== undefined) {
      throw new OptionError(`Channel "${name}" has no option "${unknown}". It takes value, key, capacity.`, { option: unknown })
    }
    if (!Number.isInteger(this.capacity) || this.capacity < 1) {
      throw new OptionError(`Channel "${name}": capacity must be a whole number above 0, got ${String(this.capacity)}.`, {
        option: 'capacity',
      })
    }
  }

  readonly send = (value: unknown, options: SendOptions<unknown> = {}): Promise<void> => this.put(value, options)

  /** Like `send`, with headers as bytes. */
  put(value: unknown, options: SendOptions<unknown> = {}, headers: Headers | null = headersFrom(options.headers)): Promise<void> {
    return this.#offer(value, options, headers) ?? sent
  }

  /** Like `send`, for those who need no promise where there is room. */
  offer(value: unknown, options: SendOptions<unknown>): Promise<void> | null {
    return this.#offer(value, options, headersFrom(options.headers))
  }

  #offer(value: unknown, options: SendOptions<unknown>, headers: Headers | null): Promise<void> | null {
    const host = this.#home.host()
    const { key = null, timestamp = host.clock.now() } = options
    if (traces.channelSent.hasSubscribers) traces.channelSent.publish({ channel: this, value })
    return host.inbox(this).offer({ value, key, headers, timestamp })
  }

  stream(): EventStream {
    return openStream(this.#home, {
      name: `channel:${this.name}`,
      connect: (host, queue) => host.inbox(this).subscribe(queue),
    })
  }
}
