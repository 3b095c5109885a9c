import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nextTurn, systemClock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { type VirtualClock, virtualClock } from './virtual-clock.js'
import { Shelf } from '../embedded/log/shelf.js'
import { Committer } from '../embedded/broker/committer.js'
import { load } from '../embedded/broker/load.js'
import { Metadata } from '../embedded/broker/metadata.js'
import { takeOver } from '../embedded/broker/ownership.js'
import { Session } from '../embedded/broker/session.js'
import type { BrokerState } from '../embedded/broker/state.js'
import { WireClient } from './wire-client.js'

/** A broker's inner parts over a directory of their own, for tests: to be looked into, and to die without a goodbye. */
export class BrokerTrial {
  readonly directory: string
  readonly clock: VirtualClock = virtualClock()
  /** The clients' processes that have died, by the names they were given. */
  readonly dead: Set<string> = new Set()
  metadata!: Metadata
  state!: BrokerState
  /** Of the clients that have come to this owner. */
  sessions: Session[] = []
  /** Their sockets, at this end. */
  sockets: Socket[] = []
  #shelf!: Shelf
  #isOwned = false
  readonly #server: Server

  static async open(): Promise<BrokerTrial> {
    const trial = new BrokerTrial(await mkdtemp(join(tmpdir(), 'faust-trial-')))
    await once(trial.#server, 'listening')
    await trial.#own()
    return trial
  }

  private constructor(directory: string) {
    this.directory = directory
    this.#server = createServer(socket => {
      if (!this.#isOwned) return void socket.destroy()
      const session = new Session(socket, this.state)
      this.sessions.push(session)
      this.sockets.push(socket)
      this.state.callers.add(session)
    }).listen(join(directory, 'trial.sock'))
  }

  /** A client that has been greeted. */
  async connect(asks: { fsync?: boolean; clientId?: string; process?: string } = {}): Promise<WireClient> {
    const client = await this.call()
    await client.greet({ directory: this.directory, ...asks })
    return client
  }

  /** A client that has said nothing yet. */
  async call(): Promise<WireClient> {
    const socket = connect(join(this.directory, 'trial.sock'))
    await once(socket, 'connect')
    return new WireClient(socket)
  }

  /** The owner dies: what is not committed is lost, and another one takes over. */
  async replace(): Promise<void> {
    await this.#die()
    await this.#own()
  }

  /** No commit gets through until the function that this returns is called. Tells what the commits were like. */
  holdCommits(): { readonly release: () => void; readonly isSynced: boolean[] } {
    const { metadata } = this
    const gate = new Deferred<void>()
    const isSynced: boolean[] = []
    const commit = metadata.commit.bind(metadata)
    metadata.commit = async (changes, options) => {
      isSynced.push(options.isSynced)
      await gate.promise
      await commit(changes, options)
    }
    return { release: () => gate.resolve(), isSynced }
  }

  /** Waits for something that real sockets and disks bring about. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadlineMs = systemClock.elapsed() + 5000
    while (!condition()) {
      assert.ok(systemClock.elapsed() < deadlineMs, `waited five seconds for ${what}`)
      await nextTurn(systemClock)
    }
  }

  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await nextTurn(systemClock)
  }

  /** Waits until nothing has been going on for some turns. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 50; turn = this.state.committer.isBusy ? 0 : turn + 1) await nextTurn(systemClock)
  }

  async close(): Promise<void> {
    await this.#die()
    this.#server.close()
    await rm(this.directory, { recursive: true })
  }

  async #own(): Promise<void> {
    const { directory, clock } = this
    const [random, log] = [seededRandom(1), silentLogger]
    const isDead = (process: string): boolean => this.dead.has(process)
    this.metadata = (await Metadata.open(join(directory, 'metadata'))) ?? assert.fail('somebody else owns the directory')
    this.#shelf = new Shelf({ clock, logger: log, segmentBytes: 64 * 1024 })
    const ownership = await takeOver(this.metadata, 'boot')
    const committer = new Committer(this.metadata, clock)
    const { metadata } = this
    this.state = await load({ directory, clock, random, log, metadata, shelf: this.#shelf, ownership, committer, isDead })
    this.state.groups.start()
    this.#isOwned = true
  }

  async #die(): Promise<void> {
    const { sessions, state } = this
    this.#isOwned = false
    this.sessions = []
    this.sockets = []
    state.groups.stop()
    state.producers.stop()
    for (const session of sessions) session.end()
    this.#shelf.close()
    await this.metadata.close()
  }
}
