import assert from 'node:assert/strict'
import type { Producer, TopicPartition } from '../../transport/transport.js'
import { numbered, outgoing, Reading } from './messages.js'
import { type ContractTest, expectCode, type Scene } from './scene.js'

export const transactions: readonly ContractTest[] = [
  { name: 'transactions: what is open is seen by those who read uncommitted only', run: hides },
  { name: 'transactions: what was aborted stays hidden', run: hidesAborted },
  { name: 'transactions: abort fails what was not sent', run: dropsUnsent },
  { name: 'transactions: span partitions', run: spans },
  { name: 'transactions: may be empty', run: commitsNothing },
  { name: 'transactions: positions pass markers, and who wants to know is told', run: passesMarkers },
  { name: 'transactions: commit offsets with the messages', run: commitsOffsets },
  { name: 'transactions: a stale membership fences the commit, and the transaction can be aborted', run: fencesMembership },
  { name: 'transactions: what was not stored fails the commit, and the transaction can be aborted', run: failsUnsent },
  { name: 'transactions: a newer producer fences the older and aborts what it has open', run: fencesProducer },
  { name: 'transactions: one that is left open is aborted in the end', run: timesOut },
  { name: 'transactions: several producers interleave in one partition', run: interleaves },
  { name: 'transactions: closing a producer commits nothing', run: closes },
]

async function begin(scene: Scene, producer: Producer): Promise<void> {
  await scene.wait(producer.begin(), 'a transaction')
}

async function commit(scene: Scene, producer: Producer): Promise<void> {
  await scene.wait(producer.commit([], null), 'a commit')
}

async function hides(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  const [committed, all] = [scene.read(at), scene.read(at, { isolation: 'read-uncommitted' })]
  await begin(scene, producer)
  await scene.store(producer, at, numbered(3))
  await scene.until(() => all.count === 3, 'messages that are not committed')
  await scene.quiet()
  assert.equal(committed.count, 0)
  assert.equal(await scene.endOffset(at), 0)
  assert.equal(await scene.endOffset(at, 'read-uncommitted'), 3)
  await commit(scene, producer)
  await scene.until(() => committed.count === 3, 'messages that are committed')
  assert.deepEqual(committed.values, numbered(3))
  assert.deepEqual(all.values, numbered(3))
}

async function hidesAborted(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  const present = scene.read(at)
  for (const [index, isKept] of [false, true, false, false, true].entries()) {
    await begin(scene, producer)
    await scene.store(producer, at, [`${index}-a`, `${index}-b`])
    if (isKept) await commit(scene, producer)
    else await scene.wait(producer.abort())
  }
  const kept = ['1-a', '1-b', '4-a', '4-b']
  await scene.until(() => present.count === kept.length, 'what was committed')
  const later = new Reading(scene.reader(), at, 'earliest')
  const all = scene.read(at, { isolation: 'read-uncommitted' })
  await scene.until(() => later.count === kept.length && all.count === 10, 'what is there')
  assert.deepEqual([present.values, later.values], [kept, kept])
}

async function dropsUnsent(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  await begin(scene, producer)
  const batch = producer.append(outgoing(at, 'never'))
  await scene.wait(producer.abort())
  assert.ok(batch.isSettled)
  expectCode('FAUST_SEND')(batch.error)
  await begin(scene, producer)
  await scene.store(producer, at, ['kept'])
  await commit(scene, producer)
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what was committed')
  assert.deepEqual(present.values, ['kept'])
}

async function spans(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 3 })
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  const readings = [0, 1, 2].map(partition => scene.read({ topic, partition }))
  for (const outcome of ['abort', 'commit'] as const) {
    await begin(scene, producer)
    for (let index = 0; index < 30; index++) producer.append(outgoing({ topic, partition: index % 3 }, `${outcome}-${index}`))
    if (outcome === 'commit') await commit(scene, producer)
    else await scene.wait(producer.abort())
  }
  await scene.until(() => readings.every(({ count }) => count === 10), 'what was committed')
  assert.ok(readings.every(({ values }) => values.every(value => value?.startsWith('commit'))))
}

async function commitsNothing(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  await begin(scene, producer)
  await commit(scene, producer)
  await begin(scene, producer)
  await scene.wait(producer.abort())
  await begin(scene, producer)
  await scene.store(producer, at, ['one'])
  await commit(scene, producer)
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what was committed')
}

async function passesMarkers(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  const passed: (number | undefined)[] = []
  const reader = scene.reader({ onPassed: () => passed.push(present.position) })
  const present: Reading = new Reading(reader, at, 'earliest')
  await scene.until(() => present.position === 0, 'a position')
  await begin(scene, producer)
  await scene.store(producer, at, numbered(4))
  await scene.wait(producer.abort())
  await scene.until(() => passed.at(-1) === 5, 'a position after what was aborted')
  assert.equal(present.count, 0)
  await begin(scene, producer)
  await scene.store(producer, at, ['one'])
  await commit(scene, producer)
  // A broker may write the marker a little later than it says that the transaction is committed.
  await scene.until(() => present.position === 7, 'a position after the marker')
  const end = await scene.endOffset(at)
  assert.equal(end, 7)
  const later = scene.read(at)
  await scene.until(() => later.position === end, 'a position after the marker')
  assert.deepEqual(
    later.messages.map(({ offset }) => offset),
    [5],
  )
}

async function commitsOffsets(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const source = { topic: await scene.topic({ partitions: 2 }), partition: 1 }
  const seat = await scene.seat(scene.name('group'))
  await scene.agree(seat)
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  await begin(scene, producer)
  await scene.store(producer, at, ['output'])
  await scene.wait(producer.abort())
  assert.deepEqual(await scene.wait(seat.group.committed([source])), [])
  await begin(scene, producer)
  producer.append(outgoing(at, 'output'))
  await scene.wait(producer.commit([{ ...source, offset: 12 }], seat.current))
  assert.deepEqual(await scene.wait(seat.group.committed([source])), [{ ...source, offset: 12 }])
  await begin(scene, producer)
  await scene.wait(producer.commit([{ ...source, offset: 13 }], seat.current))
  assert.deepEqual(await scene.wait(seat.group.committed([source])), [{ ...source, offset: 13 }])
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'the output')
}

async function fencesMembership(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [first, second] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(first)
  const stale = first.current
  await scene.agree(first, second)
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  for (const membership of [stale, { ...first.current, memberId: 'nobody' }]) {
    await begin(scene, producer)
    producer.append(outgoing(at, 'of a zombie'))
    await scene.refused(producer.commit([{ ...at, offset: 9 }], membership), 'FAUST_FENCED')
    await scene.wait(producer.abort())
  }
  assert.deepEqual(await scene.wait(first.group.committed([at])), [])
  await begin(scene, producer)
  producer.append(outgoing(at, 'rightful'))
  await scene.wait(producer.commit([{ ...at, offset: 1 }], first.current))
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what was committed')
  assert.deepEqual(present.values, ['rightful'])
}

async function failsUnsent(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  await begin(scene, producer)
  producer.append(outgoing(at, 'good'))
  producer.append(outgoing({ topic: scene.name('nowhere'), partition: 0 }, 'bad'))
  await scene.refused(producer.commit([], null), 'FAUST_SEND')
  await scene.wait(producer.abort())
  await begin(scene, producer)
  producer.append(outgoing(at, 'again'))
  await commit(scene, producer)
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what was committed')
  assert.deepEqual(present.values, ['again'])
}

async function fencesProducer(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const transactionalId = scene.name('id')
  const older = await scene.producer({ transactionalId })
  await begin(scene, older)
  await scene.store(older, at, ['of the older'])
  const newer = await scene.producer({ transactionalId }, await scene.connect())
  const late = older.append(outgoing(at, 'late'))
  await scene.flush(older)
  expectCode('FAUST_FENCED')(late.error)
  assert.throws(() => older.append(outgoing(at, 'later')), expectCodeOf('FAUST_FENCED'))
  await scene.refused(older.commit([], null), 'FAUST_FENCED')
  await begin(scene, newer)
  await scene.store(newer, at, ['of the newer'])
  await commit(scene, newer)
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what was committed')
  assert.deepEqual(present.values, ['of the newer'])
}

async function timesOut(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const connection = await scene.connect()
  const options = { transactionalId: scene.name('id'), transactionTimeoutMs: 2000 }
  const [slow, plain] = [await scene.producer(options, connection), await scene.producer()]
  await begin(scene, slow)
  await scene.store(slow, at, ['never'])
  await scene.store(plain, at, ['behind it'])
  const present = scene.read(at)
  await scene.quiet()
  assert.equal(present.count, 0)
  await scene.until(() => present.count === 1, 'the end of the transaction')
  assert.deepEqual(present.values, ['behind it'])
  await scene.refused(slow.commit([], null), 'FAUST_FENCED')
}

async function interleaves(scene: Scene): Promise<void> {
  const at: TopicPartition = { topic: await scene.topic(), partition: 0 }
  const plain = await scene.producer()
  const writers = await Promise.all(['a', 'b', 'c'].map(() => scene.producer({ transactionalId: scene.name('id') })))
  const [present, all] = [scene.read(at), scene.read(at, { isolation: 'read-uncommitted' })]
  const expected: string[] = []
  for (let round = 0; round < 6; round++) {
    for (const writer of writers) await begin(scene, writer)
    for (let step = 0; step < 3; step++) {
      for (const [who, writer] of writers.entries()) await scene.store(writer, at, [`${round}.${step}.${who}`])
      await scene.store(plain, at, [`${round}.${step}.plain`])
    }
    for (const [who, writer] of writers.entries()) {
      if ((round + who) % 3 === 0) await scene.wait(writer.abort())
      else await commit(scene, writer)
    }
    for (let step = 0; step < 3; step++) {
      const kept = ['0', '1', '2'].filter((_, who) => (round + who) % 3 !== 0)
      expected.push(...[...kept, 'plain'].map(who => `${round}.${step}.${who}`))
    }
  }
  await scene.until(() => present.count >= expected.length && all.count === 72, 'all messages')
  await scene.quiet()
  assert.deepEqual(present.values, expected)
  const later = new Reading(scene.reader(), at, 'earliest')
  const end = await scene.endOffset(at)
  assert.equal(end, 72 + 18)
  await scene.until(() => later.position === end && present.position === end, 'the end')
  assert.deepEqual(later.values, expected)
}

async function closes(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer({ transactionalId: scene.name('id'), transactionTimeoutMs: 5000 })
  await begin(scene, producer)
  await scene.store(producer, at, ['never'])
  await scene.wait(producer.close())
  await scene.store(await scene.producer(), at, ['behind it'])
  const present = scene.read(at)
  await scene.until(() => present.count === 1, 'what lies behind the transaction')
  assert.deepEqual(present.values, ['behind it'])
}

function expectCodeOf(code: string): (error: unknown) => boolean {
  return error => expectCode(code)(error) instanceof Error
}
