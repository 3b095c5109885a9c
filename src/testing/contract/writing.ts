import assert from 'node:assert/strict'
import type { OutgoingBatch } from '../../transport/transport.js'
import { numbered, outgoing } from './messages.js'
import { type ContractTest, type Scene, throwsCode } from './scene.js'

export const writing: readonly ContractTest[] = [
  { name: 'writing: the messages of a partition are stored in the order of their appends', run: keepsOrder },
  { name: 'writing: an acknowledged batch says where its messages are', run: acknowledges },
  { name: 'writing: a batch is settled once it is flushed, and calls back at once from then on', run: settles },
  { name: 'writing: keys and values may be text, bytes, empty or null', run: carriesAnything },
  { name: 'writing: nothing of the message is needed after append', run: copies },
  { name: 'writing: headers come with their message, and without any there is no column', run: carriesHeaders },
  { name: 'writing: timestamps are kept', run: keepsTimestamps },
  { name: 'writing: big messages arrive whole', run: carriesBigMessages },
  { name: 'writing: a message that is too large is refused by append and does no harm', run: refusesTooLarge },
  { name: 'writing: a full producer drains', run: drains },
  { name: 'writing: a flush with nothing to do resolves', run: flushesNothing },
  { name: 'writing: what was appended before flush is stored when it resolves', run: flushes },
  { name: 'writing: a topic that does not exist fails its batch only', run: failsUnknownTopic },
  { name: 'writing: a partition that does not exist fails its batch only', run: failsUnknownPartition },
  { name: 'writing: several producers share a partition, each in its order', run: sharesPartition },
]

async function keepsOrder(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 2 })
  const producer = await scene.producer()
  const readings = [0, 1].map(partition => scene.read({ topic, partition }))
  const values = numbered(6000)
  for (const [index, value] of values.entries()) {
    producer.append(outgoing({ topic, partition: index % 2 }, value))
    if (index % 1700 === 0) await scene.flush(producer)
  }
  await scene.flush(producer)
  await scene.until(() => readings.every(({ count }) => count === 3000), 'all messages')
  for (const [partition, reading] of readings.entries()) {
    const expected = values.filter((_, index) => index % 2 === partition)
    assert.deepEqual(reading.values, expected)
    assert.deepEqual(
      reading.messages.map(({ offset }) => offset),
      expected.map((_, index) => index),
    )
  }
}

async function acknowledges(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  await scene.store(producer, at, ['before'])
  const values = numbered(2500)
  const sent = values.map(value => {
    const batch = producer.append(outgoing(at, value))
    return { batch, place: batch.count - 1 }
  })
  await scene.flush(producer)
  const offsets = sent.map(({ batch, place }) => batch.offsetAt(place))
  assert.deepEqual(
    offsets,
    values.map((_, index) => index + 1),
  )
  const [first] = sent
  assert.equal(first?.batch.topic, at.topic)
  assert.equal(first?.batch.partition, 0)
  const reading = scene.read(at, { start: 1 })
  await scene.until(() => reading.count === values.length, 'all messages')
  assert.deepEqual(reading.values, values)
}

async function settles(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const batch = producer.append(outgoing(at, 'one'))
  let calls = 0
  batch.onSettled(() => calls++)
  assert.equal(batch.isSettled, false)
  assert.equal(calls, 0)
  await scene.flush(producer)
  assert.equal(batch.isSettled, true)
  assert.equal(batch.error, null)
  assert.equal(calls, 1)
  batch.onSettled(() => calls++)
  assert.equal(calls, 2)
}

async function carriesAnything(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const texts = ['', 'plain', 'häßlich', '日本語', '🙂 beyond', null]
  for (const value of texts) producer.append(outgoing(at, value, { key: value }))
  producer.append(outgoing(at, Buffer.from([0, 255, 128]), { key: Uint8Array.of(1, 2, 3) }))
  producer.append(outgoing(at, new Uint8Array(0), { key: new Uint8Array(0) }))
  await scene.flush(producer)
  const reading = scene.read(at)
  await scene.until(() => reading.count === texts.length + 2, 'all messages')
  const seen = reading.messages
  assert.deepEqual(
    seen.slice(0, texts.length).map(({ key, value }) => [key, value]),
    texts.map(text => [text, text]),
  )
  assert.deepEqual(seen.at(-1)?.value, '')
  assert.deepEqual(seen.at(-1)?.key, '')
  const bytes = reading.batches.flatMap(batch =>
    Array.from({ length: batch.count }, (_, index) => [
      ...batch.buffer.subarray(Math.max(0, batch.valueStarts[index] ?? 0), Math.max(0, batch.valueEnds[index] ?? 0)),
    ]),
  )
  assert.deepEqual(bytes[texts.length], [0, 255, 128])
}

async function copies(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const key = Buffer.from('before-key-after')
  const value = Buffer.from('first')
  const header = Buffer.from('one')
  const message = { ...outgoing(at, value, { headers: new Map([['h', header]]) }), key, keyStart: 7, keyEnd: 10 }
  producer.append(message)
  key.fill('x')
  value.fill('x')
  header.fill('x')
  Object.assign(message, { key: null, value: 'second', headers: null, timestamp: 5 })
  producer.append(message)
  await scene.flush(producer)
  const reading = scene.read(at)
  await scene.until(() => reading.count === 2, 'both messages')
  assert.deepEqual(
    reading.messages.map(seen => [seen.key, seen.value, seen.headers]),
    [
      ['key', 'first', { h: 'one' }],
      [null, 'second', {}],
    ],
  )
}

async function carriesHeaders(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 2 })
  const producer = await scene.producer()
  const headers = (entries: Record<string, string>): Map<string, Buffer> =>
    new Map(Object.entries(entries).map(([name, text]) => [name, Buffer.from(text)]))
  producer.append(outgoing({ topic, partition: 0 }, 'none'))
  producer.append(outgoing({ topic, partition: 0 }, 'two', { headers: headers({ a: '1', b: '' }) }))
  producer.append(outgoing({ topic, partition: 0 }, 'none'))
  producer.append(outgoing({ topic, partition: 0 }, 'one', { headers: headers({ é: 'ü' }) }))
  producer.append(outgoing({ topic, partition: 1 }, 'plain'))
  await scene.flush(producer)
  const [mixed, plain] = [scene.read({ topic, partition: 0 }), scene.read({ topic, partition: 1 })]
  await scene.until(() => mixed.count === 4 && plain.count === 1, 'all messages')
  assert.deepEqual(
    mixed.messages.map(seen => seen.headers),
    [{}, { a: '1', b: '' }, {}, { é: 'ü' }],
  )
  assert.deepEqual(
    plain.batches.map(batch => batch.headers),
    [null],
  )
}

async function keepsTimestamps(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const timestamps = [1_700_000_000_000, 1_600_000_000_001, 1_735_000_000_000]
  for (const timestamp of timestamps) producer.append(outgoing(at, 'x', { timestamp }))
  await scene.flush(producer)
  const reading = scene.read(at)
  await scene.until(() => reading.count === 3, 'all messages')
  assert.deepEqual(
    reading.messages.map(seen => seen.timestamp),
    timestamps,
  )
}

async function carriesBigMessages(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const largest = producer.maxMessageBytes
  const sizes = [200_000, 1, 700_000, largest, 300_000, largest, 10]
  const values = sizes.map((size, index) => Buffer.alloc(size, `${index} and so on `))
  await scene.store(producer, at, values)
  const reading = scene.read(at)
  await scene.until(() => reading.count === sizes.length, 'all messages')
  const texts = values.map(value => value.toString())
  assert.ok(
    reading.values.every((value, index) => value === texts[index]),
    'a big message has changed on its way',
  )
}

async function refusesTooLarge(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  const limit = producer.maxMessageBytes
  producer.append(outgoing(at, 'before'))
  const tooLarge = [
    outgoing(at, Buffer.alloc(limit + 1)),
    outgoing(at, 'x'.repeat(limit + 1)),
    outgoing(at, '€'.repeat(Math.ceil(limit / 3) + 1)),
    outgoing(at, Buffer.alloc(limit), { key: 'k' }),
  ]
  for (const message of tooLarge) {
    const error = throwsCode('FAUST_ENCODE', () => producer.append(message))
    assert.match(error.message, new RegExp(at.topic))
  }
  producer.append(outgoing(at, 'after'))
  await scene.flush(producer)
  const reading = scene.read(at)
  await scene.until(() => reading.count === 2, 'both messages')
  assert.deepEqual(reading.values, ['before', 'after'])
}

async function drains(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  assert.equal(producer.isFull, false)
  await scene.wait(producer.drained(), 'a producer with nothing to do')
  const count = scene.fill(producer, at)
  await scene.wait(producer.drained(), 'room in the producer')
  assert.equal(producer.isFull, false)
  await scene.flush(producer)
  assert.equal(await scene.endOffset(at), count)
}

async function flushesNothing(scene: Scene): Promise<void> {
  const producer = await scene.producer()
  await scene.flush(producer)
  await scene.store(producer, { topic: await scene.topic(), partition: 0 }, ['one'])
  await scene.flush(producer)
}

async function flushes(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 3 })
  const producer = await scene.producer()
  const batches: OutgoingBatch[] = []
  for (let index = 0; index < 3000; index++) batches.push(producer.append(outgoing({ topic, partition: index % 3 }, 'value')))
  const first = producer.flush()
  const later = producer.append(outgoing({ topic, partition: 0 }, 'later'))
  await scene.wait(first, 'the first flush')
  assert.ok(batches.every(batch => batch.isSettled))
  await scene.flush(producer)
  assert.ok(later.isSettled)
  assert.equal(await scene.endOffset({ topic, partition: 0 }), 1001)
}

async function failsUnknownTopic(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  await failsOnly(scene, { at, unknown: { topic: scene.name('nowhere'), partition: 0 } })
}

async function failsUnknownPartition(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  await failsOnly(scene, { at, unknown: { ...at, partition: 7 } })
}

type At = { topic: string; partition: number }

async function failsOnly(scene: Scene, { at, unknown }: { at: At; unknown: At }): Promise<void> {
  const producer = await scene.producer()
  const good = producer.append(outgoing(at, 'good'))
  const bad = producer.append(outgoing(unknown, 'bad'))
  await scene.flush(producer)
  assert.equal(good.error, null)
  assert.equal((bad.error as { code?: string } | null)?.code, 'FAUST_TRANSPORT')
  assert.match(bad.error?.message ?? '', new RegExp(unknown.topic))
  await scene.store(producer, at, ['and on it goes'])
  assert.equal(await scene.endOffset(at), 2)
}

async function sharesPartition(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producers = [await scene.producer(), await scene.producer(), await scene.producer({}, await scene.connect())]
  for (let round = 0; round < 30; round++) {
    for (const [who, producer] of producers.entries()) producer.append(outgoing(at, `${who}:${round}`))
    if (round % 7 === 0) await scene.wait(Promise.all(producers.map(producer => producer.flush())))
  }
  await scene.wait(Promise.all(producers.map(producer => producer.flush())))
  const reading = scene.read(at)
  await scene.until(() => reading.count === 90, 'all messages')
  for (const who of producers.keys()) {
    const own = reading.values.filter(value => value?.startsWith(`${who}:`))
    assert.deepEqual(
      own,
      Array.from({ length: 30 }, (_, round) => `${who}:${round}`),
    )
  }
}
