import { expect, test } from 'vitest'
import { type Random, seededRandom } from '../../lib/random.js'
import { BrokerTrial } from '../../testing/broker-trial.js'
import type { WireClient } from '../../testing/wire-client.js'
import type { WriterId } from '../wire/protocol.js'

const topic = 'orders'
const partitions = 3
const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }

/** Producers that never give up, over owners that die at any moment. */
class Run {
  readonly #trial: BrokerTrial
  readonly #random: Random
  #client: Promise<WireClient> | null = null
  #isOver = false
  /** By partition and by who wrote it, what must be there in the end. */
  readonly expected: string[][] = []
  readonly committed = new Map<number, number>()
  #membership = { groupId: 'group', memberId: 'member', instanceId: null, generation: 0 }

  constructor(trial: BrokerTrial, random: Random) {
    this.#trial = trial
    this.#random = random
  }

  async begin(): Promise<void> {
    await this.ask(client => client.ask('createTopics', { specs: [{ name: topic, partitions }] }))
    const { groupId, memberId } = this.#membership
    const joining = { groupId, memberId, instanceId: null, isNew: true, metadata: '', ...timeouts }
    const { generation } = await this.ask(client => client.ask('join', joining))
    this.#membership = { ...this.#membership, generation }
    const stamp = { memberId, instanceId: null, generation }
    await this.ask(client => client.ask('sync', { groupId, stamp, assignments: [] }))
  }

  /** Asks until there is an answer, whoever gives it. */
  async ask<T>(question: (client: WireClient) => Promise<T>): Promise<T> {
    for (;;) {
      const client = await this.#connected()
      const answer = await Promise.race([question(client), client.closed.then(() => lost)])
      if (answer !== lost) return answer as T
    }
  }

  /** Stores numbers one by one, until it is over. */
  async writePlain(who: number): Promise<void> {
    const writer = await this.ask(client => client.ask('openProducer', { transactionalId: null, transactionTimeoutMs: 0 }))
    for (let number = 1; !this.#isOver; number++) await this.#write({ writer, who, number, transaction: 0 }, true)
  }

  /** Commits or aborts transactions of one request or more, each with an offset. */
  async writeTransactions(who: number): Promise<void> {
    const opening = { transactionalId: `id-${who}`, transactionTimeoutMs: 60_000 }
    const writer = await this.ask(client => client.ask('openProducer', opening))
    let number = 1
    for (let transaction = 1; !this.#isOver; transaction++) {
      const isCommit = this.#random.next() < 0.6
      for (let left = this.#below(3); left >= 0; left--)
        await this.#write({ writer, who, number: number++, transaction }, isCommit)
      const offsets = [{ topic, partition: who % partitions, offset: transaction }]
      const membership = this.#membership
      await this.ask(client => client.ask('endTransaction', { writer, transaction, isCommit, offsets, membership }))
      if (isCommit) this.committed.set(who % partitions, transaction)
    }
  }

  /** So many owners die and are replaced; then it is over. */
  async kill(count: number): Promise<void> {
    for (let kills = 0; kills < count; kills++) {
      await this.#trial.turns(this.#below(60))
      this.#client = null
      await this.#trial.replace()
    }
    this.#isOver = true
  }

  async stored(partition: number): Promise<string[]> {
    const { values } = await this.ask(client => client.fetch({ topic, partition, maxBytes: 4 * 1024 * 1024 }))
    return values.map(String)
  }

  async #write(head: { writer: WriterId; who: number; number: number; transaction: number }, isKept: boolean): Promise<void> {
    const { who, number } = head
    const chosen = Array.from({ length: partitions }, (_, partition) => partition).filter(() => this.#random.next() < 0.5)
    const batches = chosen.map(partition => ({ at: { topic, partition }, values: [`${who}:${number}`] }))
    const answer = await this.ask(client => client.produce(head, batches))
    expect(answer.every(base => typeof base === 'number')).toBe(true)
    if (isKept) for (const partition of chosen) (this.expected[partition] ??= []).push(`${who}:${number}`)
  }

  async #connected(): Promise<WireClient> {
    for (;;) {
      this.#client ??= this.#greeted()
      const client = await this.#client
      if (!client.socket.destroyed) return client
      this.#client = null
      await this.#trial.turns(1)
    }
  }

  async #greeted(): Promise<WireClient> {
    const client = await this.#trial.call()
    await Promise.race([client.greet({ directory: this.#trial.directory }), client.closed])
    return client
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit)
  }
}

const lost = Symbol('lost')

test.for([1, 2, 3, 4, 5])(
  'whoever owns the directory, everything is stored once, in order, and transactions as a whole (seed %i)',
  async seed => {
    const trial = await BrokerTrial.open()
    const run = new Run(trial, seededRandom(seed))
    await run.begin()
    const writers = [run.writePlain(0), run.writePlain(1), run.writeTransactions(2), run.writeTransactions(3)]
    await Promise.all([run.kill(15), ...writers])
    expect(run.expected.flat().length).toBeGreaterThan(15)
    for (let partition = 0; partition < partitions; partition++) {
      const [stored, expected] = [await run.stored(partition), run.expected[partition] ?? []]
      for (const who of ['0', '1', '2', '3']) {
        const of = (values: readonly string[]): string[] => values.filter(value => value.startsWith(who))
        expect([partition, who, of(stored)]).toEqual([partition, who, of(expected)])
      }
      const asked = { groupId: 'group', partitions: [{ topic, partition }] }
      const [offset] = await run.ask(client => client.ask('committed', asked))
      expect(offset?.offset).toBe(run.committed.get(partition))
    }
    await trial.close()
  },
)
