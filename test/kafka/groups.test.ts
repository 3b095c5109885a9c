import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { kafka } from '../../src/kafka/kafka.js'
import { Seat } from '../../src/testing/contract/seat.js'
import type { Connection, GroupOptions } from '../../src/transport/transport.js'
import { startCluster } from './cluster.js'
import { contextFor } from './driver.js'
import { coordinatorOf, createTopic, eventually, moveCoordinator } from './steering.js'

let cluster: Cluster
let bootstrap: string
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 })
  bootstrap = cluster.bootstrap()
})
afterAll(() => cluster.close())

async function connect(): Promise<Connection> {
  const connection = await kafka({ brokers: bootstrap.split(',') }).connect(contextFor())
  onTestFinished(() => connection.close())
  return connection
}

async function seats(groupId: string, count: number, options: Partial<GroupOptions> = {}): Promise<Seat[]> {
  const made = await Promise.all(
    Array.from({ length: count }, async () => {
      const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 }
      return new Seat(await connect(), { groupId, ...times, ...options })
    }),
  )
  for (const seat of made) seat.start()
  await agreed(made)
  return made
}

async function agreed(members: readonly Seat[]): Promise<void> {
  await eventually('agreement', () => Promise.resolve(Seat.agree(members)))
}

test('the coordinator moves: members stay members, commits arrive, nobody joins again', async () => {
  const groupId = 'moving'
  await createTopic(bootstrap, { name: groupId })
  const at = { topic: groupId, partition: 0 }
  const members = await seats(groupId, 2)
  const { generation } = members[0]!.current
  for (const node of [1, 2, 3]) {
    await moveCoordinator(bootstrap, node, { name: groupId })
    for (const { group, current } of members) await group.commit([{ ...at, offset: node }], current)
    expect(await members[1]!.group.committed([at])).toEqual([{ ...at, offset: node }])
    await sleep(2_000)
  }
  for (const { lost, refusals, current } of members) expect([lost, refusals, current.generation]).toEqual([[], [], generation])
})

test('the coordinator moves in the middle of a round: it is begun again with the new one', async () => {
  const groupId = 'moving-rounds'
  const [first] = await seats(groupId, 1, { sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 20_000 })
  first!.isObedient = false
  const second = new Seat(await connect(), { groupId, sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 20_000 })
  second.start()
  await eventually('word of a round', () => Promise.resolve(first!.notices > 0))
  await moveCoordinator(bootstrap, ((await coordinatorOf(bootstrap, groupId)) % 3) + 1, { name: groupId })
  first!.isObedient = true
  await agreed([first!, second])
  expect([first!.lost, second.lost]).toEqual([[], []])
})

test.for(['bounce', 'kill'] as const)('the coordinator goes (%s): another one has the members and their offsets', async how => {
  const groupId = `gone-${how}`
  await createTopic(bootstrap, { name: groupId })
  const at = { topic: groupId, partition: 0 }
  const members = await seats(groupId, 2, { sessionTimeoutMs: 20_000 })
  const { group, current } = members[0]!
  await group.commit([{ ...at, offset: 1 }], current)
  const node = await coordinatorOf(bootstrap, groupId)
  const away = how === 'bounce' ? cluster.bounce(node) : cluster.kill(node)
  for (let offset = 2; offset < 20; offset++) {
    await group.commit([{ ...at, offset }], current)
    expect(await members[1]!.group.committed([at])).toEqual([{ ...at, offset }])
    await sleep(100)
  }
  await away
  if (how === 'kill') await cluster.start(node)
  await cluster.ready()
  await members[1]!.group.commit([{ ...at, offset: 20 }], members[1]!.current)
  for (const { lost, refusals } of members) expect([lost, refusals]).toEqual([[], []])
})

test('a member whose process stands still past its session: others go on, it hears of the loss and commits nothing', async () => {
  const groupId = 'paused'
  await createTopic(bootstrap, { name: groupId })
  const at = { topic: groupId, partition: 0 }
  const program = fileURLToPath(new URL('fixtures/member.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, cluster.address(1), groupId, groupId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await gone
  })
  const said: { event: string; code?: string; generation?: number }[] = []
  createInterface(child.stdout).on('line', line => said.push(JSON.parse(line)))
  const heard = (event: string): Promise<void> =>
    eventually(`"${event}" from the other`, () => Promise.resolve(said.at(-1)?.event === event))
  await heard('joined')
  const stays = new Seat(await connect(), { groupId, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 })
  stays.start()
  await eventually('both in one round', () =>
    Promise.resolve(stays.membership !== null && said.at(-1)?.generation === stays.current.generation),
  )
  child.kill('SIGSTOP')
  await eventually('end of its session', () => Promise.resolve(stays.notices > 0 || stays.rounds > 1))
  await eventually('a round without it', () => Promise.resolve(stays.current.isLeader && stays.roll.length === 1))
  await stays.group.commit([{ ...at, offset: 3 }], stays.current)
  said.length = 0
  child.kill('SIGCONT')
  await heard('refused')
  expect(said).toEqual([{ event: 'lost' }, { event: 'refused', code: 'FAUST_FENCED' }])
  expect(await stays.group.committed([at])).toEqual([{ ...at, offset: 3 }])
})

test('a static member restarts: the others hear nothing of it, and its offsets go on', async () => {
  const groupId = 'static'
  await createTopic(bootstrap, { name: groupId })
  const at = { topic: groupId, partition: 0 }
  const [other] = await seats(groupId, 1)
  const first = new Seat(await connect(), { groupId, instanceId: 'one', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 })
  first.metadata = 'what it had'
  first.start()
  await agreed([other!, first])
  const { notices, current } = other!
  await first.group.commit([{ ...at, offset: 5 }], first.current)
  await first.connection.close()
  const second = new Seat(await connect(), { groupId, instanceId: 'one', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 })
  await second.join()
  expect([second.assigned, second.current.generation]).toEqual(['what it had', current.generation])
  await second.group.commit([{ ...at, offset: 6 }], second.current)
  await sleep(3_000)
  expect([other!.notices, other!.current.generation]).toEqual([notices, current.generation])
})
