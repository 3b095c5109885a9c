import assert from 'node:assert/strict'
import { outgoing } from './messages.js'
import { type ContractTest, expectCode, type Scene, throwsCode } from './scene.js'

export const closing: readonly ContractTest[] = [
  { name: 'closing: fails what was not acknowledged', run: failsUnacknowledged },
  { name: 'closing: settles every promise', run: settlesEverything },
  { name: 'closing: refuses everything from then on', run: refusesEverything },
  { name: 'closing: may be done twice', run: closesTwice },
  { name: 'closing: a producer leaves the rest of its connection alone', run: closesProducer },
]

async function failsUnacknowledged(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const connection = await scene.connect()
  const producer = await scene.producer({}, connection)
  await scene.store(producer, at, ['stored'])
  const batch = producer.append(outgoing(at, 'not sent'))
  let calls = 0
  batch.onSettled(() => calls++)
  const flushed = producer.flush()
  await scene.wait(connection.close())
  await scene.wait(flushed)
  assert.equal(calls, 1)
  expectCode('FAUST_CLOSED')(batch.error)
  assert.equal(await scene.endOffset(at), 1)
}

async function settlesEverything(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [other, seat] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(other)
  other.isObedient = false
  const { connection } = seat
  const { admin } = connection
  const producer = await scene.producer({ transactionalId: scene.name('id') }, connection)
  await scene.wait(producer.begin())
  scene.fill(producer, at)
  const join = seat.join()
  await scene.until(() => other.notices > 0, 'the other to be asked')
  const pending = [
    join,
    producer.commit([], null),
    producer.drained(),
    producer.flush(),
    seat.group.committed([at]),
    admin.topics(),
    admin.endOffsets([at], 'read-committed'),
    connection.producer({}),
    connection.close(),
  ]
  await scene.wait(Promise.allSettled(pending), 'every promise')
  const [joined] = await Promise.allSettled([join])
  expectCode('FAUST_CLOSED')(joined.status === 'rejected' ? joined.reason : undefined)
}

async function refusesEverything(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const connection = await scene.connect()
  const { admin } = connection
  const seat = await scene.seat(scene.name('group'), { connection })
  await scene.agree(seat)
  const producer = await scene.producer({}, connection)
  const transactional = await scene.producer({ transactionalId: scene.name('id') }, connection)
  const reader = connection.reader({ isolation: 'read-committed', onError: error => assert.fail(error) })
  await scene.wait(connection.close())
  throwsCode('FAUST_CLOSED', () => producer.append(outgoing(at, 'late')))
  throwsCode('FAUST_CLOSED', () => reader.add(at, 'earliest', () => true))
  const refused = [
    () => transactional.begin(),
    () => seat.group.join({ topics: [], metadata: Buffer.of(1), assign: () => new Map() }),
    () => seat.group.commit([{ ...at, offset: 1 }], seat.current),
    () => seat.group.committed([at]),
    () => admin.topics(),
    () => admin.createTopics([{ name: scene.name('topic'), partitions: 1 }]),
    () => admin.deleteRecords([{ ...at, offset: 0 }]),
    () => connection.producer({}),
  ]
  for (const ask of refused) await scene.refused(ask(), 'FAUST_CLOSED')
  await scene.flush(producer)
  await scene.wait(producer.drained())
  await scene.wait(reader.close())
  await scene.wait(producer.close())
}

async function closesTwice(scene: Scene): Promise<void> {
  const connection = await scene.connect()
  const producer = await scene.producer({}, connection)
  await scene.wait(Promise.all([connection.close(), connection.close()]))
  await scene.wait(connection.close())
  await scene.wait(producer.close())
}

async function closesProducer(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const connection = await scene.connect()
  const [first, second] = [await scene.producer({}, connection), await scene.producer({}, connection)]
  const lost = first.append(outgoing(at, 'not sent'))
  await scene.wait(first.close())
  expectCode('FAUST_CLOSED')(lost.error)
  throwsCode('FAUST_CLOSED', () => first.append(outgoing(at, 'late')))
  await scene.store(second, at, ['stored'])
  assert.equal(await scene.endOffset(at), 1)
}
