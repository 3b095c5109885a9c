import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { batchOf, markerOf } from '../records/fake-batch.js'
import { asked, ReaderStage } from './reader-stage.js'

const orders = { topic: 'orders', partition: 0 }
const of = (partition: number): { topic: string; partition: number } => ({ topic: 'orders', partition })
const many = (partition: number): { topic: string; partition: number } => ({ topic: 'many', partition })
/** As many messages as are delivered at a time. */
const wholeDelivery = (value: string): Buffer => batchOf(Array<string>(1024).fill(value))

let stage: ReaderStage
beforeEach(async () => {
  stage = await ReaderStage.open(virtualClock())
})
afterEach(() => stage.close())

test('reads from an offset, the beginning or the end, each from its leader', async () => {
  const { logs } = stage
  logs.store(orders, batchOf(['a', 'b']), batchOf(['c']))
  logs.store(of(1), batchOf(['d']))
  const [early, some] = [stage.read(orders, 'earliest'), stage.read(of(1))]
  await stage.pass(10)
  expect([early.values, some.values]).toEqual([['a', 'b', 'c'], ['d']])
  const [late, middle] = [stage.read(of(2), 'latest'), stage.read(of(3), 1)]
  logs.store(of(3), batchOf(['e', 'f']))
  await stage.pass(10)
  logs.store(of(2), batchOf(['g']))
  await stage.pass(10)
  expect([late.values, middle.values, stage.errors]).toEqual([['g'], ['f'], []])
})

test('position and high watermark are known together, after the first answer, for which nobody waits', async () => {
  const { reader } = stage
  stage.read(of(2), 'latest')
  expect([reader.position(of(2)), reader.highWatermark(of(2))]).toEqual([undefined, undefined])
  await stage.pass(1)
  expect([reader.position(of(2)), reader.highWatermark(of(2))]).toEqual([0, 0])
  expect(stage.fetches.map(({ maxWaitMs, minBytes }) => [maxWaitMs, minBytes])).toEqual([
    [0, 1],
    [500, 1],
  ])
})

test('nothing is delivered from within add or resume', async () => {
  stage.logs.store(orders, batchOf(['a']))
  await stage.cluster.topics(['orders'])
  const each = stage.read(orders)
  expect(each.values).toEqual([])
  each.wantsMore = false
  await stage.pass(1)
  stage.logs.store(orders, batchOf(['b']))
  stage.reader.resume(orders)
  stage.reader.resume(orders)
  expect(each.values).toEqual(['a'])
  await stage.pass(1)
  expect(each.values).toEqual(['a', 'b'])
})

test('nothing is delivered once remove has returned, and the partition may be read again meanwhile', async () => {
  const { logs, reader } = stage
  const removed = stage.read(orders)
  await stage.pass(10)
  reader.remove(orders)
  const again = stage.read(orders, 'earliest')
  expect(() => stage.read(orders)).toThrow('Cannot read "orders"[0]: this reader reads it already. Remove it first.')
  logs.store(orders, batchOf(['a']))
  await stage.pass(10)
  expect([removed.values, again.values]).toEqual([[], ['a']])
  const [one, other] = [stage.read(of(2)), stage.read(of(3))]
  one.delivered = other.delivered = () => [2, 3].forEach(partition => reader.remove(of(partition)))
  logs.store(of(2), batchOf(['b']), batchOf(['c']))
  logs.store(of(3), batchOf(['d']))
  await stage.pass(600)
  expect([one.values, other.values]).toEqual([['b', 'c'], []])
  expect(reader.position(of(2))).toBeUndefined()
})

test('a partition that wants no more is not asked for, and goes on where it was', async () => {
  stage.logs.store(orders, batchOf(['a']))
  const slow = stage.read(orders)
  slow.wantsMore = false
  await stage.pass(2000)
  expect([slow.values, stage.fetches.length]).toEqual([['a'], 1])
  stage.logs.store(orders, batchOf(['b']), batchOf(['c']))
  slow.wantsMore = true
  stage.reader.resume(orders)
  await stage.pass(1)
  expect(slow.values).toEqual(['a', 'b', 'c'])
})

test('what was fetched and not delivered is there when it is wanted, and is not fetched again', async () => {
  stage.logs.store(orders, ...['1', '2', '3'].map(wholeDelivery))
  const slow = stage.read(orders)
  slow.wantsMore = false
  for (const count of [1, 2, 3]) {
    await stage.pass(1)
    expect([new Set(slow.values).size, stage.fetches.length]).toEqual([count, 1])
    stage.reader.resume(orders)
  }
  await stage.pass(1)
  expect([[...new Set(slow.values)], stage.fetches.length]).toEqual([['1', '2', '3'], 2])
})

test('paused partitions together keep 32 MiB; beyond that they fetch again, and nothing is lost', async () => {
  stage.fake.setTopic('many', Array<number>(150).fill(1))
  const places = Array.from({ length: 150 }, (_, partition) => many(partition))
  const batches = [wholeDelivery('1'), batchOf([`2${'x'.repeat(240_000)}`])]
  for (const at of places) stage.logs.store(at, ...batches)
  const readings = []
  for (const at of places) {
    const reading = stage.read(at)
    reading.wantsMore = false
    readings.push(reading)
    // In a request of its own, which has room for all of it.
    await stage.pass(1)
  }
  expect(readings.every(({ values }) => values.length === 1024)).toBe(true)
  const before = stage.fetches.length
  for (const at of places) stage.reader.resume(at)
  await stage.pass(100)
  expect(readings.map(({ values }) => [...new Set(values.map(([first]) => first))].join(''))).toEqual(places.map(() => '12'))
  const later = stage.fetches.slice(before).flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))
  const kept = Math.floor((32 * 1024 * 1024) / batches.reduce((sum, { length }) => sum + length, 0))
  expect(new Set(later.filter(({ offset }) => offset === 1024).map(({ partition }) => partition)).size).toBe(150 - kept)
})

test('who begins to want while a request waits goes with another one at once, and in the end all go together', async () => {
  stage.read(orders)
  await stage.pass(100)
  const late = stage.read(of(2))
  await stage.pass(5)
  stage.logs.store(of(2), batchOf(['soon']))
  await stage.pass(0)
  expect(late.values).toEqual(['soon'])
  expect(stage.fetches.map(asked)).toEqual([[0], [0], [2], [2], [2]])
  expect(stage.fetches.map(({ maxWaitMs }) => maxWaitMs)).toEqual([0, 500, 0, 20, 20])
  await stage.pass(500)
  const last = stage.fetches.at(-1)!
  expect([last.maxWaitMs, asked(last).toSorted((a, b) => a - b)]).toEqual([500, [0, 2]])
  const before = stage.fetches.length
  await stage.pass(2000)
  expect(stage.fetches.length - before).toBe(4)
})

test('many that begin together ask together', async () => {
  stage.fake.setTopic('many', Array<number>(3000).fill(1))
  for (let partition = 0; partition < 3000; partition++) stage.read(many(partition), 'earliest')
  await stage.pass(10)
  expect(stage.fetches.map(args => [asked(args).length, args.maxWaitMs])).toEqual([
    [3000, 0],
    [3000, 500],
  ])
  expect(stage.fake.requests.filter(({ name }) => name === 'ListOffsets').length).toBe(1)
})

test('what found no room in an answer is asked for first the next time', async () => {
  stage.fake.setTopic('many', Array<number>(20).fill(1))
  const mib = batchOf(['x'.repeat(1024 * 1024 - 200)])
  for (let partition = 0; partition < 20; partition++) stage.logs.store(many(partition), mib, mib, mib)
  const readings = Array.from({ length: 20 }, (_, partition) => stage.read(many(partition)))
  await stage.pass(100)
  expect(readings.map(({ values }) => values.length)).toEqual(readings.map(() => 3))
  const { order } = stage
  const third = order.findIndex((partition, index) => order.slice(0, index + 1).filter(each => each === partition).length === 3)
  expect(new Set(order.slice(0, third)).size).toBe(20)
})

test('a batch that is larger than what is asked for arrives although others have messages all the time', async () => {
  stage.fake.setTopic('many', [1, 1, 1])
  const [small, large] = [batchOf(['x'.repeat(900_000)]), batchOf(['y'.repeat(20_000_000)])]
  for (const partition of [0, 1]) for (let count = 0; count < 30; count++) stage.logs.store(many(partition), small)
  stage.logs.store(many(2), large)
  for (const partition of [0, 1, 2]) stage.read(many(partition))
  await stage.pass(100)
  expect(stage.order.length).toBe(61)
  expect(stage.order.indexOf(2)).toBeLessThan(8)
})

test('positions pass markers and what was aborted, also over several answers, and who wants to know is told', async () => {
  const { logs, passed, reader } = stage
  const log = logs.of(orders)
  // A broker names every aborted transaction that reaches into an answer, also one that began before it.
  log.aborted = [
    { producerId: 7, firstOffset: 0 },
    { producerId: 7, firstOffset: 4 },
  ]
  const each = stage.read(orders)
  const step = async (...batches: readonly Buffer[]): Promise<void> => {
    logs.store(orders, ...batches)
    await stage.pass(10)
  }
  await step(batchOf(['aborted'], { producerId: 7 }))
  await step(batchOf(['aborted'], { producerId: 7 }), batchOf(['plain']))
  await step(markerOf(7, 'abort'))
  expect([each.values, passed, reader.position(orders)]).toEqual([['plain'], [1, 4], 4])
  await step(batchOf(['aborted again'], { producerId: 7 }), markerOf(7, 'abort'), batchOf(['kept'], { producerId: 7 }))
  await step(markerOf(7, 'commit'))
  expect([each.values, passed, reader.position(orders)]).toEqual([['plain', 'kept'], [1, 4, 8], 8])
})

test('after close nothing is delivered or reported, and nothing may be added', async () => {
  const each = stage.read(orders)
  await stage.pass(10)
  await stage.reader.close()
  stage.logs.store(orders, batchOf(['a']))
  await stage.pass(1000)
  expect([each.values, stage.errors]).toEqual([[], []])
  expect(() => stage.read(of(1))).toThrow(ClosedError)
  expect(() => stage.read(of(1))).not.toThrow(TransportError)
  await stage.reader.close()
})
