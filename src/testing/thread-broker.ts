import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '../embedded/broker/broker.js'
import { EmbeddedConnection } from '../embedded/client/connection.js'
import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { Transport } from '../transport/transport.js'

/** So little that tests see segments come and go. */
const segmentBytes = 256 * 1024

export interface ThreadBrokerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** An embedded broker that this thread serves from a directory of its own, for tests: it can lose its clients and be replaced. */
export class ThreadBroker {
  readonly #options: ThreadBrokerOptions
  readonly #directory: string
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  /** `null` while nobody owns the directory. */
  #broker: Broker | null = null

  static async open(options: ThreadBrokerOptions): Promise<ThreadBroker> {
    const broker = new ThreadBroker(options, await mkdtemp(join(tmpdir(), 'faust-broker-')))
    await once(broker.#server, 'listening')
    await broker.start()
    return broker
  }

  private constructor(options: ThreadBrokerOptions, directory: string) {
    this.#options = options
    this.#directory = directory
    this.#server = createServer(socket => this.#accept(socket)).listen(join(directory, 'thread.sock'))
  }

  readonly dial = async (): Promise<Socket> => {
    const socket = connect(join(this.#directory, 'thread.sock'))
    await once(socket, 'connect')
    return socket
  }

  /** The way to connect to it, over sockets dialled otherwise if so wanted. */
  transport(dial: () => Promise<Socket> = this.dial): Transport {
    const address = { directory: this.#directory, fsync: false, dial }
    return {
      kind: 'embedded',
      place: `embedded:${this.#directory}`,
      connect: context => EmbeddedConnection.open(context, address),
    }
  }

  /** Cuts off all clients. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Nobody owns the directory from now on. */
  async stop(): Promise<void> {
    const broker = this.#broker
    this.#broker = null
    this.cut()
    await broker?.close()
  }

  /** Another broker goes on where the last one ended. */
  async start(): Promise<void> {
    this.#broker = await Broker.open({ directory: this.#directory, segmentBytes, ...this.#options })
    assert.ok(this.#broker !== null, 'somebody else owns the directory')
  }

  async compact(topic: string): Promise<void> {
    await this.#broker?.compact(topic)
  }

  async close(): Promise<void> {
    await this.stop()
    this.#server.close()
    await rm(this.#directory, { recursive: true })
  }

  #accept(socket: Socket): void {
    if (this.#broker === null) return void socket.destroy()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    this.#broker.accept(socket)
  }
}
