import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerTrial } from '../../testing/broker-trial.js'
import type { WireClient } from '../../testing/wire-client.js'
import type { MemberStamp, Requests } from '../wire/protocol.js'

const groupId = 'group'
const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 30_000 }
let trial: BrokerTrial

beforeEach(async () => {
  trial = await BrokerTrial.open()
})

afterEach(() => trial.close())

function joining(memberId: string, more: Partial<Requests['join']['asks']> = {}): Requests['join']['asks'] {
  return { groupId, memberId, instanceId: null, isNew: true, metadata: '', ...timeouts, ...more }
}

/** A client in a process of that name. */
function clientIn(process: string): Promise<WireClient> {
  return trial.connect({ process })
}

/** Members a and b, in processes A and B; b may be static. Returns how b's client dies with its process. */
async function agree(
  instanceId: string | null = null,
): Promise<{ stays: WireClient; stamp: MemberStamp; killOther: () => void }> {
  const [stays, other] = [await clientIn('A'), await clientIn('B')]
  await stays.ask('join', joining('a'))
  const joined = other.send('join', joining('b', { instanceId }))
  await trial.until(() => trial.state.groups.get(groupId)?.has('b') === true, 'b')
  const { generation } = await stays.ask('join', joining('a', { isNew: false }))
  await other.answer(joined)
  const stamp = { memberId: 'a', instanceId: null, generation }
  await stays.ask('sync', { groupId, stamp, assignments: [] })
  stays.notices.splice(0)
  const killOther = (): void => {
    trial.dead.add('B')
    other.die()
  }
  return { stays, stamp, killOther }
}

test('a member whose process dies is out at once', async () => {
  const { stays, stamp, killOther } = await agree()
  killOther()
  await trial.until(() => stays.notices.length > 0, 'a round without it')
  expect(stays.notices).toEqual([{ type: 'rebalance', groupId, memberId: 'a' }])
  expect(await stays.ask('heartbeat', { groupId, stamp })).toBe(true)
  expect(trial.state.groups.get(groupId)?.has('b')).toBe(false)
})

test('a member whose process is still on its way out is so a moment later', async () => {
  const { stays, killOther } = await agree()
  killOther()
  trial.dead.clear()
  await trial.until(() => trial.sessions[1]?.pending === 0 && trial.state.callers.size === 1, 'the end of its connection')
  await trial.clock.advance(5)
  expect(trial.state.groups.get(groupId)?.has('b')).toBe(true)
  trial.dead.add('B')
  await trial.clock.advance(20)
  expect(trial.state.groups.get(groupId)?.has('b')).toBe(false)
  await trial.until(() => stays.notices.length > 0, 'a round without it')
})

test('a connection that closes while its process lives changes nothing', async () => {
  const { stays, stamp, killOther } = await agree()
  killOther()
  trial.dead.clear()
  await trial.until(() => trial.state.callers.size === 1, 'the end of its connection')
  await trial.clock.advance(5000)
  expect(await stays.ask('heartbeat', { groupId, stamp })).toBe(false)
  expect(stays.notices).toEqual([])
})

test('a static member whose process dies keeps its place until its session ends', async () => {
  const { stays, stamp, killOther } = await agree('one')
  killOther()
  await trial.until(() => trial.state.callers.size === 1, 'the end of its connection')
  await trial.clock.advance(5000)
  expect(await stays.ask('heartbeat', { groupId, stamp })).toBe(false)
  await trial.clock.advance(1000)
  expect(await stays.ask('heartbeat', { groupId, stamp })).toBe(true)
})

test('a member that died with the owner, or while there was none, is out as soon as there is one', async () => {
  const { stamp } = await agree()
  await trial.quiet()
  trial.dead.add('B')
  await trial.replace()
  expect([...(trial.state.groups.get(groupId)?.processes ?? [])]).toEqual(['A'])
  const again = await clientIn('A')
  expect(await again.ask('heartbeat', { groupId, stamp })).toBe(true)
})

test('an owner that ends suspects nobody: all connections close then', async () => {
  await agree()
  await trial.quiet()
  trial.dead.add('A').add('B')
  const { groups } = trial.state
  await trial.replace()
  await trial.turns(10)
  expect(groups.get(groupId)?.processes.size).toBe(2)
})

test('a group whose members have all been killed can be reset at once, static ones too', async () => {
  const { stays, killOther } = await agree('one')
  killOther()
  trial.dead.add('A')
  stays.die()
  const clerk = await clientIn('C')
  await clerk.ask('resetGroup', { groupId, offsets: [] })
  await trial.replace()
  expect(trial.state.groups.get(groupId)?.processes.size).toBe(0)
})

test.for([false, true])('a group with a member that lives cannot be reset (by the owner just made: %o)', async isNewOwner => {
  const { killOther } = await agree('one')
  killOther()
  await trial.quiet()
  if (isNewOwner) await trial.replace()
  const clerk = await clientIn('C')
  await expect(clerk.ask('resetGroup', { groupId, offsets: [] })).rejects.toThrow('it has a member (a). Stop them first')
})
