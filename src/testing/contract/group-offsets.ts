import assert from 'node:assert/strict'
import { type ContractTest, type Scene } from './scene.js'

export const groupOffsets: readonly ContractTest[] = [
  { name: 'offsets: what was committed is there for every member, and nothing else is', run: commits },
  { name: 'offsets: outlive the members', run: outlive },
  { name: 'offsets: a commit of an earlier generation is fenced', run: fencesStale },
  { name: 'offsets: a commit of a member that has left is fenced', run: fencesStranger },
  { name: 'offsets: are committed all or not at all', run: isAllOrNothing },
  { name: 'offsets: a commit holds for what was given, not for what becomes of it', run: copies },
  { name: 'offsets: of a group without members can be made anew by others', run: resets },
  { name: 'offsets: of a group with members are not touched by others', run: resetsNoMembers },
  { name: 'offsets: a group is made anew as a whole or not at all', run: resetsAllOrNothing },
]

async function commits(scene: Scene): Promise<void> {
  const topic = await scene.topic({ partitions: 3 })
  const other = await scene.topic()
  const groupId = scene.name('group')
  const seat = await scene.seat(groupId)
  const all = [0, 1, 2].map(partition => ({ topic, partition }))
  assert.deepEqual(await scene.wait(seat.group.committed(all)), [])
  await scene.agree(seat)
  const offsets = [
    { topic, partition: 0, offset: 0 },
    { topic, partition: 2, offset: 4_000_000_000 },
    { topic: other, partition: 0, offset: 7 },
  ]
  await scene.wait(seat.group.commit(offsets, seat.current))
  const reader = await scene.seat(groupId)
  assert.deepEqual(await scene.wait(reader.group.committed(all)), offsets.slice(0, 2))
  await scene.wait(seat.group.commit([{ topic, partition: 2, offset: 1 }], seat.current))
  assert.deepEqual(await scene.wait(reader.group.committed([{ topic, partition: 2 }])), [{ topic, partition: 2, offset: 1 }])
  const listed = await scene.wait(scene.shared.admin.groupOffsets(groupId))
  const sorted = [...listed].sort((left, right) => left.offset - right.offset)
  assert.deepEqual(sorted, [offsets[0], { topic, partition: 2, offset: 1 }, offsets[2]])
}

async function outlive(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const first = await scene.seat(groupId)
  await scene.agree(first)
  await scene.wait(first.group.commit([{ ...at, offset: 3 }], first.current))
  await scene.wait(first.group.leave())
  const second = await scene.seat(groupId)
  await scene.agree(second)
  assert.deepEqual(await scene.wait(second.group.committed([at])), [{ ...at, offset: 3 }])
  assert.deepEqual(await scene.wait(scene.shared.admin.groupOffsets(scene.name('nobody'))), [])
}

async function fencesStale(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [first, second] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(first)
  const stale = first.current
  await scene.agree(first, second)
  assert.notEqual(stale.generation, first.current.generation)
  await scene.refused(first.group.commit([{ ...at, offset: 9 }], stale), 'FAUST_FENCED')
  assert.deepEqual(await scene.wait(first.group.committed([at])), [])
  await scene.wait(first.group.commit([{ ...at, offset: 1 }], first.current))
}

async function fencesStranger(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [gone, stays] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(gone, stays)
  await scene.wait(gone.group.leave())
  await scene.agreed(stays)
  await scene.refused(gone.group.commit([{ ...at, offset: 9 }], gone.current), 'FAUST_FENCED')
  const forged = { ...stays.current, memberId: 'nobody' }
  await scene.refused(stays.group.commit([{ ...at, offset: 9 }], forged), 'FAUST_FENCED')
  assert.deepEqual(await scene.wait(stays.group.committed([at])), [])
}

async function isAllOrNothing(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const seat = await scene.seat(scene.name('group'))
  await scene.agree(seat)
  const unknown = { topic: scene.name('nowhere'), partition: 0, offset: 1 }
  await scene.refused(seat.group.commit([{ ...at, offset: 1 }, unknown], seat.current), 'FAUST_COMMIT')
  assert.deepEqual(await scene.wait(seat.group.committed([at])), [])
}

async function copies(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const seat = await scene.seat(scene.name('group'))
  await scene.agree(seat)
  const mutable = { ...at, offset: 1 }
  const offsets = [mutable]
  const committed = seat.group.commit(offsets, seat.current)
  mutable.offset = 100
  offsets.length = 0
  await scene.wait(committed)
  assert.deepEqual(await scene.wait(seat.group.committed([at])), [{ ...at, offset: 1 }])
}

async function resets(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const topic = await scene.topic({ partitions: 3 })
  const other = await scene.topic()
  const groupId = scene.name('group')
  const seat = await scene.seat(groupId)
  await scene.agree(seat)
  const before = seat.current
  await scene.wait(
    seat.group.commit(
      [0, 1].map(partition => ({ topic, partition, offset: 5 })),
      before,
    ),
  )
  await scene.wait(seat.group.commit([{ topic: other, partition: 0, offset: 9 }], before))
  await scene.wait(seat.group.leave())
  const offsets = [
    { topic, partition: 1, offset: 2 },
    { topic, partition: 2, offset: 7 },
  ]
  const given = offsets.map(at => ({ ...at }))
  const reset = admin.resetGroup(groupId, given)
  for (const at of given) at.offset = 100
  await scene.wait(reset)
  const listed = [...(await scene.wait(admin.groupOffsets(groupId)))]
  assert.deepEqual(
    listed.sort((left, right) => left.partition - right.partition),
    offsets,
  )
  const next = await scene.seat(groupId)
  await scene.agree(next)
  const all = [0, 1, 2].map(partition => ({ topic, partition }))
  assert.deepEqual(await scene.wait(next.group.committed(all)), offsets)
  await scene.refused(seat.group.commit([{ topic, partition: 0, offset: 5 }], before), 'FAUST_FENCED')
  await scene.wait(next.group.leave())
  await scene.wait(admin.resetGroup(groupId, []))
  await scene.wait(admin.resetGroup(groupId, []))
  assert.deepEqual(await scene.wait(admin.groupOffsets(groupId)), [])
}

async function resetsNoMembers(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [first, second] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(first, second)
  await scene.wait(first.group.commit([{ ...at, offset: 3 }], first.current))
  await scene.refused(admin.resetGroup(groupId, [{ ...at, offset: 1 }]), 'FAUST_TRANSPORT')
  await scene.wait(second.group.leave())
  await scene.agreed(first)
  await scene.refused(admin.resetGroup(groupId, []), 'FAUST_TRANSPORT')
  assert.deepEqual(await scene.wait(admin.groupOffsets(groupId)), [{ ...at, offset: 3 }])
  await scene.wait(first.group.commit([{ ...at, offset: 4 }], first.current))
  await scene.wait(first.group.leave())
  await scene.wait(admin.resetGroup(groupId, [{ ...at, offset: 1 }]))
  assert.deepEqual(await scene.wait(admin.groupOffsets(groupId)), [{ ...at, offset: 1 }])
}

async function resetsAllOrNothing(scene: Scene): Promise<void> {
  const { admin } = scene.shared
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  await scene.wait(admin.resetGroup(groupId, [{ ...at, offset: 3 }]))
  for (const unknown of [
    { ...at, partition: 1 },
    { topic: scene.name('nowhere'), partition: 0 },
  ]) {
    const offsets = [
      { ...at, offset: 1 },
      { ...unknown, offset: 1 },
    ]
    await scene.refused(admin.resetGroup(groupId, offsets), 'FAUST_TRANSPORT')
    assert.deepEqual(await scene.wait(admin.groupOffsets(groupId)), [{ ...at, offset: 3 }])
  }
}
