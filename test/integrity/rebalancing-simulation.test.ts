import { expect, test } from 'vitest'
import { MemoryBroker } from '../../src/embedded/memory/broker.js'
import type { Fault, Faults } from '../../src/embedded/memory/faults.js'
import { sleep } from '../../src/lib/clock.js'
import { silentLogger } from '../../src/lib/log.js'
import { type Random, seededRandom, systemRandom } from '../../src/lib/random.js'
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.js'
import type { Connection, TopicPartition } from '../../src/transport/transport.js'
import { assign } from '../../src/worker/assignor.js'
import { nameOf, type MemberState } from '../../src/worker/member-state.js'
import { Rebalancer } from '../../src/worker/rebalance.js'

const anew = Math.floor(systemRandom.next() * 2 ** 31)

test.each([...Array(20).keys(), anew])('members come, go, crash and change their minds (seed %i)', async seed => {
  const world = new World(seed)
  await world.prepare()
  for (let chapter = 0; chapter < 12; chapter++) {
    const changes = 1 + world.below(3)
    const before = world.places()
    for (let change = 0; change < changes; change++) {
      await world.change()
      await world.clock.advance(changes === 1 ? 0 : world.below(4_000))
      world.checkExclusive()
    }
    await world.clock.advance('90s')
    world.checkExclusive()
    world.checkSettled()
    if (changes === 1) world.checkUnmoved(before)
    await world.checkQuiet()
  }
  expect(world.problems).toEqual([])
})

/** Up to four members of one group, a broker whose answers are late, lost and repeated, and what must never happen. */
class World implements Faults {
  readonly clock: VirtualClock = virtualClock()
  readonly problems: string[] = []
  readonly random: Random
  readonly broker: MemoryBroker
  readonly counts = new Map<string, number>()
  readonly seats: Seat[] = []
  readonly #admin: Connection['admin']
  #fenced: string | null = null
  #names = 0

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.broker = new MemoryBroker({ faults: this })
    this.#admin = this.connect('admin').admin
  }

  readonly heartbeat = ({ clientId }: { clientId: string }): Fault | null => {
    if (clientId !== this.#fenced) return this.join()
    this.#fenced = null
    // From now on the broker does not know it; it hears of that with one of its next answers.
    for (const seat of this.live) if (seat.name === clientId) seat.isFenced = true
    return { kind: 'fence' }
  }

  readonly join = (): Fault | null => {
    const kinds: Fault[] = [{ kind: 'delay', ms: this.below(900) }, { kind: 'drop' }, { kind: 'duplicate' }]
    return kinds[this.below(12)] ?? null
  }

  connect(clientId: string): Connection {
    return this.broker.connect({ clientId, clock: this.clock, random: this.random, log: silentLogger })
  }

  below(limit: number): number {
    return Math.floor(this.random.next() * limit)
  }

  get live(): Seat[] {
    return this.seats.filter(seat => !seat.isGone)
  }

  async prepare(): Promise<void> {
    await this.#grow('orders', 6)
    await this.#grow('users', 4)
    this.#arrive()
  }

  async change(): Promise<void> {
    const seat = this.live[this.below(this.live.length)]
    const kind = this.below(7)
    if (kind <= 1 || seat === undefined || this.live.length === 1) return this.live.length < 4 ? this.#arrive() : undefined
    if (kind === 2) return seat.leave()
    if (kind === 3) return this.#crash(seat)
    if (kind === 4) return this.#resubscribe(seat)
    if (kind === 5) return void (this.#fenced = seat.name)
    const topic = [...this.counts.keys(), `late${this.counts.size}`][this.below(this.counts.size + 1)] ?? 'orders'
    await this.#grow(topic, (this.counts.get(topic) ?? 0) + 1)
  }

  /** Which member of the group runs what. */
  places(): Map<string, Seat> {
    const places = new Map<string, Seat>()
    for (const seat of this.live) if (!seat.isFenced) for (const name of seat.running) places.set(name, seat)
    return places
  }

  checkExclusive(): void {
    const running = this.live.filter(seat => !seat.isFenced).flatMap(seat => [...seat.running])
    if (new Set(running).size !== running.length) this.problems.push(`run twice: ${running.sort().join(' ')}`)
    for (const seat of this.live) {
      if (seat.rebalancer.owned.some(at => !seat.running.has(nameOf(at)))) this.problems.push(`${seat.name} was not told all`)
    }
  }

  /** Everything is assigned and balanced: the assignor would change nothing. */
  checkSettled(): void {
    const states = this.live.map(seat => seat.state())
    for (const [memberId, { active, isLeader }] of assign(states, this.counts)) {
      const seat = this.live.find(({ rebalancer }) => rebalancer.membership?.memberId === memberId)
      const [wanted, found] = [active.map(nameOf).join(' '), seat?.rebalancer.owned.map(nameOf).join(' ')]
      if (wanted !== found) this.problems.push(`${memberId} has ${found}, not ${wanted}`)
      if (seat?.isLeader !== isLeader || seat.told !== found) this.problems.push(`${memberId} was told ${seat?.told}`)
    }
    if (this.live.filter(seat => seat.isLeader).length !== 1) this.problems.push('not exactly one leads')
  }

  /** After a single change, whoever ran something before and runs it now has never stopped, unless a membership was lost. */
  checkUnmoved(before: ReadonlyMap<string, Seat>): void {
    if (this.seats.some(seat => seat.hasLost)) return
    for (const [name, seat] of this.places()) {
      if (before.get(name) === seat && seat.paused.has(name)) this.problems.push(`${seat.name} paused ${name} for nothing`)
    }
  }

  async checkQuiet(): Promise<void> {
    const generations = (): string => this.live.map(({ rebalancer }) => rebalancer.membership?.generation).join()
    const before = generations()
    await this.clock.advance('30s')
    if (generations() !== before) this.problems.push('there are rounds although nothing happens')
    this.#fenced = null
    for (const seat of this.seats) seat.forget()
  }

  #arrive(): void {
    const seat = new Seat(this, `m${this.#names++}`)
    this.seats.push(seat)
    seat.topics = this.#topics()
    void seat.rebalancer.start(seat.topics)
  }

  #crash(seat: Seat): void {
    seat.isGone = true
    this.broker.sever(seat.name)
  }

  #resubscribe(seat: Seat): void {
    seat.topics = this.#topics()
    seat.rebalancer.subscribe(seat.topics)
  }

  #topics(): string[] {
    return this.below(3) === 0 ? ['orders'] : ['orders', 'users', 'late2', 'late3']
  }

  async #grow(topic: string, partitions: number): Promise<void> {
    await this.#admin.createTopics([{ name: topic, partitions }])
    if (this.counts.has(topic)) await this.#admin.addPartitions(topic, partitions)
    this.counts.set(topic, partitions)
  }
}

/** A member whose revokes and assigns take their time, and what it runs. */
class Seat {
  readonly name: string
  readonly rebalancer: Rebalancer
  readonly running = new Set<string>()
  /** What it was told to revoke lately. */
  readonly paused = new Set<string>()
  hasLost = false
  topics: string[] = []
  /** It has crashed or left. */
  isGone = false
  /** The broker has ended its membership, and it has yet to hear of it. */
  isFenced = false
  isLeader = false
  told = ''
  readonly #world: World

  constructor(world: World, name: string) {
    this.#world = world
    this.name = name
    const connection = world.connect(name)
    const timeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000 }
    this.rebalancer = new Rebalancer({
      clock: world.clock,
      random: world.random,
      log: silentLogger,
      group: callbacks => connection.group({ groupId: 'app', ...timeouts, ...callbacks }),
      topics: async names => new Map((await connection.admin.topics(names)).map(topic => [topic.name, topic.partitions])),
      callbacks: {
        revoke: partitions => this.#revoke(partitions),
        assign: partitions => this.#assign(partitions),
        lost: () => this.#lost(),
        rebalanced: (all, isLeader) => {
          this.told = all.map(nameOf).join(' ')
          this.isLeader = isLeader
        },
      },
    })
    connection.admin.watchTopics(() => this.rebalancer.topicsChanged())
  }

  forget(): void {
    this.paused.clear()
    this.hasLost = false
  }

  async leave(): Promise<void> {
    await Promise.all([this.rebalancer.stop(), this.#world.clock.advance('10s')])
    this.isGone = true
  }

  /** What it would say of itself. */
  state(): MemberState {
    const { membership, owned } = this.rebalancer
    const { memberId = `${this.name} has no membership`, generation = -1 } = membership ?? {}
    return { memberId, instanceId: null, generation, topics: this.topics, owned, held: [], wasLeader: this.isLeader }
  }

  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    for (const name of partitions.map(nameOf)) {
      if (!this.running.has(name)) this.#world.problems.push(`${this.name} was to give up ${name}, which it has not`)
      this.paused.add(name)
    }
    await sleep(this.#world.clock, this.#world.below(3_000), { kind: 'work' })
    for (const name of partitions.map(nameOf)) this.running.delete(name)
  }

  async #assign(partitions: readonly TopicPartition[]): Promise<void> {
    const places = this.#world.places()
    for (const name of partitions.map(nameOf)) {
      const other = places.get(name)
      if (other !== undefined) this.#world.problems.push(`${name} was given to ${this.name} while ${other.name} ran it`)
      this.running.add(name)
    }
    await sleep(this.#world.clock, this.#world.below(1_000), { kind: 'work' })
  }

  #lost(): void {
    this.hasLost = true
    this.isFenced = false
    this.running.clear()
    this.isLeader = false
  }
}
