import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { errorCodes } from '../wire/error-codes.js'
import { batchOf, changed } from '../records/fake-batch.js'
import { field } from '../records/record-batch.js'
import { fetch, type FetchedPartition } from '../wire/fetch.js'
import { listOffsets } from '../wire/offsets.js'
import { ReaderStage } from './reader-stage.js'

const orders = { topic: 'orders', partition: 0 }
const of = (partition: number): { topic: string; partition: number } => ({ topic: 'orders', partition })

let stage: ReaderStage
beforeEach(async () => {
  stage = await ReaderStage.open(virtualClock())
})
afterEach(() => stage.close())

/** Changes what is answered for one partition, `times` times. */
function spoil(partition: number, times: number, change: (part: FetchedPartition) => Partial<FetchedPartition>): void {
  let left = times
  stage.fake.on(fetch, async (args, place) => {
    const answer = await stage.logs.fetch(args, place)
    const topics = answer.topics.map(topic => ({
      ...topic,
      partitions: topic.partitions.map(part =>
        part.partition === partition && part.records.length > 0 && left-- > 0 ? { ...part, ...change(part) } : part,
      ),
    }))
    return { ...answer, topics }
  })
}

const refused = (errorCode: number) => (): Partial<FetchedPartition> => ({
  errorCode,
  records: Buffer.alloc(0),
  highWatermark: -1,
})

test('an offset that the log does not have counts as the earliest, with a line in the log', async () => {
  stage.logs.store(orders, batchOf(['a', 'b']), batchOf(['c']))
  stage.logs.of(orders).start = 2
  const [below, above] = [stage.read(orders, 1), stage.read(of(2), 9)]
  await stage.pass(10)
  expect([below.values, above.values]).toEqual([['c'], []])
  expect(stage.logged).toEqual(Array(2).fill('offset out of range: reading from the earliest message'))
  expect(stage.passed).toEqual([0])
  expect(stage.reader.position(orders)).toBe(3)
})

test('a broker that contradicts itself about where its log begins is not asked without a pause', async () => {
  stage.logs.of(orders).start = 5
  stage.logs.of(orders).end = 9
  stage.fake.on(listOffsets, () => ({
    partitions: [{ ...orders, errorCode: 0, offset: 0, timestamp: -1, leaderEpoch: 0 }],
  }))
  stage.read(orders, 'earliest')
  await stage.pass(5000)
  expect(stage.fetches.length).toBeGreaterThan(3)
  expect(stage.fetches.length).toBeLessThan(20)
})

test('a log that has lost what was read is read on from where it parts', async () => {
  stage.logs.store(orders, batchOf(['a']), batchOf(['b']))
  const each = stage.read(orders)
  await stage.pass(10)
  stage.logs.of(orders).batches.pop()
  stage.logs.of(orders).end = 1
  await stage.pass(600)
  expect([stage.reader.position(orders), stage.passed]).toEqual([1, [1]])
  stage.logs.store(orders, batchOf(['other']))
  await stage.pass(600)
  expect(each.values).toEqual(['a', 'b', 'other'])
  expect(stage.logged).toEqual(['the log has lost what was read last: reading on from where it parts'])
})

test('a leader that has moved is found again, and asked under its epoch', async () => {
  stage.logs.store(orders, batchOf(['a']))
  const each = stage.read(orders)
  await stage.pass(10)
  stage.fake.setTopic('orders', [2, 2, 1, 1], { epoch: 4 })
  stage.logs.store(orders, batchOf(['b']))
  await stage.pass(700)
  expect([each.values, stage.errors]).toEqual([['a', 'b'], []])
  const last = stage.fake.requests.findLast(({ name }) => name === 'Fetch')!
  expect(last.place).toBe('b2:9092')
  expect(stage.fetches.at(-1)!.topics[0]!.partitions[0]).toMatchObject({ leaderEpoch: 4, offset: 2 })
})

test('a leader that answers nothing is left once the others name another one', async () => {
  stage.logs.store(orders, batchOf(['a']))
  const [each, placed] = [stage.read(orders), stage.read(of(2), 'earliest')]
  stage.fake.frozen.add('b1:9092')
  await stage.pass(9000)
  stage.fake.setTopic('orders', [2, 2, 2, 1], { epoch: 4 })
  stage.logs.store(of(2), batchOf(['b']))
  await stage.pass(3500)
  expect([each.values, placed.values, stage.errors]).toEqual([['a'], ['b'], []])
})

test('a partition without a leader waits for one; others go on meanwhile', async () => {
  stage.fake.setTopic('orders', [-1, 2, 1, 1])
  const [none, other] = [stage.read(orders, 'earliest'), stage.read(of(1), 'earliest')]
  stage.logs.store(orders, batchOf(['a']))
  stage.logs.store(of(1), batchOf(['b']))
  await stage.pass(5000)
  expect([none.values, other.values]).toEqual([[], ['b']])
  stage.fake.setTopic('orders', [1, 2, 1, 1], { epoch: 1 })
  await stage.pass(1100)
  expect([none.values, stage.errors]).toEqual([['a'], []])
})

test('connections that are cut, refused or silent delay messages, and neither lose nor repeat any', async () => {
  const { fake, logs } = stage
  const each = stage.read(orders, 'earliest')
  await stage.pass(100)
  fake.cut()
  logs.store(orders, batchOf(['a']))
  await stage.pass(2500)
  expect(each.values).toEqual(['a'])
  fake.remove(1)
  logs.store(orders, batchOf(['b']))
  await stage.pass(5000)
  fake.add(1)
  await stage.pass(2500)
  expect(each.values).toEqual(['a', 'b'])
  fake.frozen.add('b1:9092')
  logs.store(orders, batchOf(['c']))
  await stage.pass(31_000)
  fake.frozen.clear()
  await stage.pass(5000)
  expect([each.values, stage.errors]).toEqual([['a', 'b', 'c'], []])
})

test('a topic or a partition may come a little late; one that does not come is an error of its partitions, once', async () => {
  const late = stage.read({ topic: 'late', partition: 0 }, 'earliest')
  stage.read({ topic: 'never', partition: 1 }, 'earliest')
  stage.read(of(9), 'latest')
  const added = stage.read(of(4), 'earliest')
  stage.logs.store(of(4), batchOf(['c']))
  const known = stage.read(orders, 'earliest')
  stage.logs.store(orders, batchOf(['a']))
  stage.logs.store({ topic: 'late', partition: 0 }, batchOf(['b']))
  await stage.pass(2000)
  expect([known.values, stage.errors]).toEqual([['a'], []])
  stage.fake.setTopic('late', [2])
  stage.fake.setTopic('orders', [1, 2, 1, 1, 2])
  await stage.pass(10_000)
  expect([late.values, added.values]).toEqual([['b'], ['c']])
  expect(stage.errors).toEqual([
    'never[1] TransportError: Cannot read "never"[1]: there is no partition 1 of "never". Create it, or correct the name.',
    'orders[9] TransportError: Cannot read "orders"[9]: there is no partition 9 of "orders". Create it, or correct the name.',
  ])
})

test.for([
  ['deleted', (): void => void stage.fake.topics.delete('orders')],
  ['deleted and created again', (): void => stage.fake.setTopic('orders', [1, 2, 1, 1], { id: 'another' })],
] as const)('a topic that is %s is an error: another log is not read on silently', async ([, change]) => {
  stage.logs.store(orders, batchOf(['a']))
  const each = stage.read(orders)
  await stage.pass(10)
  change()
  stage.logs.store(orders, batchOf(['b']))
  await stage.pass(10_000)
  expect(each.values).toEqual(['a'])
  const remedy = 'Remove the partition, and add it again if there is a new one.'
  expect(stage.errors).toEqual([
    `orders[0] TransportError: Cannot read "orders"[0]@1: the topic "orders" has been deleted. ${remedy}`,
  ])
})

test('a refused permission is an error at once, whichever request is refused', async () => {
  const { TOPIC_AUTHORIZATION_FAILED } = errorCodes
  stage.logs.store(of(1), batchOf(['a']))
  stage.fake.on(listOffsets, () => ({
    partitions: [{ ...orders, errorCode: TOPIC_AUTHORIZATION_FAILED, offset: -1, timestamp: -1, leaderEpoch: -1 }],
  }))
  spoil(1, 1, refused(TOPIC_AUTHORIZATION_FAILED))
  stage.read(orders, 'latest')
  const second = stage.read(of(1))
  await stage.pass(1000)
  expect(second.values).toEqual([])
  expect(stage.errors.map(error => error.replace(/: this user.*/, ''))).toEqual([
    'orders[0] TransportError: Cannot read "orders"[0]',
    'orders[1] TransportError: Cannot read "orders"[1]@0',
  ])
})

test('a topic that was hidden when it was last looked at is looked at anew before it cannot be read', async () => {
  stage.logs.store(orders, batchOf(['a']))
  const known = stage.fake.topics.get('orders')!
  const hidden = { ...known, errorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED, partitions: [] }
  stage.fake.topics.set('orders', hidden)
  await stage.cluster.topics(['orders'])
  stage.read(of(2))
  await stage.pass(1000)
  expect(stage.errors).toEqual([expect.stringMatching(/^orders\[2\] .* Grant it Read on the topic\.$/)])
  stage.fake.topics.set('orders', known)
  const each = stage.read(orders)
  await stage.pass(1500)
  expect([each.values, stage.errors.length]).toEqual([['a'], 1])
})

test('a refusal that the metadata knew of before an outage is looked at anew after it', async () => {
  stage.logs.store(orders, batchOf(['a']))
  const known = stage.fake.topics.get('orders')!
  stage.fake.topics.set('orders', { ...known, errorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED, partitions: [] })
  await stage.cluster.topics(['orders'])
  stage.fake.topics.set('orders', known)
  for (const nodeId of [1, 2]) stage.fake.remove(nodeId)
  const each = stage.read(orders, 'earliest')
  await stage.pass(5000)
  for (const nodeId of [1, 2]) stage.fake.add(nodeId)
  await stage.pass(5000)
  expect([each.values, stage.errors]).toEqual([['a'], []])
})

test('credentials that are refused are an error of every partition that needs them', async () => {
  await stage.cluster.topics(['orders'])
  stage.fake.refusal = new TransportError('Cannot log in to the broker at b1:9092 by PLAIN: …', { retriable: false })
  stage.read(orders)
  stage.read(of(2), 'earliest')
  await stage.pass(5000)
  expect(new Set(stage.errors.map(error => error.split(' ')[0]))).toEqual(new Set(['orders[0]', 'orders[2]']))
})

test('what is damaged is read once more before it counts as damaged; what comes before it is delivered', async () => {
  stage.logs.store(orders, batchOf(['a']), batchOf(['b']), batchOf(['c']))
  const damaged = ({ records }: FetchedPartition): Partial<FetchedPartition> => {
    const copy = Buffer.from(records)
    copy[copy.length - 1] = copy[copy.length - 1]! ^ 4
    return { records: copy }
  }
  spoil(0, 1, damaged)
  const each = stage.read(orders)
  await stage.pass(10)
  expect([each.values, stage.errors]).toEqual([['a', 'b', 'c'], []])
  stage.logs.store(orders, batchOf(['d']), batchOf(['e']))
  spoil(0, 2, damaged)
  stage.logs.store(orders, batchOf(['f']))
  await stage.pass(2000)
  expect(each.values.slice(3)).toEqual(['d', 'e', 'f'])
  stage.logs.store(of(2), batchOf(['g']), batchOf(['h']))
  spoil(2, 9, damaged)
  const other = stage.read(of(2))
  await stage.pass(100)
  expect(other.values).toEqual(['g'])
  expect(stage.errors).toEqual([
    expect.stringMatching(
      /^orders\[2\] TransportError: Cannot read "orders"\[2\]@1: the record batch is damaged, its checksum is/,
    ),
  ])
  await stage.pass(5000)
  expect(stage.errors.length).toBe(1)
})

test('a broker that cannot read its own log is asked once more', async () => {
  stage.logs.store(orders, batchOf(['a']))
  spoil(0, 1, refused(errorCodes.CORRUPT_MESSAGE))
  const each = stage.read(orders)
  await stage.pass(100)
  expect([each.values, stage.errors]).toEqual([['a'], []])
  spoil(2, 9, refused(errorCodes.CORRUPT_MESSAGE))
  stage.logs.store(of(2), batchOf(['b']))
  stage.read(of(2))
  await stage.pass(100)
  expect(stage.errors).toEqual([expect.stringContaining('Cannot read "orders"[2]@0: the broker refused (CORRUPT_MESSAGE)')])
})

test('what a broker did not foresee is tried again, with a line in the log', async () => {
  stage.logs.store(orders, batchOf(['a']))
  spoil(0, 2, refused(-1))
  const each = stage.read(orders)
  await stage.pass(2000)
  expect([each.values, stage.errors]).toEqual([['a'], []])
  expect(stage.logged).toEqual(Array(2).fill('Cannot read "orders"[0]@0: the broker refused (UNKNOWN_SERVER_ERROR).'))
})

test('an unknown compression is an error at once, with the place; reading may go on behind it', async () => {
  const unknown = changed(batchOf(['b']), batch => batch.writeInt16BE(6, field.attributes))
  stage.logs.store(orders, batchOf(['a']), unknown, batchOf(['c']))
  const each = stage.read(orders)
  await stage.pass(10)
  expect(each.values).toEqual(['a'])
  expect(stage.errors).toEqual([expect.stringContaining('Cannot read "orders"[0]@1. Cannot decompress algorithm 6')])
  stage.reader.remove(orders)
  const behind = stage.read(orders, 2)
  await stage.pass(10)
  expect(behind.values).toEqual(['c'])
})
