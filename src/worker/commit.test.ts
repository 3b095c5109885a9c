import { describe, expect, test } from 'vitest'
import { CommitError, FencedError, SendError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import type { Logger } from '../lib/log.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { Membership, PartitionOffset, TopicPartition } from '../transport/transport.js'
import { Committer, type Committable } from './commit.js'
import { Ledger } from './ledger.js'

describe('the order', () => {
  test('take, flush, then commit what was taken, not what settled meanwhile', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    orders.ledger.passed(3)
    const flushing = scene.holdFlush()
    const committed = scene.commit()
    await scene.settled()
    orders.ledger.passed(9)
    expect(scene.steps).toEqual(['flush'])
    flushing.resolve()
    await committed
    expect(scene.steps).toEqual(['flush', 'commit orders[0]=3'])
    expect(orders.ledger.committed).toBe(3)
    await scene.commit()
    expect(scene.steps.at(-1)).toBe('commit orders[0]=9')
  })

  test('what has nothing new is left out; with nothing at all the broker is not asked', async () => {
    const scene = new Scene()
    const [orders, users] = [scene.partition('orders'), scene.partition('users')]
    orders.ledger.passed(3)
    await scene.commit()
    users.ledger.passed(2)
    await scene.commit()
    await scene.commit()
    expect(scene.commits).toEqual(['orders[0]=3', 'users[0]=2'])
  })

  test('commits are queued behind a running one, in order, and none is skipped', async () => {
    const scene = new Scene()
    const [orders, users] = [scene.partition('orders'), scene.partition('users')]
    orders.ledger.passed(1)
    const answering = scene.holdAnswer()
    const done: string[] = []
    void scene.committer.commit([orders]).then(() => done.push('first'))
    await scene.settled()
    orders.ledger.passed(2)
    users.ledger.passed(5)
    void scene.committer.commit([orders]).then(() => done.push('second'))
    void scene.committer.commit([users]).then(() => done.push('third'))
    await scene.settled()
    expect([scene.commits, done]).toEqual([['orders[0]=1'], []])
    answering.resolve()
    await scene.settled()
    expect(scene.commits).toEqual(['orders[0]=1', 'orders[0]=2', 'users[0]=5'])
    expect(done).toEqual(['first', 'second', 'third'])
  })

  test('what ended while it was flushed is left out', async () => {
    const scene = new Scene()
    const [orders, users] = [scene.partition('orders'), scene.partition('users')]
    orders.ledger.passed(3)
    users.ledger.passed(3)
    const flushing = scene.holdFlush()
    const committed = scene.commit()
    await scene.settled()
    orders.isOver = true
    flushing.resolve()
    await committed
    expect(scene.commits).toEqual(['users[0]=3'])
  })

  test('without a membership nothing is committed', async () => {
    const scene = new Scene()
    scene.partition('orders').ledger.passed(3)
    scene.isMember = false
    await scene.commit()
    expect(scene.commits).toEqual([])
    scene.isMember = true
    await scene.commit()
    expect(scene.commits).toEqual(['orders[0]=3'])
  })
})

describe('failures', () => {
  test.for([new CommitError('no answer'), new FencedError('stale generation')])(
    '%s advances nothing, and the next commit tries again',
    async error => {
      const scene = new Scene()
      const orders = scene.partition('orders')
      orders.ledger.passed(3)
      scene.refusal = error
      await scene.commit()
      expect(orders.ledger.committed).toBe(0)
      scene.refusal = null
      orders.ledger.passed(4)
      await scene.commit()
      expect(scene.commits).toEqual(['orders[0]=3', 'orders[0]=4'])
      expect(orders.ledger.committed).toBe(4)
      expect(scene.lines).toEqual([error instanceof FencedError ? 'warn A commit was refused' : 'error A commit failed'])
    },
  )

  test('a refused membership is said once', async () => {
    const scene = new Scene()
    scene.partition('orders').ledger.passed(3)
    scene.refusal = new FencedError('stale generation')
    for (let n = 0; n < 3; n++) await scene.commit()
    expect([scene.commits.length, scene.lines]).toEqual([3, ['warn A commit was refused']])
  })

  test('what is not there any more holds nothing back: the others are committed at once', async () => {
    const scene = new Scene()
    const [orders, users] = [scene.partition('orders'), scene.partition('users')]
    for (const { ledger } of [orders, users]) ledger.passed(3)
    scene.refusal = new CommitError('the topic "orders" has been deleted')
    scene.gone = [orders]
    await scene.commit()
    expect([scene.commits, scene.lines]).toEqual([['orders[0]=3 users[0]=3', 'users[0]=3'], []])
    expect([orders.ledger.committed, users.ledger.committed]).toEqual([0, 3])
  })

  test('an output that was lost: nothing is committed, whoever has read something reads it again', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    orders.ledger.passed(3)
    const flushing = scene.holdFlush()
    const committed = scene.commit()
    await scene.settled()
    scene.committer.undelivered(new SendError('gone', { topic: 'out' }))
    flushing.resolve()
    await committed
    expect(scene.steps).toEqual(['flush', 'fence'])
    expect(orders.ledger.committed).toBe(0)
    await scene.commit()
    expect(scene.steps.slice(2)).toEqual(['flush', 'commit orders[0]=3'])
  })

  test('also when the commit was only for a partition that goes: the output may have been another one’s', async () => {
    const scene = new Scene()
    const [orders, users] = [scene.partition('orders'), scene.partition('users')]
    users.ledger.passed(1)
    scene.committer.undelivered(new SendError('gone', { topic: 'out' }))
    await scene.committer.commit([orders])
    expect(scene.steps).toEqual(['flush', 'fence'])
  })

  test('three times in a row stop the worker, and then nothing is committed any more', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    orders.ledger.passed(3)
    for (const message of ['one', 'two', 'three']) {
      scene.committer.undelivered(new SendError(message, { topic: 'out' }))
      await scene.commit()
    }
    expect(scene.steps.filter(step => step !== 'flush')).toEqual(['fence', 'fence', 'fatal'])
    expect(scene.fatal).toBeInstanceOf(SendError)
    expect(scene.fatal).toMatchObject({ topic: 'out', message: expect.stringMatching(/3 times in a row: three/) })
    await scene.commit()
    expect(scene.commits).toEqual([])
  })

  test('an empty commit is no success in between, a real one is', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    const lose = async (): Promise<void> => {
      scene.committer.undelivered(new SendError('gone', { topic: 'out' }))
      await scene.commit()
    }
    await lose()
    await lose()
    orders.ledger.passed(3)
    await scene.commit()
    await lose()
    await scene.commit()
    await lose()
    await scene.commit()
    expect(scene.fatal).toBeNull()
    await lose()
    expect(scene.fatal).toBeInstanceOf(SendError)
  })

  test('halted, it commits nothing, whatever is asked', async () => {
    const scene = new Scene()
    scene.partition('orders').ledger.passed(3)
    scene.committer.halt()
    await scene.commit()
    expect(scene.commits).toEqual([])
  })

  test('what should read again and cannot brings the worker down; the next commit is not stuck behind it', async () => {
    const scene = new Scene()
    scene.partition('orders').ledger.passed(3)
    scene.onFenced = () => {
      throw new RangeError('no reader')
    }
    scene.committer.undelivered(new SendError('gone', { topic: 'out' }))
    await scene.commit()
    expect(scene.fatal).toBeInstanceOf(RangeError)
    await scene.commit()
    expect(scene.commits).toEqual(['orders[0]=3'])
  })
})

describe('when', () => {
  test('every interval, counted from the end of the last commit, until stopped', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    scene.committer.start()
    orders.ledger.passed(1)
    await scene.clock.advance(999)
    expect(scene.commits).toEqual([])
    await scene.clock.advance(1)
    expect(scene.commits).toEqual(['orders[0]=1'])
    const flushing = scene.holdFlush()
    orders.ledger.passed(2)
    scene.committer.wake()
    await scene.clock.advance(5000)
    expect(scene.commits).toHaveLength(1)
    flushing.resolve()
    await scene.settled()
    expect(scene.commits).toHaveLength(2)
    orders.ledger.passed(3)
    scene.committer.wake()
    await scene.clock.advance(1000)
    expect(scene.commits).toHaveLength(3)
    scene.committer.stop()
    orders.ledger.passed(4)
    scene.committer.wake()
    await scene.clock.advance('1m')
    expect(scene.commits).toHaveLength(3)
  })

  test('not while there is nothing to commit: an idle worker sets no clock', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    scene.committer.start()
    orders.ledger.passed(1)
    await scene.clock.advance('1m')
    orders.ledger.passed(2)
    await scene.clock.advance('1m')
    expect(scene.commits).toEqual(['orders[0]=1'])
    scene.committer.wake()
    await scene.clock.advance('1s')
    expect(scene.commits).toEqual(['orders[0]=1', 'orders[0]=2'])
  })

  test('a commit that runs while it is stopped starts no other', async () => {
    const scene = new Scene()
    const orders = scene.partition('orders')
    const flushing = scene.holdFlush()
    scene.committer.start()
    await scene.clock.advance('1s')
    scene.committer.stop()
    flushing.resolve()
    await scene.settled()
    orders.ledger.passed(1)
    await scene.clock.advance('1m')
    expect(scene.commits).toEqual([])
  })

  test('after so many events, once for all that settle while one is wanted', async () => {
    const scene = new Scene({ every: 3 })
    const orders = scene.partition('orders')
    orders.ledger.passed(2)
    scene.settle(2)
    await scene.settled()
    expect(scene.commits).toEqual([])
    orders.ledger.passed(100)
    scene.settle(98)
    await scene.settled()
    expect(scene.commits).toEqual(['orders[0]=100'])
    const flushing = scene.holdFlush()
    orders.ledger.passed(110)
    scene.settle(10)
    await scene.settled()
    for (let offset = 111; offset <= 200; offset++) {
      orders.ledger.passed(offset)
      scene.settle(1)
      await scene.turn()
    }
    flushing.resolve()
    await scene.settled()
    expect(scene.commits).toEqual(['orders[0]=100', 'orders[0]=110', 'orders[0]=200'])
    expect(scene.steps.filter(step => step === 'flush')).toHaveLength(3)
  })
})

/** A committer between an outbox and a group that do as they are told. */
class Scene {
  readonly clock: VirtualClock = virtualClock()
  readonly committer: Committer
  readonly steps: string[] = []
  readonly lines: string[] = []
  readonly #partitions: (Committable & { isOver: boolean })[] = []
  isMember = true
  refusal: Error | null = null
  fatal: Error | null = null
  /** Whose topics are not there any more. */
  gone: { isOver: boolean }[] = []
  onFenced: () => void = () => undefined
  #flush: Promise<void> = Promise.resolve()
  #answer: Promise<void> = Promise.resolve()

  constructor({ every }: { every?: number } = {}) {
    this.committer = new Committer({
      clock: this.clock,
      log: this.#log(),
      outbox: {
        flush: () => {
          this.steps.push('flush')
          return this.#flush
        },
      },
      group: () => ({ commit: offsets => this.#commit(offsets) }),
      membership: () => (this.isMember ? membership : null),
      partitions: () => this.#partitions.filter(({ isOver }) => !isOver),
      check: () => {
        for (const gone of this.gone) [gone.isOver, this.refusal] = [true, null]
        return Promise.resolve()
      },
      intervalMs: 1000,
      every,
      onFenced: () => {
        this.steps.push('fence')
        this.onFenced()
      },
      onFatal: error => {
        this.steps.push('fatal')
        this.fatal = error
      },
    })
  }

  partition(topic: string): Committable & { isOver: boolean } {
    const partition = { at: { topic, partition: 0 }, ledger: new Ledger(0), isOver: false }
    this.#partitions.push(partition)
    return partition
  }

  commit(): Promise<void> {
    return this.committer.commit(this.#partitions.filter(({ isOver }) => !isOver))
  }

  get commits(): string[] {
    return this.steps.filter(step => step.startsWith('commit ')).map(step => step.slice('commit '.length))
  }

  holdFlush(): Deferred<void> {
    const held = new Deferred<void>()
    this.#flush = held.promise
    return held
  }

  holdAnswer(): Deferred<void> {
    const held = new Deferred<void>()
    this.#answer = held.promise
    return held
  }

  settle(count: number): void {
    for (let left = count; left > 0; left--) this.committer.settled()
  }

  settled(): Promise<void> {
    return this.clock.settled()
  }

  turn(): Promise<void> {
    return new Promise(resolve => this.clock.turn(resolve))
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    this.steps.push(`commit ${offsets.map(at => `${nameOf(at)}=${at.offset}`).join(' ')}`)
    await this.#answer
    if (this.refusal !== null) throw this.refusal
  }

  #log(): Logger {
    const write = (level: string) => (_facts: object, message: string) => {
      if (message.startsWith('A commit')) this.lines.push(`${level} ${message.split(/[:;]/)[0]}`)
    }
    const nothing = (): void => undefined
    return { debug: nothing, info: nothing, warn: write('warn'), error: write('error'), child: () => this.#log() }
  }
}

const membership: Membership = {
  groupId: 'app',
  memberId: 'one',
  instanceId: null,
  generation: 1,
  isLeader: true,
  assignment: new Uint8Array(),
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}[${partition}]`
}
