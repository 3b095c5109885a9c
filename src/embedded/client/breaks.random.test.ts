import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Clock, nextTurn, sleep } from '../../lib/clock.js'
import { silentLogger } from '../../lib/log.js'
import { type Random, seededRandom } from '../../lib/random.js'
import { outgoing, Reading } from '../../testing/contract/messages.js'
import { pollingUntil } from '../../testing/contract/polling-until.js'
import { hurriedClock } from '../../testing/hurried-clock.js'
import { ThreadBroker } from '../../testing/thread-broker.js'
import type { Connection, OutgoingBatch, Producer } from '../../transport/transport.js'

const topic = 'orders'
const partitions = [0, 1, 2]
const transactions = 3

/** Sockets that break after so many bytes in either direction, in the middle of a frame or not. */
class FrailSockets {
  isFrail = true
  /** How many there have been. */
  count = 0
  readonly #folder = mkdtempSync(join(tmpdir(), 'faust-frail-'))
  readonly #server: Server
  readonly #random: Random
  readonly #dial: () => Promise<Socket>

  constructor(random: Random, dial: () => Promise<Socket>) {
    this.#random = random
    this.#dial = dial
    this.#server = createServer(client => void this.#pass(client)).listen(join(this.#folder, 'socket'))
  }

  readonly dial = async (): Promise<Socket> => {
    const socket = connect(join(this.#folder, 'socket'))
    await once(socket, 'connect')
    return socket
  }

  close(): void {
    this.#server.close()
    rmSync(this.#folder, { recursive: true })
  }

  async #pass(client: Socket): Promise<void> {
    this.count++
    client.on('error', () => undefined)
    const broker = await this.#dial()
    broker.on('error', () => undefined)
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      let left = 10 ** (2 + 5 * this.#random.next())
      from.on('data', chunk => {
        to.write(this.isFrail ? chunk.subarray(0, left) : chunk)
        left -= chunk.length
        if (this.isFrail && left < 0) to.destroySoon()
      })
      from.on('close', () => to.destroySoon())
    }
  }
}

/** A producer, what it has sent to each partition, and what became of that. */
class Sender {
  readonly sent = new Map<number, { value: string; batch: OutgoingBatch; place: number }[]>()
  readonly settled = new Map<OutgoingBatch, number>()
  readonly #name: string
  readonly #producer: Producer
  readonly #random: Random

  constructor(name: string, producer: Producer, random: Random) {
    this.#name = name
    this.#producer = producer
    this.#random = random
  }

  async run(clock: Clock, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const partition = Math.floor(this.#random.next() * partitions.length)
      const size = this.#random.next() < 0.01 ? 100_000 : 10
      this.#send(partition, `${this.#name}:${index}:`.padEnd(size, 'x'))
      if (this.#random.next() < 0.05) await sleep(clock, 8 * this.#random.next(), { kind: 'work' })
      if (this.#random.next() < 0.01) await this.#producer.flush()
    }
    await this.#producer.flush()
  }

  #send(partition: number, value: string): void {
    const batch = this.#producer.append(outgoing({ topic, partition }, value))
    const sent = this.sent.get(partition) ?? []
    this.sent.set(partition, sent)
    sent.push({ value, batch, place: batch.count - 1 })
    if (batch.count > 1) return
    this.settled.set(batch, 0)
    batch.onSettled(() => this.settled.set(batch, (this.settled.get(batch) ?? 0) + 1))
  }
}

/** Transactions with one message or more; returns what was committed. */
async function transact(producer: Producer, random: Random, count: number): Promise<string[]> {
  const committed: string[] = []
  for (let index = 0; index < count; index++) {
    await producer.begin()
    const values = Array.from({ length: 1 + Math.floor(random.next() * 3) }, (_, place) => `${index}.${place}`)
    for (const value of values) producer.append(outgoing({ topic, partition: transactions }, value))
    if (random.next() < 0.5) await producer.flush()
    if (random.next() < 0.3) await producer.abort()
    else {
      await producer.commit([], null)
      committed.push(...values)
    }
  }
  return committed
}

function read(connection: Connection): Reading[] {
  const reader = connection.reader({ isolation: 'read-committed', onError: error => expect.fail(error.message) })
  return [...partitions, transactions].map(partition => new Reading(reader, { topic, partition }, 'earliest'))
}

async function sabotage(
  broker: ThreadBroker,
  random: Random,
  { clock, isOver }: { clock: Clock; isOver: () => boolean },
): Promise<void> {
  while (!isOver()) {
    await sleep(clock, 120 * random.next(), { kind: 'work' })
    if (random.next() < 0.6) broker.cut()
    else {
      await broker.stop()
      for (let turns = random.next() * 20; turns > 0; turns--) await nextTurn(clock)
      await broker.start()
    }
  }
}

test.for(Array.from({ length: 5 }, (_, seed) => seed + 1))(
  'whatever breaks, every send settles once and is stored once, in order (seed %i)',
  { timeout: 60_000 },
  async seed => {
    const random = seededRandom(seed)
    const clock = hurriedClock(4)
    const until = pollingUntil(clock)
    const broker = await ThreadBroker.open({ clock, random, log: silentLogger })
    const sockets = new FrailSockets(random, broker.dial)
    const context = { clientId: 'client', clock, random, log: silentLogger }
    const connection = await broker.transport(sockets.dial).connect(context)
    await connection.admin.createTopics([{ name: topic, partitions: partitions.length + 1 }])
    const watching = read(connection)
    const senders = [
      new Sender('a', await connection.producer({}), random),
      new Sender('b', await connection.producer({}), random),
    ]
    const transactional = await connection.producer({ transactionalId: 'id' })

    let isOver = false
    const sabotaged = sabotage(broker, random, { clock, isOver: () => isOver })
    const running = Promise.all([transact(transactional, random, 30), ...senders.map(sender => sender.run(clock, 1000))])
    const [committed] = await running.finally(() => (isOver = true))
    await sabotaged
    expect(sockets.count).toBeGreaterThan(30)
    sockets.isFrail = false

    const ends = await connection.admin.endOffsets(
      partitions.map(partition => ({ topic, partition })),
      'read-committed',
    )
    const sound = await broker.transport().connect(context)
    const after = read(sound)
    const isRead = (readings: readonly Reading[]): boolean =>
      readings.every(({ position, count }, partition) =>
        partition === transactions ? count >= committed.length : position === ends[partition]?.offset,
      )
    await until(() => isRead(watching) && isRead(after), 'all messages')
    for (const readings of [watching, after]) check(readings, senders, committed)
    await sound.close()
    await connection.close()
    sockets.close()
    await broker.close()
  },
)

function check(readings: readonly Reading[], senders: readonly Sender[], committed: readonly string[]): void {
  for (const partition of partitions) {
    const stored = readings[partition]?.messages ?? []
    const all = senders.flatMap(({ sent }) => sent.get(partition) ?? [])
    expect(all.every(({ batch }) => batch.isSettled && batch.error === null)).toBe(true)
    const expected = all.map(({ value, batch, place }) => ({ offset: batch.baseOffset + place, value }))
    expected.sort((left, right) => left.offset - right.offset)
    expect(stored.map(({ offset, value }) => ({ offset, value }))).toEqual(expected)
    for (const { sent } of senders) {
      const offsets = (sent.get(partition) ?? []).map(({ batch, place }) => batch.baseOffset + place)
      expect(offsets).toEqual([...offsets].sort((left, right) => left - right))
    }
  }
  for (const { settled } of senders) expect(new Set(settled.values())).toEqual(new Set([1]))
  expect(readings[transactions]?.values).toEqual(committed)
}
