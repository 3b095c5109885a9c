import { expect, test } from 'vitest'
import type { Home, Host } from '../channel/host.js'
import { AppTopic } from '../channel/topic.js'
import { TransportError } from '../errors.js'
import { sleep } from '../lib/clock.js'
import { silentLogger } from '../lib/log.js'
import { seededRandom, type Random } from '../lib/random.js'
import { TurnBudget } from '../lib/turn.js'
import { json } from '../message/codec.js'
import { StreamQueue } from '../stream/queue.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { LogPartition, PartitionOffset, Reader, TopicDescription, TopicPartition } from '../transport/transport.js'
import { Committer } from './commit.js'
import { Partitions } from './partitions.js'

const names = ['orders', 'users']
const places = names.flatMap(topic => [0, 1].map(partition => ({ topic, partition })))

test.for(Array.from({ length: 300 }, (_, index) => index + 1))(
  'whatever happens, what is owned is read in the end, of the log that is there, and nothing is skipped (seed %i)',
  async seed => {
    const world = new World(seed)
    for (let step = 0; step < 40; step++) {
      world.happen()
      await world.clock.advance(world.upTo(1500))
    }
    await world.calm()
    expect([world.isBusy, world.skipped]).toEqual([false, []])
    const owned = world.owned.map(at => `${nameOf(at)} of ${world.ids.get(at.topic)}`).sort()
    expect(world.partitions.all.map(({ at }) => `${nameOf(at)} of ${at.topicId}`).sort()).toEqual(owned)
    expect(world.beingRead).toEqual(owned)
  },
)

/** One worker's partitions, and a broker of which everything takes its time, fails, or is older than it seems. */
class World {
  readonly clock: VirtualClock = virtualClock()
  /** The log that has the name of a topic; `null` for none. */
  readonly ids = new Map<string, string | null>(names.map(name => [name, `${name}-0`]))
  readonly partitions: Partitions
  /** Where a tenure was begun further on than anybody has come in its log. */
  readonly skipped: string[] = []
  owned: TopicPartition[] = []
  isBusy = false
  readonly #random: Random
  readonly #committer: Committer
  readonly #feeds = new Map<string, Feed>()
  readonly #committed = new Map<string, PartitionOffset>()
  /** How far each log has been read. */
  readonly #furthest = new Map<string, number>()
  #isCalm = false
  #logs = 0
  #sessions = 0
  #rounds: Promise<void> = Promise.resolve()

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.partitions = this.#newPartitions()
    this.#committer = this.#newCommitter()
    this.#committer.start()
  }

  upTo(count: number): number {
    return Math.floor(this.#random.next() * count)
  }

  happen(): void {
    const at = places[this.upTo(places.length)] as TopicPartition
    const events = [
      () => this.#round(() => this.#assign(at)),
      () => this.#round(() => this.#assign(at)),
      () => this.#round(() => this.#revoke(at)),
      () => this.#lose(),
      () => this.#replace(at.topic, null),
      () => this.#replace(at.topic, `${at.topic}-${++this.#logs}`),
      () => this.#committer.undelivered(new TransportError('An output is lost.')),
      () => this.#readOn(),
      () => this.#look(),
    ]
    events[this.upTo(events.length)]?.()
  }

  /** From now on nothing fails, and every topic is there. */
  async calm(): Promise<void> {
    this.#isCalm = true
    for (const name of names) this.#replace(name, this.ids.get(name) ?? `${name}-${++this.#logs}`)
    this.#round(() => Promise.resolve())
    for (let second = 0; second < 120; second++) {
      this.#look()
      await this.clock.advance(1000)
    }
    this.#committer.stop()
  }

  get beingRead(): string[] {
    const alive = [...this.#feeds.values()].filter(({ hasFailed }) => !hasFailed)
    return alive.map(({ at }) => `${nameOf(at)} of ${at.topicId}`).sort()
  }

  /** Rounds of the group come one after the other. */
  #round(run: () => Promise<void>): void {
    this.isBusy = true
    const round = this.#rounds.then(run)
    this.#rounds = round
    void round.then(() => (this.isBusy = this.#rounds !== round))
  }

  async #assign(at: TopicPartition): Promise<void> {
    if (this.owned.includes(at)) return
    this.owned.push(at)
    const session = this.#sessions
    await this.partitions.assign([at]).catch(() => session === this.#sessions && this.#lose())
  }

  async #revoke(at: TopicPartition): Promise<void> {
    if (!this.owned.includes(at)) return
    await this.partitions.revoke([at])
    this.owned = this.owned.filter(other => other !== at)
  }

  #lose(): void {
    this.#sessions++
    this.owned = []
    this.partitions.lose()
  }

  #replace(topic: string, id: string | null): void {
    this.ids.set(topic, id)
    if (this.upTo(2) === 0) void this.partitions.check()
  }

  #readOn(): void {
    for (const partition of this.partitions.all) {
      if (this.upTo(2) === 0) continue
      partition.passed(partition.ledger.position + 1 + this.upTo(5))
      this.#furthest.set(logOf(partition.at), partition.ledger.position)
      this.#committer.wake()
    }
  }

  #look(): void {
    for (const feed of this.#feeds.values()) void this.#hear(feed)
  }

  /** What a reader hears of its log, sooner or later. */
  async #hear(feed: Feed): Promise<void> {
    await this.#aWhile()
    const isThere = this.ids.get(feed.at.topic) === feed.at.topicId
    if ((isThere && !this.#isUnlucky()) || feed.hasFailed || this.#feeds.get(nameOf(feed.at)) !== feed) return
    feed.hasFailed = true
    await this.partitions.unreadable(feed.at, new TransportError(isThere ? 'It is damaged.' : 'It has been deleted.'))
  }

  #aWhile(): Promise<void> {
    return this.upTo(3) === 0 ? Promise.resolve() : sleep(this.clock, this.upTo(3000), { kind: 'work' })
  }

  #isUnlucky(): boolean {
    return !this.#isCalm && this.upTo(7) === 0
  }

  async #answer<Answer>(make: () => Answer): Promise<Answer> {
    await this.#aWhile()
    if (this.#isUnlucky()) throw new TransportError('No answer.')
    const answer = make()
    await this.#aWhile()
    return answer
  }

  #describe(asked: readonly string[]): TopicDescription[] {
    const rest = { partitions: 2, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }
    return asked.flatMap(name => {
      const id = this.ids.get(name) ?? null
      return id === null ? [] : { name, id, ...rest }
    })
  }

  /** All or nothing, unless the broker has not heard of the newer log: then the offset names the older one. */
  #commit(offsets: readonly PartitionOffset[]): void {
    const isStale = offsets.some(at => at.topicId !== this.ids.get(at.topic))
    if (isStale && this.upTo(2) === 0) throw new TransportError('The topic is another one.')
    for (const at of offsets) this.#committed.set(nameOf(at), at)
  }

  #newPartitions(): Partitions {
    const home: Home = { id: 'app', codec: json, partitions: 2, host: () => host, worker: () => host }
    const host = { clock: this.clock, log: silentLogger, turn: new TurnBudget(this.clock) } as unknown as Host
    const queue = new StreamQueue()
    const reader = this.#newReader()
    const of = (asked: readonly TopicPartition[]): PartitionOffset[] => asked.flatMap(at => this.#committed.get(nameOf(at)) ?? [])
    return new Partitions({
      host,
      reader: () => reader,
      describe: asked => this.#answer(() => this.#describe(asked)),
      random: this.#random,
      group: () => ({ committed: asked => this.#answer(() => of(asked)) }),
      subscribersOf: name => [{ topic: new AppTopic(home, name, {}), queueFor: () => queue }],
      drainTimeoutMs: 2000,
      culprits: () => [],
      commit: partitions => this.#committer.commit(partitions),
      onSettled: null,
    })
  }

  #newReader(): Reader {
    return {
      add: (at, start) => {
        if (this.#feeds.has(nameOf(at))) throw new TransportError('It is read already.')
        if (typeof start === 'number' && start > (this.#furthest.get(logOf(at)) ?? -1)) this.skipped.push(`${logOf(at)}@${start}`)
        this.#feeds.set(nameOf(at), { at, hasFailed: false })
      },
      remove: at => void this.#feeds.delete(nameOf(at)),
      resume: () => undefined,
      position: () => undefined,
      highWatermark: () => undefined,
      close: () => Promise.resolve(),
    }
  }

  #newCommitter(): Committer {
    const stamp = { groupId: 'g', memberId: 'm', instanceId: null, generation: 1, isLeader: true, assignment: new Uint8Array() }
    return new Committer({
      clock: this.clock,
      log: silentLogger,
      outbox: { flush: () => this.#aWhile() },
      group: () => ({ commit: offsets => this.#answer(() => this.#commit(offsets)) }),
      membership: () => stamp,
      partitions: () => this.partitions.all,
      check: () => this.partitions.check(),
      intervalMs: 500,
      every: undefined,
      onFenced: () => this.partitions.reopen(),
      onFatal: () => undefined,
    })
  }
}

interface Feed {
  readonly at: LogPartition
  hasFailed: boolean
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}[${partition}]`
}

function logOf(at: LogPartition): string {
  return `${nameOf(at)} of ${at.topicId}`
}
