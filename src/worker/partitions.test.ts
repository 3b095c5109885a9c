import { describe, expect, test } from 'vitest'
import type { Home, Host, Subscription } from '../channel/host.js'
import { AppTopic } from '../channel/topic.js'
import { TransportError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import { silentLogger, type Logger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { TurnBudget } from '../lib/turn.js'
import { json } from '../message/codec.js'
import type { Cursor, Held } from '../stream/lane.js'
import { StreamQueue } from '../stream/queue.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { Batch, Deliver, PartitionOffset, Reader, Start, TopicDescription, TopicPartition } from '../transport/transport.js'
import { Partitions } from './partitions.js'

const at = { topic: 'orders', partition: 0 }
const other = { topic: 'orders', partition: 1 }

describe('assign', () => {
  test('reads on where the group has left off, from the earliest message if nowhere', async () => {
    const scene = new Scene({ committed: [{ ...at, offset: 5 }] })
    await scene.partitions.assign([at, other])
    expect(scene.reading).toEqual(['orders[0] from 5', 'orders[1] from earliest'])
  })

  test('what is taken away while its offsets are asked for is not opened', async () => {
    for (const take of [
      (scene: Scene): unknown => scene.partitions.lose(),
      (scene: Scene): unknown => scene.partitions.revoke([at]),
    ]) {
      const scene = new Scene()
      const answering = scene.holdCommitted()
      const assigned = scene.partitions.assign([at])
      await take(scene)
      answering.resolve()
      await assigned
      expect([scene.reading, scene.partitions.all]).toEqual([[], []])
    }
  })

  test('what is taken away and given again meanwhile is opened once', async () => {
    const scene = new Scene()
    const answering = scene.holdCommitted()
    const first = scene.partitions.assign([at])
    scene.partitions.lose()
    const second = scene.partitions.assign([at])
    answering.resolve()
    await Promise.all([first, second])
    expect(scene.reading).toEqual(['orders[0] from earliest'])
    expect(scene.partitions.all).toHaveLength(1)
  })
})

test('what the reader gives up although its log is there is read on where it stands', async () => {
  const scene = new Scene()
  await scene.partitions.assign([at, other])
  scene.deliver(at, 3)
  await scene.partitions.unreadable(at, new TransportError('not allowed'))
  await scene.clock.advance(1000)
  expect(scene.reading).toEqual(['orders[1] from earliest', 'orders[0] from 3'])
})

test('what has ended with its log and cannot begin anew says so, until it can', async () => {
  const scene = new Scene()
  await scene.partitions.assign([at])
  scene.topics.set('orders', described('two'))
  scene.holdCommitted().reject(new TransportError('Not allowed.'))
  await scene.partitions.check()
  expect(scene.lines.at(-1)).toBe('Assigned partitions are not read yet: Not allowed. It is tried again')
  scene.holdCommitted().resolve()
  await scene.clock.advance('9s')
  expect(scene.reading).toEqual(['orders[0] from earliest'])
})

describe('revoke', () => {
  test('waits for work in hand, commits what has settled with the ledger still there, then gives up', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 4)
    const [first, second] = [scene.take(), scene.take()]
    const committing = scene.holdCommit()
    const revoked = scene.revoke(at)
    expect(scene.reading).toEqual([])
    expect(scene.take()).toBeNull()
    await scene.clock.settled()
    expect(scene.commits).toEqual([])
    first?.lot.settle(first.index)
    second?.lot.settle(second.index)
    await scene.clock.settled()
    expect(scene.commits).toEqual(['orders[0]=2'])
    expect([revoked(), scene.partitions.all.length]).toEqual([false, 1])
    committing.resolve()
    await scene.clock.settled()
    expect([revoked(), scene.partitions.all.length]).toEqual([true, 0])
  })

  test('others go on meanwhile', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at, other])
    scene.deliver(at, 1)
    scene.take()
    const revoked = scene.revoke(at)
    expect(scene.reading).toEqual(['orders[1] from earliest'])
    scene.deliver(other, 2)
    const event = scene.take()
    event?.lot.settle(event.index)
    await scene.clock.settled()
    expect(event?.lot.columns.partition).toBe(1)
    expect(scene.partitions.all[1]?.ledger.committable).toBe(1)
    expect(revoked()).toBe(false)
  })

  test('past its deadline work in hand is abandoned uncommitted, and the log names who holds what', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 3)
    const [done, stuck] = [scene.take(), scene.take()]
    done?.lot.settle(done.index)
    const revoked = scene.revoke(at)
    await scene.clock.advance(19_999)
    expect(revoked()).toBe(false)
    await scene.clock.advance(1)
    expect(revoked()).toBe(true)
    expect(scene.commits).toEqual(['orders[0]=1'])
    expect(scene.lines).toEqual([
      'Gave up waiting after 20s: agent "slow" still works on "orders"[0]@1; it is processed again elsewhere',
    ])
    stuck?.lot.settle(stuck.index)
    expect(stuck?.lot.isSettled(stuck.index)).toBe(false)
  })

  test('a worker that stops waits no longer than it has left', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 1)
    scene.take()
    scene.partitions.drainUntil = scene.clock.now() + 300
    const revoked = scene.revoke(at)
    await scene.clock.advance(299)
    expect(revoked()).toBe(false)
    await scene.clock.advance(1)
    expect(revoked()).toBe(true)
  })

  test('what failed and is to be tried again is in nobody’s hands: it is not waited for', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 2)
    const held = scene.take() as Held
    const revoked = scene.revoke(at)
    await scene.clock.settled()
    expect(revoked()).toBe(false)
    held.lot.returns?.putBack([held])
    await scene.clock.settled()
    expect(revoked()).toBe(true)
    expect([scene.commits, scene.lines]).toEqual([['orders[0]=0'], []])
  })

  test('a last commit that is not answered holds nothing up for ever', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 1)
    scene.holdCommit()
    scene.partitions.drainUntil = scene.clock.now()
    const revoked = scene.revoke(at)
    await scene.clock.advance('4s')
    expect(revoked()).toBe(false)
    await scene.clock.advance('1s')
    expect(revoked()).toBe(true)
    expect(scene.lines).toEqual([expect.stringContaining('The last commit of "orders"[0] was not answered in time')])
  })
})

describe('the end of a session', () => {
  test('nothing is committed, nothing settles any more, and a revoke does not wait on', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at, other])
    scene.deliver(at, 2)
    const held = scene.take()
    const { ledger } = scene.partitions.all[0] ?? {}
    const revoked = scene.revoke(at)
    scene.partitions.lose()
    await scene.clock.settled()
    expect([scene.reading, scene.partitions.all, revoked()]).toEqual([[], [], true])
    held?.lot.settle(held.index)
    expect(ledger?.committable).toBe(0)
  })

  test('an epoch of its own for every tenure: a receipt of the last one settles nothing of this one', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 2)
    const stale = scene.take()
    const [before] = scene.partitions.all
    scene.partitions.lose()
    await scene.partitions.assign([at])
    scene.deliver(at, 2)
    const [now] = scene.partitions.all
    stale?.lot.settle(stale.index)
    expect([before?.ledger.committable, now?.ledger.committable]).toEqual([0, 0])
    expect(now?.epoch).toBeGreaterThan(before?.epoch ?? Infinity)
  })
})

describe('reopen', () => {
  test('whatever was read since the last commit is read again, by a new tenure; what was not stays', async () => {
    const scene = new Scene({
      committed: [
        { ...at, offset: 3 },
        { ...other, offset: 7 },
      ],
    })
    await scene.partitions.assign([at, other])
    const [tainted, clean] = scene.partitions.all
    scene.deliver(at, 2, 3)
    const held = scene.take()
    scene.partitions.reopen()
    expect(scene.reading).toEqual(['orders[1] from 7', 'orders[0] from 3'])
    expect(scene.partitions.all).toEqual([clean, expect.objectContaining({ at: { ...at, topicId: 'one' }, isOver: false })])
    expect(tainted?.isOver).toBe(true)
    expect(scene.take()).toBeNull()
    held?.lot.settle(held.index)
    expect(scene.partitions.all[1]?.ledger.committable).toBe(3)
    scene.deliver(at, 2, 3)
    expect(scene.take()?.index).toBe(0)
  })

  test('a partition that is on its way out is not read again', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 1)
    const held = scene.take()
    const revoked = scene.revoke(at)
    scene.partitions.reopen()
    await scene.clock.settled()
    expect([scene.reading, scene.partitions.all, revoked()]).toEqual([[], [], true])
    held?.lot.settle(held.index)
  })
})

describe('who reads', () => {
  test('what nobody reads any more is not read, and not committed; a new reader gets it', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 2)
    for (const held of [scene.take(), scene.take()]) held?.lot.settle(held.index)
    scene.queue.close()
    const [partition] = scene.partitions.all
    expect(scene.deliver(at, 3, 2)).toBe(false)
    expect(partition?.ledger.committable).toBe(2)
    const late = new StreamQueue()
    scene.partitions.subscribe({ topic: scene.topic, queueFor: () => late })
    expect(scene.reading).toEqual(['orders[0] from 2'])
    scene.deliver(at, 3, 2)
    expect([scene.take(late)?.index, late.queued]).toEqual([0, 2])
  })

  test('a full queue pauses its partition; as it empties, or its reader goes, reading goes on', async () => {
    const scene = new Scene()
    const slow = new StreamQueue()
    scene.subscriptions.push({ topic: scene.topic, queueFor: () => slow })
    await scene.partitions.assign([at])
    expect(scene.deliver(at, 4096)).toBe(false)
    while (scene.take() !== null);
    expect(scene.resumed).toEqual([])
    slow.close()
    expect(scene.resumed).toEqual(['orders[0]'])
    expect(scene.deliver(at, 4096, 4096)).toBe(false)
    scene.queue.close()
    expect(scene.resumed).toEqual(['orders[0]'])
    scene.partitions.subscribe({ topic: scene.topic, queueFor: () => new StreamQueue() })
    expect(scene.resumed).toEqual(['orders[0]', 'orders[0]'])
  })

  test('markers at the end of the log are no lag', async () => {
    const scene = new Scene()
    await scene.partitions.assign([at])
    scene.deliver(at, 2)
    scene.position = 3
    scene.partitions.passed(at)
    const [partition] = scene.partitions.all
    expect(partition?.ledger.committable).toBe(0)
    for (const held of [scene.take(), scene.take()]) held?.lot.settle(held.index)
    expect(partition?.ledger.committable).toBe(3)
  })
})

/** Partitions between a reader and a group that do as they are told, read by one queue. */
class Scene {
  readonly clock: VirtualClock = virtualClock()
  readonly queue = new StreamQueue()
  readonly topic: AppTopic
  readonly subscriptions: Subscription[]
  readonly partitions: Partitions
  readonly commits: string[] = []
  readonly lines: string[] = []
  readonly resumed: string[] = []
  position = 0
  readonly topics = new Map([['orders', described('one')]])
  readonly #feeds = new Map<string, { start: Start; deliver: Deliver }>()
  #committed: Promise<void> = Promise.resolve()
  #commit: Promise<void> = Promise.resolve()

  constructor({ committed = [] }: { committed?: PartitionOffset[] } = {}) {
    const home: Home = { id: 'app', codec: json, partitions: 2, host: () => host, worker: () => host }
    const log: Logger = { ...silentLogger, warn: (_facts, message) => void this.lines.push(message) }
    const host = { clock: this.clock, log, turn: new TurnBudget(this.clock), checksRoundTrips: false } as unknown as Host
    this.topic = new AppTopic(home, 'orders', {})
    this.subscriptions = [{ topic: this.topic, queueFor: () => this.queue }]
    this.partitions = new Partitions({
      host,
      reader: () => this.#reader(),
      describe: names => Promise.resolve(names.flatMap(name => this.topics.get(name) ?? [])),
      random: seededRandom(7),
      group: () => ({ committed: () => this.#committed.then(() => committed) }),
      subscribersOf: () => this.subscriptions,
      drainTimeoutMs: 20_000,
      culprits: ({ ledger }) => [`agent "slow" still works on "orders"[0]@${ledger.committable}`],
      commit: leaving => {
        for (const { at: where, ledger } of leaving) this.commits.push(`${nameOf(where)}=${ledger.committable}`)
        return this.#commit
      },
      onSettled: null,
    })
  }

  /** Answers whether more is wanted. */
  deliver(where: TopicPartition, count: number, first = 0): boolean | undefined {
    return this.#feeds.get(nameOf(where))?.deliver(batchOf(where, count, first))
  }

  /** The next event that the queue hands out. */
  take(from: StreamQueue = this.queue): Held | null {
    const cursor: Cursor = { lot: null, index: 0 }
    return from.take(cursor) && cursor.lot !== null ? { lot: cursor.lot, index: cursor.index } : null
  }

  /** Starts to revoke; returns whether it is done. */
  revoke(where: TopicPartition): () => boolean {
    let isDone = false
    void this.partitions.revoke([where]).then(() => (isDone = true))
    return () => isDone
  }

  get reading(): string[] {
    return [...this.#feeds].map(([name, { start }]) => `${name} from ${start}`)
  }

  holdCommitted(): Deferred<void> {
    const held = new Deferred<void>()
    this.#committed = held.promise
    return held
  }

  holdCommit(): Deferred<void> {
    const held = new Deferred<void>()
    this.#commit = held.promise
    return held
  }

  #reader(): Reader {
    return {
      add: (where, start, deliver) => {
        if (this.#feeds.has(nameOf(where))) throw new Error('it is read already')
        this.#feeds.set(nameOf(where), { start, deliver })
      },
      remove: where => void this.#feeds.delete(nameOf(where)),
      resume: where => void this.resumed.push(nameOf(where)),
      position: () => this.position,
      highWatermark: () => undefined,
      close: () => Promise.resolve(),
    }
  }
}

function batchOf(where: TopicPartition, count: number, first: number): Batch {
  const ones = Int32Array.from({ length: count }, (_, index) => index)
  return {
    ...where,
    count,
    buffer: Buffer.from('1'.repeat(count)),
    offsets: Float64Array.from({ length: count }, (_, index) => first + index),
    timestamps: new Float64Array(count),
    keyStarts: new Int32Array(count).fill(-1),
    keyEnds: new Int32Array(count).fill(-1),
    valueStarts: ones,
    valueEnds: ones.map(start => start + 1),
    headers: null,
    nextOffset: first + count,
    bytes: count,
  }
}

function described(id: string, partitions = 2): TopicDescription {
  return { name: 'orders', id, partitions, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}[${partition}]`
}
