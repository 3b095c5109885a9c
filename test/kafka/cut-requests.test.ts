import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { KafkaConnection } from '../../src/kafka/connection.js'
import { fetch } from '../../src/kafka/wire/fetch.js'
import { heartbeat, joinGroup, syncGroup } from '../../src/kafka/wire/group.js'
import { latest, listOffsets, offsetCommit, offsetFetch } from '../../src/kafka/wire/offsets.js'
import { produce } from '../../src/kafka/wire/produce.js'
import { seededRandom, systemRandom } from '../../src/lib/random.js'
import { Seat } from '../../src/testing/contract/seat.js'
import type { TopicPartition } from '../../src/transport/transport.js'
import { Relay } from './relay.js'
import { createTopic, eventually } from './steering.js'
import { numbers, Reading, send, Traffic } from './traffic.js'

/** `FAUST_CUTS_SEED` to repeat a run. */
const seed = Number(process.env['FAUST_CUTS_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31))
const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

/** Five that send at the same time, each numbers of its own to every partition; it returns how many each has sent to one. */
async function sendTogether(traffic: Traffic, places: readonly TopicPartition[], isEnough: () => boolean): Promise<number[]> {
  const producer = await traffic.producer()
  const batches = new Set<{ readonly error: Error | null }>()
  const sending = Array.from({ length: 5 }, async (_, sender) => {
    let sent = 0
    for (; !isEnough(); sent++) {
      for (const at of places) batches.add(send(producer, at, `${sender}:${sent}`))
      await sleep((sent + sender) % 4)
    }
    return sent
  })
  const sent = await Promise.all(sending)
  await producer.flush()
  for (const { error } of batches) expect(error).toBeNull()
  return sent
}

test(`cut anywhere in what is sent and read: all that several send at a time comes once, each's in order (seed ${seed})`, async () => {
  const places = [0, 1, 2].map(partition => ({ topic: 'cut-anywhere', partition }))
  await createTopic(bootstrap, { name: 'cut-anywhere', partitions: 3, config: kept })
  const [out, back] = [await Relay.to(bootstrap), await Relay.to(bootstrap)]
  out.cutNowAndThen([produce], seededRandom(seed))
  back.cutNowAndThen([fetch, listOffsets], seededRandom(seed + 1))
  const traffic = await Traffic.open(bootstrap, { relay: back })
  const reader = traffic.reader()
  const readings = places.map(at => new Reading(reader, at))
  const isEnough = (): boolean => Math.min(out.cuts, back.cuts) >= 8
  const sent = await sendTogether(await Traffic.open(bootstrap, { relay: out }), places, isEnough)
  const total = sent.reduce((sum, count) => sum + count, 0)
  for (const [partition, reading] of readings.entries()) {
    await reading.has(total)
    for (const [sender, count] of sent.entries()) {
      const own = reading.values.filter(value => value.startsWith(`${sender}:`)).map(value => value.slice(2))
      expect(own, `of sender ${sender} in partition ${partition}`).toEqual(numbers(count))
    }
  }
  const direct = await Traffic.open(bootstrap)
  const ends = await direct.link.cluster.atLeaders(
    listOffsets,
    places.map(at => ({ ...at, timestamp: latest })),
    { what: 'Cannot look', args: partitions => ({ isReadCommitted: false, partitions }) },
  )
  expect(ends.map(({ offset }) => offset)).toEqual(places.map(() => total))
  expect(traffic.errors).toEqual([])
  console.log(JSON.stringify({ messages: 3 * total, cutsOfProduce: out.cuts, cutsOfFetch: back.cuts }))
})

async function seatBehind(relay: Relay, groupId: string): Promise<Seat> {
  const connection = new KafkaConnection((await Traffic.open(bootstrap, { relay })).link)
  onTestFinished(() => connection.close())
  return new Seat(connection, { groupId, sessionTimeoutMs: 4000, rebalanceTimeoutMs: 10_000 })
}

test(`cut anywhere in commits: each settles, none overtakes another, the last one counts (seed ${seed})`, async () => {
  const at = { topic: 'cut-commits', partition: 0 }
  await createTopic(bootstrap, { name: at.topic, config: kept })
  const relay = await Relay.to(bootstrap)
  const seat = await seatBehind(relay, at.topic)
  await seat.join()
  relay.cutNowAndThen([offsetCommit, offsetFetch, heartbeat], seededRandom(seed))
  const watching = (await seatBehind(await Relay.to(bootstrap), at.topic)).connection.admin
  const seen: number[] = []
  let isOver = false
  const watch = (async () => {
    while (!isOver) seen.push((await watching.groupOffsets(at.topic))[0]?.offset ?? 0)
  })()
  for (let offset = 0; offset < 100; offset += 5) {
    const ahead = [1, 2, 3, 4, 5].map(more => seat.group.commit([{ ...at, offset: offset + more }], seat.current))
    await Promise.all(ahead)
    expect(await seat.group.committed([at])).toEqual([{ ...at, offset: offset + 5 }])
  }
  isOver = true
  await watch
  expect(seen).toEqual(seen.toSorted((left, right) => left - right))
  expect([seat.lost, seat.refusals]).toEqual([[], []])
  expect(relay.cuts).toBeGreaterThan(10)
})

test(`cut anywhere in joining: members come to agree, and leave no ghosts (seed ${seed})`, async () => {
  const relays = await Promise.all([1, 2, 3].map(() => Relay.to(bootstrap)))
  const seats = await Promise.all(relays.map(relay => seatBehind(relay, 'cut-joins')))
  for (const [number, relay] of relays.entries())
    relay.cutNowAndThen([joinGroup, syncGroup, heartbeat], seededRandom(seed + number))
  for (const seat of seats) seat.start()
  await eventually('agreement', () => Promise.resolve(Seat.agree(seats)))
  const known = seats.map(({ memberId }) => memberId)
  for (let round = 0; round < 6; round++) {
    const { generation } = seats[0]!.current
    // The leader's wish makes a round; another member would only be told what it has.
    seats.find(({ current }) => current.isLeader)!.start()
    await eventually('another round', () =>
      Promise.resolve(Seat.agree(seats) && seats[0]!.current.generation > generation && isTogether(seats)),
    )
  }
  expect(seats.map(({ memberId }) => memberId)).toEqual(known)
  expect(seats.flatMap(({ lost, refusals }) => [...lost, ...refusals])).toEqual([])
  expect(relays.reduce((sum, { cuts }) => sum + cuts, 0)).toBeGreaterThan(10)
})

const isTogether = (seats: readonly Seat[]): boolean => new Set(seats.map(({ current }) => current.generation)).size === 1
