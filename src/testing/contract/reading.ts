import assert from 'node:assert/strict'
import type { TopicPartition } from '../../transport/transport.js'
import { messagesOf, numbered, outgoing, Reading } from './messages.js'
import { type ContractTest, expectCode, type Scene, throwsCode } from './scene.js'

export const reading: readonly ContractTest[] = [
  { name: 'reading: begins at the earliest message, at the latest, or at an offset', run: begins },
  { name: 'reading: may begin in the middle of a batch', run: beginsInTheMiddle },
  { name: 'reading: an offset that the log does not have counts as the earliest', run: isOutOfRange },
  { name: 'reading: goes on at the earliest message when the next one is gone', run: isOvertaken },
  { name: 'reading: several readers of a partition get the same messages', run: shares },
  { name: 'reading: a partition pauses where deliver says false, and resumes without loss', run: pauses },
  { name: 'reading: a paused partition gets nothing and holds up no other', run: staysPaused },
  { name: 'reading: deliver is not called from within add or resume', run: isNeverSynchronous },
  { name: 'reading: nothing is delivered once remove has returned', run: removes },
  { name: 'reading: a partition may be removed from within deliver', run: removesFromWithin },
  { name: 'reading: a partition that was removed may be read again from anywhere', run: readsAgain },
  { name: 'reading: the same partition twice is refused', run: refusesTwice },
  { name: 'reading: position and high watermark are known after the first answer', run: knowsPositions },
  { name: 'reading: a topic that does not exist is an error of that partition only', run: reportsUnknown },
  { name: 'reading: batches are in order and say where to go on', run: isInOrder },
  { name: 'reading: a batch that was delivered never changes', run: isImmutable },
  { name: 'reading: passes what compaction has removed', needs: 'compact', run: passesHoles },
  { name: 'reading: ends with its reader', run: ends },
]

async function stored(scene: Scene, count: number): Promise<TopicPartition> {
  const at = { topic: await scene.topic(), partition: 0 }
  await scene.store(await scene.producer(), at, numbered(count))
  return at
}

async function begins(scene: Scene): Promise<void> {
  const at = await stored(scene, 10)
  const [early, late, some] = [scene.reader(), scene.reader(), scene.reader()]
  const readings = [new Reading(early, at, 'earliest'), new Reading(late, at, 'latest'), new Reading(some, at, 8)]
  await scene.until(() => readings.every(({ position }) => position === 10), 'positions at the end')
  await scene.store(await scene.producer(), at, ['new'])
  await scene.until(() => readings.every(({ position }) => position === 11), 'positions after the new message')
  assert.deepEqual(
    readings.map(({ values }) => values),
    [[...numbered(10), 'new'], ['new'], ['value-8', 'value-9', 'new']],
  )
}

async function beginsInTheMiddle(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  for (const value of numbered(100)) {
    producer.append(outgoing(at, value, { key: `key of ${value}`, headers: new Map([['of', Buffer.from(value)]]) }))
  }
  await scene.flush(producer)
  const part = scene.read(at, { start: 37 })
  await scene.until(() => part.position === 100, 'the end')
  assert.deepEqual(part.values, numbered(100).slice(37))
  assert.equal(part.messages[0]?.offset, 37)
  assert.equal(part.messages[0]?.key, 'key of value-37')
  assert.deepEqual(part.messages.at(-1)?.headers, { of: 'value-99' })
}

async function isOutOfRange(scene: Scene): Promise<void> {
  const at = await stored(scene, 5)
  await scene.wait(scene.shared.admin.deleteRecords([{ ...at, offset: 2 }]))
  const readers = [scene.reader(), scene.reader()]
  const readings = readers.map((reader, index) => new Reading(reader, at, index === 0 ? 1 : 100))
  await scene.until(() => readings.every(({ count }) => count === 3), 'what is left')
  for (const each of readings) assert.deepEqual(each.values, numbered(5).slice(2))
}

async function isOvertaken(scene: Scene): Promise<void> {
  const at = await stored(scene, 1)
  const slow = scene.read(at)
  slow.wantsMore = false
  await scene.until(() => slow.count === 1, 'the first message')
  await scene.store(await scene.producer(), at, numbered(9, 'more'))
  await scene.wait(scene.shared.admin.deleteRecords([{ ...at, offset: 6 }]))
  slow.wantsMore = true
  slow.resume()
  await scene.until(() => slow.position === 10, 'the end')
  assert.deepEqual(slow.values, ['value-0', ...numbered(9, 'more').slice(5)])
}

async function shares(scene: Scene): Promise<void> {
  const at = await stored(scene, 50)
  const readings = [scene.reader(), scene.reader(), scene.reader()].map(reader => new Reading(reader, at, 'earliest'))
  await scene.store(await scene.producer(), at, numbered(50, 'more'))
  await scene.until(() => readings.every(({ count }) => count === 100), 'all messages')
  for (const each of readings) assert.deepEqual(each.values, [...numbered(50), ...numbered(50, 'more')])
}

async function pauses(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const slow = scene.read(at)
  slow.wantsMore = false
  for (let round = 0; round < 5; round++) await scene.store(producer, at, numbered(3, `round-${round}`))
  for (let batches = 1; slow.count < 15; batches++) {
    await scene.until(() => slow.batches.length === batches, `batch ${batches}`)
    await scene.quiet()
    assert.equal(slow.batches.length, batches)
    slow.resume()
  }
  assert.deepEqual(
    slow.values,
    [0, 1, 2, 3, 4].flatMap(round => numbered(3, `round-${round}`)),
  )
}

async function staysPaused(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 2 })
  const producer = await scene.producer()
  const slow = scene.read({ topic, partition: 0 })
  const other = scene.read({ topic, partition: 1 })
  slow.wantsMore = false
  await scene.store(producer, { topic, partition: 0 }, ['first'])
  await scene.until(() => slow.count === 1, 'the first message')
  for (let round = 1; round <= 3; round++) {
    await scene.store(producer, { topic, partition: 0 }, [`round-${round}`])
    await scene.store(producer, { topic, partition: 1 }, [`round-${round}`])
    await scene.until(() => other.count === round, 'the other partition')
    assert.equal(slow.count, 1)
  }
  slow.wantsMore = true
  slow.resume()
  await scene.until(() => slow.count === 4, 'what has waited')
}

async function isNeverSynchronous(scene: Scene): Promise<void> {
  const at = await stored(scene, 1)
  let isInside = true
  const each = scene.read(at)
  each.delivered = () => assert.equal(isInside, false)
  each.wantsMore = false
  isInside = false
  await scene.until(() => each.count === 1, 'the first message')
  await scene.store(await scene.producer(), at, ['second'])
  isInside = true
  each.resume()
  isInside = false
  await scene.until(() => each.count === 2, 'the second message')
}

async function removes(scene: Scene): Promise<void> {
  const at = await stored(scene, 3)
  const never = scene.read(at)
  never.remove()
  const removed = scene.read(at)
  await scene.until(() => removed.count === 3, 'the messages')
  await scene.store(await scene.producer(), at, ['on its way'])
  removed.remove()
  const seen = removed.count
  removed.resume()
  removed.remove()
  await scene.store(await scene.producer(), at, ['later'])
  await scene.quiet()
  assert.equal(removed.count, seen)
  assert.equal(never.count, 0)
  assert.equal(removed.position, undefined)
}

async function removesFromWithin(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 2 })
  const [left, right] = [
    { topic, partition: 0 },
    { topic, partition: 1 },
  ] as const
  const producer = await scene.producer()
  for (let round = 0; round < 4; round++) for (const at of [left, right]) await scene.store(producer, at, numbered(2))
  const [one, other] = [scene.read(left), scene.read(right)]
  // Whoever is first removes both.
  one.delivered = other.delivered = () => {
    one.remove()
    other.remove()
  }
  await scene.until(() => one.batches.length + other.batches.length > 0, 'a batch')
  await scene.quiet()
  assert.equal(one.batches.length + other.batches.length, 1)
}

async function readsAgain(scene: Scene): Promise<void> {
  const at = await stored(scene, 10)
  const first = scene.read(at)
  await scene.until(() => first.count === 10, 'the messages')
  first.remove()
  const again = scene.read(at, { start: 7 })
  await scene.until(() => again.count === 3, 'the last messages')
  assert.deepEqual(again.values, numbered(10).slice(7))
  assert.equal(first.count, 10)
}

async function refusesTwice(scene: Scene): Promise<void> {
  const at = await stored(scene, 1)
  const each = scene.read(at)
  const error = throwsCode('FAUST_TRANSPORT', () => scene.read(at))
  assert.match(error.message, new RegExp(at.topic))
  await scene.until(() => each.count === 1, 'the message')
}

async function knowsPositions(scene: Scene): Promise<void> {
  const at = await stored(scene, 4)
  const reader = scene.reader()
  assert.equal(reader.position(at), undefined)
  assert.equal(reader.highWatermark(at), undefined)
  const each = new Reading(reader, at, 2)
  const positions: (number | undefined)[] = []
  each.delivered = () => positions.push(each.position)
  await scene.until(() => reader.position(at) === 4, 'the end')
  assert.equal(reader.highWatermark(at), 4)
  assert.deepEqual(
    positions,
    each.batches.map(batch => batch.nextOffset),
  )
  const empty = { topic: await scene.topic(), partition: 0 }
  reader.add(empty, 'latest', () => true)
  await scene.until(() => reader.position(empty) === 0, 'the position in an empty log')
  assert.equal(reader.highWatermark(empty), 0)
}

async function reportsUnknown(scene: Scene): Promise<void> {
  const at = await stored(scene, 1)
  const unknown = { topic: scene.name('nowhere'), partition: 0 }
  const reported: [Error, TopicPartition][] = []
  const reader = scene.reader({ onError: (...report) => void reported.push(report) })
  reader.add(unknown, 'earliest', () => assert.fail('delivered from nowhere'))
  const good = new Reading(reader, at, 'earliest')
  await scene.until(() => reported.length === 1 && good.count === 1, 'an error and a message')
  const [report] = reported
  assert.match(expectCode('FAUST_TRANSPORT')(report?.[0]).message, new RegExp(unknown.topic))
  assert.deepEqual({ ...report?.[1] }, unknown)
}

async function isInOrder(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const each = scene.read(at)
  for (let round = 0; round < 20; round++) {
    for (const value of numbered(round * 37)) producer.append(outgoing(at, value))
    if (round % 3 === 0) await scene.flush(producer)
  }
  await scene.flush(producer)
  const end = await scene.endOffset(at)
  await scene.until(() => each.position === end, 'the end')
  let next = 0
  for (const batch of each.batches) {
    assert.ok(batch.count > 0 && batch.bytes > 0)
    assert.equal(batch.topic, at.topic)
    assert.equal(batch.partition, 0)
    for (const { offset } of messagesOf(batch)) {
      assert.ok(offset >= next, `${offset} comes after ${next}`)
      next = offset + 1
    }
    assert.ok(batch.nextOffset >= next)
    next = batch.nextOffset
  }
  assert.equal(each.count, end)
}

async function isImmutable(scene: Scene): Promise<void> {
  const at = await stored(scene, 20)
  const each = scene.read(at)
  await scene.until(() => each.count === 20, 'the messages')
  const before = structuredClone(each.batches.map(messagesOf))
  await scene.store(await scene.producer(), at, numbered(500, 'other'))
  await scene.wait(scene.shared.admin.deleteRecords([{ ...at, offset: 400 }]))
  assert.deepEqual(each.batches.slice(0, before.length).map(messagesOf), before)
}

async function passesHoles(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic({ compacted: true }), partition: 0 }
  const producer = await scene.producer()
  for (let index = 0; index < 9; index++) {
    producer.append(outgoing(at, `value-${index}`, { key: `key-${index % 3}` }))
    await scene.flush(producer)
  }
  await scene.compact(at.topic)
  const passed = scene.read(at)
  await scene.until(() => passed.position === 9, 'the end')
  assert.deepEqual(passed.values, ['value-6', 'value-7', 'value-8'])
  assert.deepEqual(
    passed.messages.map(({ offset }) => offset),
    [6, 7, 8],
  )
}

async function ends(scene: Scene): Promise<void> {
  const at = await stored(scene, 1)
  const reader = scene.reader()
  const each = new Reading(reader, at, 'earliest')
  await scene.until(() => each.count === 1, 'the message')
  await scene.wait(reader.close(), 'the end of the reader')
  await scene.store(await scene.producer(), at, ['later'])
  await scene.quiet()
  assert.equal(each.count, 1)
  throwsCode('FAUST_CLOSED', () => reader.add(at, 'earliest', () => true))
}
