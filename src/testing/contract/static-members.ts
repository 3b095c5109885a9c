import assert from 'node:assert/strict'
import { type ContractTest, type Scene, expectCode } from './scene.js'

export const staticMembers: readonly ContractTest[] = [
  { name: 'groups: a static member that restarts gets its assignment back without a round', run: restartsStatic },
  { name: 'groups: a static leader that restarts gets its assignment back as well', run: restartsStaticLeader },
  { name: 'groups: a static member that is replaced is fenced', run: replacesStatic },
]

async function restartsStatic(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const [other, first] = [await scene.seat(groupId), await scene.seat(groupId, { instanceId: 'one' })]
  first.metadata = 'what it had'
  await scene.agree(other, first)
  const { notices, current } = other
  await scene.wait(first.connection.close())
  const second = await scene.seat(groupId, { instanceId: 'one' })
  second.metadata = 'something else'
  await scene.wait(second.join())
  assert.equal(second.assigned, 'what it had')
  assert.equal(second.current.generation, current.generation)
  assert.equal(second.current.instanceId, 'one')
  await scene.commit(other, current)
  assert.equal(other.notices, notices)
}

async function restartsStaticLeader(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const first = await scene.seat(groupId, { instanceId: 'one' })
  first.metadata = 'what it had'
  await scene.agree(first)
  await scene.wait(first.connection.close())
  const second = await scene.seat(groupId, { instanceId: 'one' })
  second.metadata = 'something else'
  await scene.wait(second.join())
  assert.deepEqual([second.assigned, second.current.generation], ['what it had', first.current.generation])
  // From then on it leads as any leader does.
  await scene.wait(second.join())
  assert.deepEqual([second.assigned, second.current.isLeader], ['something else', true])
}

async function replacesStatic(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [first, second] = [await scene.seat(groupId, { instanceId: 'one' }), await scene.seat(groupId, { instanceId: 'one' })]
  await scene.agree(first)
  await scene.wait(second.join())
  await scene.refused(first.group.commit([{ ...at, offset: 1 }], first.current), 'FAUST_FENCED')
  await scene.until(() => first.lost.length === 1, 'word of the loss')
  expectCode('FAUST_FENCED')(first.lost[0])
  await scene.refused(first.join(), 'FAUST_FENCED')
  await scene.wait(second.group.commit([{ ...at, offset: 2 }], second.current))
  assert.deepEqual(second.lost, [])
}
