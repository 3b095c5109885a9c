import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { KafkaConnection } from '../../src/kafka/connection.js'
import { Seat } from '../../src/testing/contract/seat.js'
import type { Logger } from '../../src/lib/log.js'
import { Relay } from './relay.js'
import { createTopic } from './steering.js'
import { Counting, expectCounted, Reading, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

/** What our driver has said of connections that were lost, answers that did not come and partitions whose leader it has looked for. */
function troubles(): { readonly log: Logger; readonly said: string[] } {
  const said: string[] = []
  const say = (_: object, message: string): void => void said.push(message)
  const log: Logger = { debug: say, info: say, warn: say, error: say, child: () => log }
  return { log, said }
}

test('what trickles arrives, in order and once, and nobody loses patience', async () => {
  await createTopic(bootstrap, { name: 'trickling', partitions: 3, config: kept })
  const relay = await Relay.to(bootstrap)
  const { log, said } = troubles()
  const [writing, reading] = [await Traffic.open(bootstrap, { relay, log }), await Traffic.open(bootstrap, { relay, log })]
  const reader = reading.reader()
  const readings = [0, 1, 2].map(partition => new Reading(reader, { topic: 'trickling', partition }))
  const producer = await writing.producer()
  // Some 30 KB a second each way, in pieces that end anywhere.
  relay.pieceBytes = 61
  relay.pauseMs = 1
  const counting = new Counting(producer, 'trickling', 3)
  await sleep(1500)
  await counting.stop()
  await expectCounted(readings, counting)
  expect(Math.min(...counting.sent)).toBeGreaterThan(50)
  expect([reading.errors, said]).toEqual([[], []])
  // One for each purpose of each, and none was opened twice.
  expect(relay.connections).toBeLessThan(10)
})

test('a coordinator that takes its time keeps its members, and every commit settles', async () => {
  const at = { topic: 'slow-group', partition: 0 }
  await createTopic(bootstrap, { name: at.topic, config: kept })
  const relay = await Relay.to(bootstrap)
  const { log, said } = troubles()
  const connection = new KafkaConnection((await Traffic.open(bootstrap, { relay, log })).link)
  onTestFinished(() => connection.close())
  const seat = new Seat(connection, { groupId: at.topic, sessionTimeoutMs: 3000, rebalanceTimeoutMs: 5000 })
  // Each way; a heartbeat has half of the session.
  relay.pauseMs = 250
  await seat.join()
  const { generation } = seat.current
  const commits = Array.from({ length: 4 }, (_, offset) => seat.group.commit([{ ...at, offset: offset + 1 }], seat.current))
  await Promise.all(commits)
  await sleep(1000)
  expect(await seat.group.committed([at])).toEqual([{ ...at, offset: 4 }])
  expect([seat.lost, seat.refusals, seat.current.generation, seat.rounds]).toEqual([[], [], generation, 1])
  expect(said).toEqual([])
  expect(relay.connections).toBeLessThan(6)
})
