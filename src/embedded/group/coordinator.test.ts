import { describe, expect, test } from 'vitest'
import { FencedError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { Coordinator } from './coordinator.js'
import type { Joined } from './member.js'
import type { Round } from './round.js'

/** What a coordinator has answered to one question. */
class Reply<T> {
  value: T | undefined
  error: unknown

  resolve(value: T): void {
    this.value = value
  }

  reject(error: unknown): void {
    this.error = error
  }
}

/** The owner of a group. What it has to store is stored before anybody hears of it, and found by the next one. */
class Owner {
  readonly clock = virtualClock()
  readonly nudged: string[] = []
  coordinator: Coordinator
  isChanged = false
  #stored: Round | null = null

  constructor() {
    this.coordinator = this.#open()
  }

  /** The owner dies without a word, and another one goes on with what was stored. */
  die(): void {
    const stored = this.store()
    this.coordinator.stop()
    this.coordinator = this.#open()
    this.coordinator.restore(stored, { clock: this.clock, nudge: memberId => this.nudged.push(memberId) })
  }

  /** What has to be stored by now. */
  store(): Round {
    if (this.isChanged) this.#stored = structuredClone(this.coordinator.round)
    this.isChanged = false
    return this.#stored ?? expect.fail('nothing has been stored')
  }

  join(memberId: string, more: { metadata?: string; isNew?: boolean; instanceId?: string } = {}): Reply<Joined> {
    const reply = new Reply<Joined>()
    const { metadata = '', isNew = true, instanceId = null } = more
    const process = `process of ${memberId}`
    const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }
    const nudge = (): void => void this.nudged.push(memberId)
    this.coordinator.join(
      { memberId, instanceId, process, isNew, metadata: Buffer.from(metadata), clock: this.clock, nudge, ...timeouts },
      reply,
    )
    return reply
  }

  sync(memberId: string, generation: number, shares: Readonly<Record<string, string>> | null = null): Reply<Uint8Array | null> {
    const reply = new Reply<Uint8Array | null>()
    const assignments = shares && new Map(Object.entries(shares).map(([id, share]) => [id, Buffer.from(share)]))
    this.coordinator.sync({ memberId, instanceId: null, generation }, assignments, reply)
    return reply
  }

  heartbeat(memberId: string, generation: number): boolean {
    return this.coordinator.heartbeat({ memberId, instanceId: null, generation })
  }

  /** Both have joined and been assigned something; returns their generation. */
  agree(): number {
    this.join('a', { metadata: 'of a' })
    const other = this.join('b', { metadata: 'of b' })
    const leader = this.join('a', { metadata: 'of a', isNew: false })
    const generation = leader.value?.generation ?? expect.fail('no round')
    expect(other.value?.generation).toBe(generation)
    this.sync('b', generation)
    this.sync('a', generation, { a: 'for a', b: 'for b' })
    return generation
  }

  #open(): Coordinator {
    return new Coordinator('group', () => (this.isChanged = true))
  }
}

function text(reply: Reply<Uint8Array | null>): string | undefined {
  return reply.value ? Buffer.from(reply.value).toString() : undefined
}

describe('a group whose owner has died', () => {
  test('goes on with the round that had ended: nobody has to join again', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.die()
    expect([owner.heartbeat('a', generation), owner.heartbeat('b', generation)]).toEqual([false, false])
    expect(text(owner.sync('b', generation))).toBe('for b')
    owner.coordinator.check({ memberId: 'a', instanceId: null, generation })
    expect(owner.nudged).toEqual(['a'])
  })

  test('asks who comes again with nothing new to go on as before', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.die()
    const again = owner.join('b', { metadata: 'of b', isNew: false })
    expect(again.value).toEqual({ generation, isLeader: false, members: null })
  })

  test('knows whose wish makes a round', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.die()
    expect(owner.join('b', { metadata: 'of b', isNew: false }).value?.isLeader).toBe(false)
    owner.join('a', { metadata: 'of a', isNew: false })
    expect(owner.heartbeat('b', generation)).toBe(true)
  })

  test('lets every session begin anew, and end when its member does not come back', async () => {
    const owner = new Owner()
    const generation = owner.agree()
    await owner.clock.advance(5000)
    owner.die()
    await owner.clock.advance(5000)
    expect(owner.heartbeat('a', generation)).toBe(false)
    await owner.clock.advance(1000)
    expect(owner.heartbeat('a', generation)).toBe(true)
    expect(() => owner.heartbeat('b', generation)).toThrow(FencedError)
    expect(owner.nudged.at(-1)).toBe('a')
  })

  test('has everybody join again where the leader had not assigned', () => {
    const owner = new Owner()
    owner.join('a')
    owner.join('b')
    const { value } = owner.join('a', { isNew: false })
    const generation = value?.generation ?? 0
    owner.die()
    expect(owner.heartbeat('b', generation)).toBe(true)
    const early = owner.sync('a', generation, { a: 'never' })
    expect(early.value).toBeNull()
    owner.join('b', { isNew: false })
    const leader = owner.join('a', { isNew: false })
    expect(leader.value?.generation).toBeGreaterThan(generation)
    expect(leader.value?.isLeader).toBe(true)
  })

  test('does not wait for a member that had left', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.coordinator.leave('b')
    owner.die()
    expect(owner.heartbeat('a', generation)).toBe(true)
    const again = owner.join('a', { isNew: false })
    expect(again.value?.members?.map(({ memberId }) => memberId)).toEqual(['a'])
  })

  test('knows which process a static member is now', () => {
    const owner = new Owner()
    const first = owner.join('old', { instanceId: 'one' })
    owner.sync('old', first.value?.generation ?? 0, { old: 'what it had' })
    owner.join('new', { instanceId: 'one' })
    owner.die()
    const generation = first.value?.generation ?? 0
    expect(text(owner.sync('new', generation))).toBe('what it had')
    const stamp = { memberId: 'old', instanceId: 'one', generation }
    expect(() => owner.coordinator.check(stamp)).toThrow('has been replaced')
  })

  test('never issues a generation twice, also when nobody was in it', async () => {
    const owner = new Owner()
    const issued: number[] = []
    for (let round = 0; round < 20; round++) {
      const { value } = owner.join(`member-${round}`)
      issued.push(value?.generation ?? expect.fail('no round'))
      if (round % 3 === 0) owner.sync(`member-${round}`, issued.at(-1) as number, {})
      if (round % 2 === 0) owner.coordinator.leave(`member-${round}`)
      else await owner.clock.advance(6000)
      if (round % 5 !== 0) owner.die()
    }
    expect(issued).toEqual([...new Set(issued)].sort((left, right) => left - right))
  })
})

describe('what is stored', () => {
  test('is stored before anybody is told', () => {
    const owner = new Owner()
    const early: string[] = []
    const step = (what: string, run: (answer: { resolve: () => void; reject: () => void }) => void): void => {
      owner.isChanged = false
      const tell = (): void => void (owner.isChanged || early.push(what))
      run({ resolve: tell, reject: tell })
      expect([what, owner.isChanged]).toEqual([what, true])
    }
    const who = { instanceId: 'one', process: null, isNew: true, metadata: Buffer.alloc(0), nudge: () => undefined }
    const joining = { ...who, clock: owner.clock, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }
    const stamp = { memberId: 'a', instanceId: 'one', generation: 1 }
    step('the end of a round', answer => owner.coordinator.join({ ...joining, memberId: 'a' }, answer))
    step('the assignment', answer => owner.coordinator.sync(stamp, new Map(), answer))
    step('a replacement', answer => owner.coordinator.join({ ...joining, memberId: 'b' }, answer))
    step('the end of a member', answer => {
      owner.coordinator.join({ ...joining, memberId: 'c', instanceId: null }, answer)
      owner.coordinator.leave('c')
    })
    expect(early).toEqual([])
  })

  test('says of each member what it needs to go on', () => {
    const owner = new Owner()
    const generation = owner.agree()
    const { members, ...rest } = owner.store()
    expect(rest).toEqual({ generation, leaderId: 'a', isAssigned: true })
    const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }
    expect(members).toEqual(
      ['a', 'b'].map(memberId => {
        const [metadata, assignment] = [Buffer.from(`of ${memberId}`), Buffer.from(`for ${memberId}`)].map(text =>
          Uint8Array.from(text),
        )
        return { memberId, instanceId: null, process: `process of ${memberId}`, metadata, assignment, ...timeouts }
      }),
    )
  })
})

describe('an answer that nobody waits for any more', () => {
  test('to a join: the member keeps its place, and the round waits for it', async () => {
    const owner = new Owner()
    const generation = owner.agree()
    const gone = owner.join('c')
    owner.coordinator.withdraw(gone)
    owner.join('a', { metadata: 'of a', isNew: false })
    const other = owner.join('b', { metadata: 'of b', isNew: false })
    expect([gone.value, other.value, owner.coordinator.has('c')]).toEqual([undefined, undefined, true])
    const again = owner.join('c')
    expect(again.value?.generation).toBe(other.value?.generation)
    expect(again.value?.generation).toBeGreaterThan(generation)
    expect(gone.value).toBeUndefined()
  })

  test('to a join: without the member when it does not come again in time', async () => {
    const owner = new Owner()
    owner.agree()
    owner.coordinator.withdraw(owner.join('c'))
    owner.join('a', { isNew: false })
    const other = owner.join('b', { isNew: false })
    await owner.clock.advance(3000)
    expect(other.value).toBeDefined()
    expect(owner.coordinator.has('c')).toBe(false)
  })

  test('to a sync: the assignment is there when it is asked for again', () => {
    const owner = new Owner()
    owner.join('a')
    const { value } = owner.join('b')
    owner.join('a', { isNew: false })
    const generation = value?.generation ?? owner.store().generation
    const gone = owner.sync('b', generation)
    owner.coordinator.withdraw(gone)
    owner.sync('a', generation, { b: 'for b' })
    expect([gone.value, text(owner.sync('b', generation))]).toEqual([undefined, 'for b'])
  })
})

describe('a process that has died', () => {
  test('is out at once: a round starts without it', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.coordinator.evict('process of b')
    expect(owner.nudged.at(-1)).toBe('a')
    expect(owner.heartbeat('a', generation)).toBe(true)
    const again = owner.join('a', { isNew: false })
    expect(again.value?.members?.map(({ memberId }) => memberId)).toEqual(['a'])
    expect(() => owner.heartbeat('b', generation)).toThrow(FencedError)
  })

  test('is not waited for by a round that is under way', () => {
    const owner = new Owner()
    owner.agree()
    owner.join('c')
    const other = owner.join('b', { metadata: 'of b', isNew: false })
    expect(other.value).toBeUndefined()
    owner.coordinator.evict('process of a')
    expect(other.value?.members?.map(({ memberId }) => memberId)).toEqual(['b', 'c'])
  })

  test('where somebody else was meant, changes nothing', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.store()
    owner.coordinator.evict('process of c')
    expect([owner.isChanged, owner.heartbeat('a', generation), owner.coordinator.round.generation]).toEqual([
      false,
      false,
      generation,
    ])
  })

  test('keeps the place of a static member until its session ends', async () => {
    const owner = new Owner()
    const first = owner.join('old', { instanceId: 'one' })
    const generation = first.value?.generation ?? 0
    owner.sync('old', generation, { old: 'what it had' })
    owner.coordinator.evict('process of old')
    expect(owner.join('new', { instanceId: 'one' }).value).toEqual({ generation, isLeader: true, members: null })
    owner.coordinator.evict('process of new')
    await owner.clock.advance(6000)
    expect(owner.coordinator.has('new')).toBe(false)
  })

  test('is known to the next owner', () => {
    const owner = new Owner()
    owner.agree()
    owner.die()
    expect([...owner.coordinator.processes]).toEqual(['process of a', 'process of b'])
    owner.coordinator.evict('process of b')
    expect([...owner.coordinator.processes]).toEqual(['process of a'])
  })

  test('does not stand in the way of a reset, static or not', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.join('c', { instanceId: 'one' })
    owner.coordinator.reset([{ topic: 'orders', partition: 0, offset: 7 }], () => true)
    expect(owner.coordinator.offsets.all()).toEqual([{ topic: 'orders', partition: 0, offset: 7 }])
    expect([owner.store().members, owner.coordinator.has('c')]).toEqual([[], false])
    expect(owner.join('d').value?.generation).toBeGreaterThan(generation)
  })

  test('does not change anything in a reset that is refused for the sake of another', () => {
    const owner = new Owner()
    const generation = owner.agree()
    owner.store()
    const reset = (): void => owner.coordinator.reset([], process => process === 'process of b')
    expect(reset).toThrow('Cannot reset the group "group": it has a member (a).')
    expect([owner.isChanged, owner.heartbeat('b', generation)]).toEqual([false, false])
  })
})

test('nothing happens by itself once a group is stopped', async () => {
  const owner = new Owner()
  owner.agree()
  owner.join('c')
  const before = owner.nudged.length
  owner.coordinator.stop()
  owner.isChanged = false
  await owner.clock.advance(60_000)
  expect([owner.nudged.length, owner.isChanged]).toEqual([before, false])
  expect(owner.clock.hasWork).toBe(false)
})
