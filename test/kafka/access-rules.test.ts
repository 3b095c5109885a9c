import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { accessRules, type Operation, type Right } from './access.js'
import { startCluster } from './cluster.js'
import { askRights, Kitchen, password, workerRights, type Names } from './kitchen.js'

let cluster: Cluster
/** A login of its own for each test: rules are kept for ever. */
const logins = Array.from({ length: 32 }, (_, number) => `login${number}`)
beforeAll(async () => {
  const users = Object.fromEntries(logins.map(name => [name, password]))
  cluster = await startCluster({ listeners: { LOGIN: { mechanisms: ['PLAIN'] } }, users, config: accessRules })
})
afterAll(() => cluster.close())

const kitchen = (): Kitchen => new Kitchen(cluster, logins.pop()!)

describe('what a login must be allowed to do', () => {
  test('a worker runs, commits, answers and stops, and somebody else asks it, with these rights and no others', async () => {
    const one = kitchen()
    const guest = one.for(logins.pop()!)
    const { asking, answering } = askRights(one.names)
    await one.prepare()
    await one.access.grant(...answering)
    await guest.access.grant(...asking)
    const running = await one.work()
    expect(await guest.ask(4)).toBe(8)
    await one.send(1, 2)
    await one.committed(3)
    await running.stop()
    expect([...one.lines, ...guest.lines]).toEqual([])
    const { admin } = await one.connection(false)
    expect((await admin.topics()).filter(({ name }) => name.startsWith('f-reply-'))).toEqual([])
  })

  test('… with Create also where its topics are missing, and for dead letters', async () => {
    const one = kitchen()
    const { source, output, letters } = one.names
    const creating: Right[] = [source, output, letters].map(name => ['topic', name, 'Create'])
    await one.access.grant(...workerRights(one.names), ...creating)
    await one.access.grant(['topic', letters, 'Write'], ['topic', letters, 'DescribeConfigs'])
    await one.work()
    await one.send(-1, 2)
    await one.committed(2)
    const connection = await one.connection(false)
    const [end] = await connection.admin.endOffsets([{ topic: letters, partition: 0 }], 'read-committed')
    expect(end?.offset).toBe(1)
    expect(await one.call('dead-letters')).toEqual([
      1,
      expect.stringMatching(/"login.*-dead-letters".* Grant it Read on the topic/),
    ])
    await one.access.grant(['topic', letters, 'Read'])
    expect(await one.call('dead-letters')).toEqual([0, expect.stringContaining('below nothing')])
  })

  test('the command line: topics as a worker, send as who sends, reset with Delete besides', async () => {
    const one = kitchen()
    const { source, group } = one.names
    await one.prepare()
    expect(await one.call('topics')).toEqual([0, expect.stringContaining(source)])
    expect(one.lines).toEqual([])
    // Others' topics may be seen by everybody, and concern nobody.
    await one.access.grant(['topic', '*', 'Describe'])
    expect(await one.call('topics')).toEqual([0, expect.stringContaining(source)])
    expect(one.lines.splice(0).join()).toMatch(/Not listed, .* Grant it DescribeConfigs on those that the app uses/)
    await one.access.revoke(['topic', '*', 'Describe'])
    expect(await one.call('send', source, '1')).toEqual([1, expect.stringContaining('Grant it Write on the topic')])
    await one.access.grant(['topic', source, 'Write'])
    expect((await one.call('send', source, '1'))[0]).toBe(0)
    const running = await one.work()
    await one.committed(1)
    await running.stop()
    expect(await one.call('reset', '--yes')).toEqual([1, expect.stringContaining('Grant it Delete on the group')])
    await one.access.grant(['group', group, 'Delete'])
    expect(await one.call('reset', '--yes')).toEqual([0, expect.stringContaining('begins anew')])
    expect(one.lines).toEqual([])
  })

  test('whoever only reads needs no right to write; it is missed when something is sent, and found when it is granted', async () => {
    const one = kitchen()
    const { source, output } = one.names
    await one.prepare()
    await one.access.revoke(['topic', output, 'Write'])
    await one.access.grant(['topic', output, 'Describe'])
    const producer = await (await one.connection()).producer({})
    const send = async (): Promise<string | undefined> => {
      const message = { topic: source, partition: 0, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: '1', headers: null }
      const batch = producer.append(message)
      await producer.flush()
      return batch.error?.message
    }
    expect(await send()).toContain('Cannot open a producer: this user may not do that with the cluster')
    await one.access.grant(['topic', output, 'Write'])
    expect(await send()).toContain(`Cannot store messages of "${source}"[0]: this user may not do that with the topic`)
    await one.access.grant(['topic', source, 'Write'])
    expect(await send()).toBeUndefined()
    // Nothing of it is left that the metadata could have kept.
    await one.access.revoke(['topic', source, 'Write'], ['topic', source, 'Read'])
    await (await one.connection()).admin.topics([source])
    expect(await send()).toContain('Grant it Write on the topic')
    expect(await send()).toContain('Grant it Write on the topic')
    await one.access.grant(['topic', source, 'Write'])
    expect(await send()).toBeUndefined()
  })
})

describe('a right that is missing at the start is named', () => {
  const cases: readonly [string, (names: Names) => Right, RegExp][] = [
    [
      'Read on the source',
      ({ source }) => ['topic', source, 'Read'],
      /look for the topic ".*-in".* Grant it Describe on the topic/,
    ],
    [
      'DescribeConfigs on the source',
      ({ source }) => ['topic', source, 'DescribeConfigs'],
      /describe the topic ".*-in".* Grant it DescribeConfigs on the topic/,
    ],
    [
      'DescribeConfigs on the output',
      ({ output }) => ['topic', output, 'DescribeConfigs'],
      /describe the topic ".*-out".* Grant it DescribeConfigs on the topic/,
    ],
    ['Write on the output', ({ output }) => ['topic', output, 'Write'], /look for the topic ".*-out".* Grant it Describe/],
    ['Read on the group', ({ group }) => ['group', group, 'Read'], /the group ".*-app": .* Grant it Read on the group/],
  ]
  for (const [what, right, message] of cases) {
    test(what, async () => {
      const one = kitchen()
      await one.prepare()
      await one.access.revoke(right(one.names))
      const started = performance.now()
      await expect(one.app().app.start()).rejects.toThrow(message)
      expect(performance.now() - started).toBeLessThan(5000)
    })
  }

  test('Create where a topic is missing', async () => {
    const one = kitchen()
    await one.access.grant(...workerRights(one.names))
    await expect(one.app().app.start()).rejects.toThrow(/Cannot create the topic ".*-(in|out)".* Grant it Create on the topic/)
  })

  test('Read on the source, which may be described: the worker says so, and reads when it may', async () => {
    const one = kitchen()
    const { source } = one.names
    await one.prepare()
    await one.access.revoke(['topic', source, 'Read'])
    await one.access.grant(['topic', source, 'Describe'])
    await one.send(1)
    await one.work()
    await one.says(/"login\d+-in".* Grant it Read on the topic/)
    await one.access.grant(['topic', source, 'Read'])
    await one.hasSeen(1)
  })
})

describe('a right that is taken away from a running worker', () => {
  async function atWork(): Promise<Kitchen> {
    const one = kitchen()
    await one.prepare()
    await one.work()
    await one.send(1)
    await one.committed(1)
    return one
  }

  for (const keeps of ['Describe', 'nothing'] as const) {
    test(`Read on the source, keeping ${keeps}: it is said, and nothing is lost`, async () => {
      const one = await atWork()
      const { source } = one.names
      if (keeps === 'Describe') await one.access.grant(['topic', source, 'Describe'])
      await one.access.revoke(['topic', source, 'Read'])
      await one.send(2, 3)
      await one.says(keeps === 'Describe' ? /Grant it Read on the topic/ : /Cannot look for the topic .* Grant it Describe on/)
      await one.access.grant(['topic', source, 'Read'])
      await one.hasSeen(2, 3)
      await one.committed(3)
    })
  }

  test('Read on the group: it is said, and the worker is a member again when it may', async () => {
    const one = await atWork()
    const { group } = one.names
    await one.access.revoke(['group', group, 'Read'])
    await one.says(/Cannot stay in the group ".*": this user may not use the group/)
    await one.says(/A round of the group failed.*Grant it Read on the group/s)
    await one.send(2, 3)
    await one.access.grant(['group', group, 'Read'])
    await one.hasSeen(2, 3)
    await one.committed(3)
  })

  for (const keeps of ['Describe', 'nothing'] as const) {
    test(`Write on the output, keeping ${keeps}: the worker stops and says why; the next one does what is left`, async () => {
      const one = kitchen()
      const { output } = one.names
      await one.prepare()
      if (keeps === 'Describe') await one.access.grant(['topic', output, 'Describe'])
      const running = await one.work()
      await one.send(1)
      await one.committed(1)
      await one.access.revoke(['topic', output, 'Write'])
      await one.send(2, 3)
      await expect(running.stopped).rejects.toThrow(/".*-out".* Grant it (Write|Describe) on the topic/)
      await one.access.grant(['topic', output, 'Write'])
      await one.work()
      await one.committed(3)
      const { admin } = await one.connection(false)
      const [end] = await admin.endOffsets([{ topic: output, partition: 0 }], 'read-committed')
      expect(end?.offset).toBe(3)
    })
  }

  test('every right at once: the worker can still be stopped, and what it has not committed is done by the next one', async () => {
    const one = kitchen()
    await one.prepare()
    const running = await one.work()
    await one.send(1)
    await one.committed(1)
    await one.access.revoke(...workerRights(one.names))
    await one.send(2, 3)
    await one.says(/A round of the group failed/)
    const started = performance.now()
    await running.stop()
    expect(performance.now() - started).toBeLessThan(8000)
    await one.access.grant(...workerRights(one.names))
    await one.work()
    await one.committed(3)
    await one.hasSeen(2, 3)
  })
})

describe('asks', () => {
  for (const right of ['Create', 'Read'] as const) {
    test(`without ${right} on the reply topics the question fails at once`, async () => {
      const one = kitchen()
      await one.prepare()
      await one.access.grant(...askRights(one.names).asking)
      await one.access.revoke(['topic', one.names.replies, right])
      if (right === 'Read') await one.access.revoke(['topic', one.names.replies, 'Delete'])
      const named = right === 'Read' ? 'Describe' : 'Create'
      await expect(one.ask(1)).rejects.toThrow(`Grant it ${named} on the topic`)
    })
  }

  test('without Write on the source, too; a worker that may not even see the reply topic names it', async () => {
    const one = kitchen()
    const guest = one.for(logins.pop()!)
    const { source } = one.names
    await one.prepare()
    await guest.access.grant(...askRights(one.names).asking)
    await guest.access.revoke(['topic', source, 'Write'])
    await guest.access.grant(['topic', source, 'Describe'])
    await expect(guest.ask(1)).rejects.toThrow(/To send, it needs Write on a topic/)
    await guest.access.grant(['topic', source, 'Write'])
    await one.work()
    await expect(guest.ask(2)).rejects.toThrow('did not answer')
    await one.says(/Cannot look for the topic "f-reply-.* Grant it Describe on the topic/)
    await one.committed(1)
  })

  test('without Read on them, though they may be deleted: the asker hears what it cannot read', async () => {
    const one = await asksWithout('Read')
    await expect(one.ask(1)).rejects.toThrow('did not answer')
    await one.says(/Replies cannot be read any more.* Grant it Read on the topic/s)
  })

  for (const right of ['Write', 'DescribeConfigs'] as const) {
    test(`a worker without ${right} on the reply topics says that it cannot answer, and goes on`, async () => {
      const one = await asksWithout(right)
      await expect(one.ask(1)).rejects.toThrow('did not answer')
      await one.says(new RegExp(`A reply was not sent.* Grant it ${right} on the topic`))
      await one.committed(1)
    })
  }

  test('without Delete on the reply topics there is an answer, and a line about what is left behind', async () => {
    const one = await asksWithout('Delete')
    expect(await one.ask(4)).toBe(8)
    await one.says(/The reply topic "f-reply-.*" is left behind.* Grant it Delete on the topic/)
  })
})

test('transactions: Write on the id and the topics, Read on the group and the source', async () => {
  const one = kitchen()
  const { source, output, group } = one.names
  await one.prepare()
  const connection = await one.connection()
  const open = (): ReturnType<typeof connection.producer> => connection.producer({ transactionalId: group })
  await expect(open()).rejects.toThrow(/transactional id .* Grant it Write on the transactional id/)
  await one.access.grant(['transactional id', group, 'Write'])
  const producer = await open()
  const member = connection.group({
    groupId: group,
    sessionTimeoutMs: 5000,
    rebalanceTimeoutMs: 5000,
    onRebalance: () => undefined,
    onLost: () => undefined,
  })
  const assign = (members: readonly { memberId: string }[]): Map<string, Uint8Array> =>
    new Map(members.map(({ memberId }) => [memberId, new Uint8Array()]))
  const membership = await member.join({ topics: [source], metadata: new Uint8Array(), assign })
  const commit = async (topic: string, offset: number): Promise<void> => {
    await producer.begin()
    producer.append({ topic, partition: 0, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: '1', headers: null })
    try {
      await producer.commit([{ topic: source, partition: 0, offset }], membership)
    } catch (error) {
      await producer.abort()
      throw error
    }
  }
  await commit(output, 7)
  await one.committed(7)
  await expect(commit(source, 8)).rejects.toThrow(/Grant it Write on the topic/)
  await one.access.grant(['topic', source, 'Describe'])
  await one.access.revoke(['topic', source, 'Read'])
  await expect(commit(output, 8)).rejects.toThrow(/Grant it Read on the topic/)
  await one.access.grant(['topic', source, 'Read'])
  await commit(output, 9)
  await one.committed(9)
  await member.leave()
})

/** At work, with every right that asks take but one on the reply topics. */
async function asksWithout(right: Operation): Promise<Kitchen> {
  const one = kitchen()
  const { asking, answering } = askRights(one.names)
  await one.prepare()
  await one.access.grant(...asking, ...answering)
  await one.access.revoke(['topic', one.names.replies, right])
  await one.work()
  return one
}
