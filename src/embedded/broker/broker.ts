import { mkdir } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import { directoryError } from '../keeper/directory-error.js'
import { Shelf } from '../log/shelf.js'
import { Committer } from './committer.js'
import { type Foundation, load } from './load.js'
import { Metadata } from './metadata.js'
import { takeOver } from './ownership.js'
import { Session } from './session.js'
import type { BrokerState } from './state.js'
import { Upkeep } from './upkeep.js'

export interface BrokerOptions {
  /** Where it lives, spelt as its clients spell it. */
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Bytes of a segment file at most, unless a single block has more. Default 64 MiB. */
  readonly segmentBytes?: number
  /** Bytes of recent messages that are kept in memory for readers. Default 32 MiB. */
  readonly cacheBytes?: number
  /** Files that are open at a time. Default 256. */
  readonly maxOpenFiles?: number
  /** Of the machine's last start; asked of the system by default. */
  readonly bootId?: string
}

/** The broker of one directory, in the one process that owns it. */
export class Broker {
  readonly #foundation: Foundation
  readonly #state: BrokerState
  readonly #upkeep: Upkeep
  readonly #failed = new Deferred<Error>()
  readonly #unwatch: () => void
  #closing: Promise<void> | null = null

  /** `null` when another process, or this one, owns the directory. Throws `TransportError`. */
  static async open(options: BrokerOptions): Promise<Broker | null> {
    const { directory } = options
    await prepare(directory)
    const metadata = await Metadata.open(join(directory, 'metadata'))
    return metadata && Broker.over(metadata, options)
  }

  /** Opens the rest; the metadata are this broker's from now on, and closed when that fails. */
  static async over(metadata: Metadata, options: BrokerOptions): Promise<Broker> {
    const { directory, clock } = options
    const shelf = openShelf(options)
    try {
      const ownership = await takeOver(metadata, options.bootId)
      const committer = new Committer(metadata, clock)
      const foundation: Foundation = { ...options, metadata, shelf, ownership, committer }
      const state = await load(foundation)
      const upkeep = new Upkeep(state)
      await upkeep.clear()
      return new Broker(foundation, state, upkeep)
    } catch (error) {
      shelf.close()
      await metadata.close()
      throw directoryError(error, directory)
    }
  }

  private constructor(foundation: Foundation, state: BrokerState, upkeep: Upkeep) {
    const { committer, clock } = foundation
    this.#foundation = foundation
    this.#state = state
    this.#upkeep = upkeep
    this.#unwatch = clock.watch(() => ({ queued: 0, atWork: committer.isBusy ? 1 : 0, asking: 0 }))
    void committer.failed.then(error => this.#stepDown(error))
    state.groups.start()
    upkeep.start()
  }

  /** One higher than that of the owner before. */
  get epoch(): number {
    return this.#state.epoch
  }

  /** Resolves when the broker has stepped down, with the reason: a commit has failed, and all clients are cut off. */
  get failed(): Promise<Error> {
    return this.#failed.promise
  }

  /** Serves a client until it ends. */
  accept(socket: Socket): void {
    if (this.#closing !== null) return void socket.destroy()
    this.#state.callers.add(new Session(socket, this.#state))
  }

  /** Drops what has outlived its retention, compacts what is due, forgets producers of old. Happens by itself as well. */
  housekeep(): Promise<void> {
    return this.#upkeep.run()
  }

  /** Compacts a topic now. Throws `TransportError`. */
  compact(topic: string): Promise<void> {
    return this.#upkeep.compact(topic)
  }

  /** Finishes what was begun, cuts off the clients and closes the files: another owner may go on. Never throws. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { committer } = this.#foundation
    // Whoever waits for an answer gets it, unless the disk refuses.
    await committer.committed().catch(() => undefined)
    this.#rest()
    try {
      await committer.committed()
      for (const { logs } of this.#state.topics.all()) for (const partition of logs) await partition.settle()
      await committer.settled()
    } catch (error) {
      this.#state.log.warn({ error }, 'the broker could not put everything on the disk before it ended')
    }
    await this.#release()
  }

  async #stepDown(error: Error): Promise<void> {
    this.#rest()
    this.#closing ??= this.#release()
    // Why it fails to close as well is of no interest any more.
    await this.#closing.catch(() => undefined)
    this.#failed.resolve(error)
  }

  /** Nobody is served any more, and nothing happens by itself. */
  #rest(): void {
    this.#unwatch()
    for (const caller of this.#state.callers) caller.end()
    this.#state.groups.stop()
    this.#state.producers.stop()
  }

  async #release(): Promise<void> {
    this.#foundation.shelf.close()
    await this.#upkeep.stop()
    await this.#state.removed
    await this.#foundation.metadata.close()
  }
}

async function prepare(directory: string): Promise<void> {
  try {
    await mkdir(join(directory, 'logs'), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw directoryError(error, directory)
  }
}

function openShelf({ clock, log, segmentBytes, cacheBytes, maxOpenFiles }: BrokerOptions): Shelf {
  return new Shelf({
    clock,
    logger: log,
    ...(segmentBytes !== undefined && { segmentBytes }),
    ...(cacheBytes !== undefined && { memoryBytes: cacheBytes }),
    ...(maxOpenFiles !== undefined && { openFiles: maxOpenFiles }),
  })
}
