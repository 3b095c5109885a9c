import assert from 'node:assert/strict'
import type { TopicDescription } from '../../transport/transport.js'
import { numbered, outgoing } from './messages.js'
import { type ContractTest, type Scene } from './scene.js'

export const administration: readonly ContractTest[] = [
  { name: 'topics: are created as specified and described', run: creates },
  { name: 'topics: creating leaves what exists untouched', run: createsOnce },
  { name: 'topics: that cannot be are refused', run: refusesTopics },
  { name: 'topics: keep no more of a partition than they are told to, and no less', run: keepsBytes },
  { name: 'topics: gain partitions', run: grows },
  { name: 'topics: that were deleted and created anew have another id and no messages', run: recreates },
  { name: 'topics: deleting what does not exist is no error', run: deletesNothing },
  { name: 'topics: changes are told to those who watch', run: watches },
  { name: 'log: its ends are known, and of an unknown partition nothing is guessed', run: knowsEnds },
  { name: 'log: the first offset at or after a time', run: findsTimes },
  { name: 'log: messages are deleted from the beginning', run: deletes },
]

async function describe(scene: Scene, name: string): Promise<TopicDescription> {
  const [description, ...more] = await scene.wait(scene.shared.admin.topics([name]))
  assert.ok(description !== undefined && more.length === 0, `${name} is described ${more.length + 1} times`)
  return description
}

async function creates(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const names = [scene.name('c'), scene.name('a'), scene.name('b')] as const
  await scene.wait(
    admin.createTopics([
      { name: names[0], partitions: 3 },
      { name: names[1], partitions: 1, compacted: true },
      { name: names[2], partitions: 2, retentionMs: 3_600_000, retentionBytes: 5_000_000, replicas: 1 },
    ]),
  )
  const described = await scene.wait(admin.topics([...names, scene.name('nowhere')]))
  assert.deepEqual(
    described.map(({ name, partitions, compacted }) => [name, partitions, compacted]),
    [
      [names[1], 1, true],
      [names[2], 2, false],
      [names[0], 3, false],
    ],
  )
  assert.equal(described[1]?.retentionMs, 3_600_000)
  assert.equal(described[1]?.replicas, 1)
  assert.deepEqual(
    described.map(({ retentionBytes }) => retentionBytes),
    [-1, 5_000_000, -1],
  )
  assert.equal(new Set(described.map(({ id }) => id)).size, 3)
  const all = await scene.wait(admin.topics())
  const own = all.filter(({ name }) => names.includes(name))
  assert.deepEqual(own, described)
  const sorted = all.map(({ name }) => name)
  assert.deepEqual(sorted, [...sorted].sort())
}

async function createsOnce(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const name = await scene.topic({ partitions: 2 })
  await scene.store(await scene.producer(), { topic: name, partition: 1 }, ['kept'])
  const before = await describe(scene, name)
  const fresh = scene.name('topic')
  await scene.wait(
    admin.createTopics([
      { name, partitions: 5, compacted: true, retentionMs: 1 },
      { name: fresh, partitions: 1 },
    ]),
  )
  assert.deepEqual(await describe(scene, name), before)
  assert.equal((await describe(scene, fresh)).partitions, 1)
  assert.equal(await scene.endOffset({ topic: name, partition: 1 }), 1)
}

async function refusesTopics(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  await scene.refused(admin.createTopics([{ name: 'no spaces, please', partitions: 1 }]), 'FAUST_TRANSPORT')
  await scene.refused(admin.createTopics([{ name: scene.name('topic'), partitions: 0 }]), 'FAUST_TRANSPORT')
  for (const retentionBytes of [0, -2, 1.5]) {
    const spec = { name: scene.name('topic'), partitions: 1, retentionBytes }
    await scene.refused(admin.createTopics([spec]), 'FAUST_TRANSPORT')
  }
}

/** How much goes at a time is the broker's own affair, and when: some time after it is too much. */
async function keepsBytes(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const retentionBytes = 1024 * 1024
  const messageBytes = 16 * 1024
  const at = { topic: await scene.topic({ retentionBytes }), partition: 0 }
  const producer = await scene.producer()
  const values = Array.from({ length: 16 }, () => Buffer.alloc(messageBytes))
  for (let round = 0; round < 32; round++) await scene.store(producer, at, values)
  const end = await scene.endOffset(at)
  assert.equal(end, 512)
  let start = 0
  const ask = async (): Promise<void> => {
    const [first] = await admin.startOffsets([at])
    start = first?.offset ?? 0
  }
  let asking: Promise<void> | null = null
  await scene.until(() => {
    asking ??= ask().finally(() => (asking = null))
    return start > 0
  }, 'the oldest messages to go')
  await scene.wait(asking ?? Promise.resolve())
  const left = scene.read(at)
  await scene.until(() => left.position === end, 'the end')
  const [first] = left.messages
  assert.ok(first !== undefined && first.offset >= start, `reading begins at ${first?.offset}, the log at ${start}`)
  assert.equal(left.count, end - first.offset)
  const keptBytes = left.count * messageBytes
  assert.ok(keptBytes > retentionBytes * 0.9, `only ${keptBytes} bytes of ${retentionBytes} are kept`)
}

async function grows(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic({ partitions: 1 })
  const producer = await scene.producer()
  await scene.store(producer, { topic, partition: 0 }, ['old'])
  const { id } = await describe(scene, topic)
  await scene.wait(admin.addPartitions(topic, 3))
  const grown = await describe(scene, topic)
  assert.deepEqual([grown.partitions, grown.id], [3, id])
  const late = scene.read({ topic, partition: 2 })
  await scene.store(producer, { topic, partition: 2 }, ['new'])
  await scene.until(() => late.count === 1, 'a message in a new partition')
  assert.equal(await scene.endOffset({ topic, partition: 0 }), 1)
  await scene.refused(admin.addPartitions(topic, 2), 'FAUST_TRANSPORT')
  await scene.refused(admin.addPartitions(scene.name('nowhere'), 2), 'FAUST_TRANSPORT')
}

async function recreates(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic()
  await scene.store(await scene.producer(), { topic, partition: 0 }, numbered(5))
  const { id } = await describe(scene, topic)
  await scene.wait(admin.deleteTopics([topic]))
  assert.deepEqual(await scene.wait(admin.topics([topic])), [])
  await scene.topic({ name: topic, partitions: 2 })
  const anew = await describe(scene, topic)
  assert.notEqual(anew.id, id)
  assert.equal(anew.partitions, 2)
  assert.equal(await scene.endOffset({ topic, partition: 0 }), 0)
  const empty = scene.read({ topic, partition: 0 })
  await scene.store(await scene.producer(), { topic, partition: 0 }, ['new'])
  await scene.until(() => empty.count === 1, 'a message of the new topic')
  assert.deepEqual(empty.values, ['new'])
}

async function deletesNothing(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic()
  await scene.wait(admin.deleteTopics([scene.name('nowhere'), topic]))
  await scene.wait(admin.deleteTopics([topic]))
  assert.deepEqual(await scene.wait(admin.topics([topic])), [])
}

async function watches(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  let changes = 0
  const stop = admin.watchTopics(() => changes++)
  const other = (await scene.connect()).admin
  const topic = scene.name('topic')
  const steps = [
    () => other.createTopics([{ name: topic, partitions: 1 }]),
    () => other.addPartitions(topic, 2),
    () => other.deleteTopics([topic]),
  ]
  for (const step of steps) {
    const before = changes
    await scene.wait(step())
    await scene.until(() => changes > before, 'word of the change')
  }
  stop()
  const before = changes
  let others = 0
  other.watchTopics(() => others++)
  await scene.topic()
  await scene.until(() => others > 0, 'word of the change')
  assert.equal(changes, before)
}

async function knowsEnds(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic({ partitions: 2 })
  const partitions = [0, 1].map(partition => ({ topic, partition }))
  await scene.store(await scene.producer(), { topic, partition: 1 }, numbered(7))
  const offsets = (...of: number[]): object[] => of.map((offset, partition) => ({ topic, partition, offset }))
  assert.deepEqual(await scene.wait(admin.startOffsets(partitions)), offsets(0, 0))
  assert.deepEqual(await scene.wait(admin.endOffsets(partitions, 'read-uncommitted')), offsets(0, 7))
  assert.deepEqual(await scene.wait(admin.endOffsets(partitions, 'read-committed')), offsets(0, 7))
  for (const unknown of [
    { topic, partition: 2 },
    { topic: scene.name('nowhere'), partition: 0 },
  ]) {
    const asked = [...partitions, unknown]
    await scene.refused(admin.endOffsets(asked, 'read-committed'), 'FAUST_TRANSPORT')
    await scene.refused(admin.startOffsets(asked), 'FAUST_TRANSPORT')
  }
}

async function findsTimes(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic({ partitions: 2 })
  const at = { topic, partition: 0 }
  const producer = await scene.producer()
  const base = 1_700_000_000_000
  for (const after of [0, 1000, 1000, 5000]) producer.append(outgoing(at, 'x', { timestamp: base + after }))
  await scene.flush(producer)
  const both = [at, { topic, partition: 1 }]
  for (const [after, offset] of [
    [-1, 0],
    [0, 0],
    [1, 1],
    [1000, 1],
    [1001, 3],
    [5000, 3],
  ] as const) {
    assert.deepEqual(await scene.wait(admin.offsetsForTime(both, base + after)), [{ ...at, offset }])
  }
  assert.deepEqual(await scene.wait(admin.offsetsForTime(both, base + 5001)), [])
}

async function deletes(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const at = { topic: await scene.topic(), partition: 0 }
  await scene.store(await scene.producer(), at, numbered(10))
  await scene.wait(admin.deleteRecords([{ ...at, offset: 4 }]))
  assert.deepEqual(await scene.wait(admin.startOffsets([at])), [{ ...at, offset: 4 }])
  assert.equal(await scene.endOffset(at), 10)
  const left = scene.read(at)
  await scene.until(() => left.position === 10, 'the end')
  assert.deepEqual(left.values, numbered(10).slice(4))
  await scene.wait(admin.deleteRecords([{ ...at, offset: 2 }]))
  assert.deepEqual(await scene.wait(admin.startOffsets([at])), [{ ...at, offset: 4 }])
  await scene.wait(admin.deleteRecords([{ ...at, offset: 10 }]))
  assert.deepEqual(await scene.wait(admin.startOffsets([at])), [{ ...at, offset: 10 }])
  await scene.refused(admin.deleteRecords([{ ...at, offset: 11 }]), 'FAUST_TRANSPORT')
}
