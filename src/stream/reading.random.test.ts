import { array, asyncProperty, check, constantFrom, integer, record } from 'fast-check'
import { expect, test } from 'vitest'
import { nextTurn, systemClock } from '../lib/clock.js'
import { TurnBudget } from '../lib/turn.js'
import { noHeaders } from '../message/record.js'
import { VirtualClock } from '../testing/virtual-clock.js'
import { BatchIterator } from './batch-iterator.js'
import { Delivered, type Columns, type Tenure } from './delivered.js'
import { Hands } from './hands.js'
import type { Reading } from './intake.js'
import { EventIterator } from './iterator.js'
import { StreamQueue } from './queue.js'
import { dropped, type Stage } from './stage.js'

/** A loop that a body runs before the next one: so many elements, then break; or it throws at the last, and a fresh body goes on. */
interface Loop {
  readonly kind: 'events' | 'batches'
  readonly elements: number
  readonly max: number
  readonly end: 'break' | 'throw'
}

const loops = array(
  record<Loop>({
    kind: constantFrom('events', 'batches'),
    elements: integer({ min: 1, max: 4 }),
    max: integer({ min: 1, max: 4 }),
    end: constantFrom('break', 'throw'),
  }),
  { maxLength: 8 },
)
const lots = array(record({ lane: integer({ min: 0, max: 1 }), size: integer({ min: 1, max: 4 }) }), { maxLength: 12 })

/** Everything that is read, and what a reader may rely on, looked at after every step. */
class Scene {
  readonly clock = new VirtualClock()
  readonly queue = new StreamQueue()
  readonly tenure: Tenure = { isLeaving: false, isOver: false, settled: null }
  readonly lanes = [0, 1].map(() => this.queue.addLane(() => undefined))
  readonly places = new Map<number, { lot: Delivered; index: number; lane: number }>()
  readonly seen: number[] = []
  /** Seen, and not done with yet. */
  inHand: readonly number[] = []
  hands = new Hands()
  #next = 0

  push(lane: number, size: number): void {
    const values = Array.from({ length: size }, () => this.#next++)
    const columns: Columns = {
      topic: 't',
      partition: lane,
      count: size,
      bytes: 0,
      isOdd: false,
      hasHeaders: false,
      open: () => values,
      key: () => null,
      offset: index => index,
      timestamp: () => 0,
      headers: () => noHeaders,
    }
    const lot = new Delivered(columns, this.tenure)
    values.forEach((value, index) => this.places.set(value, { lot, index, lane }))
    this.queue.push(this.lanes[lane] as (typeof this.lanes)[number], lot)
  }

  get reading(): Reading {
    const gate = { isFull: false, drained: () => Promise.resolve() }
    return { queue: this.queue, hands: this.hands, stages, isManual: false, turn: new TurnBudget(systemClock), gate }
  }

  isSettled(value: number): boolean {
    const { lot, index } = this.places.get(value) as { lot: Delivered; index: number }
    return lot.isSettled(index)
  }

  /** Nothing settles that was not seen or dropped, nor while it is worked on. */
  look(): void {
    const seen = new Set(this.seen)
    for (const value of this.places.keys()) {
      if (!this.isSettled(value) || isDropped(value)) continue
      expect(seen.has(value), `${value} has settled unseen`).toBe(true)
      expect(this.inHand.includes(value), `${value} has settled while it was worked on`).toBe(false)
    }
  }

  async run(loop: Loop): Promise<void> {
    const iterator =
      loop.kind === 'events'
        ? new EventIterator<unknown>(this.reading, null)
        : new BatchIterator(this.reading, { max: loop.max, withinMs: 10, clock: this.clock })
    let left = loop.elements
    this.inHand = []
    for await (const element of iterator) {
      this.inHand = [element].flat() as number[]
      if (loop.kind === 'batches') expect(this.inHand.length).toBeLessThanOrEqual(loop.max)
      expect(this.inHand.length).toBeGreaterThan(0)
      this.seen.push(...this.inHand)
      await nextTurn(systemClock)
      this.look()
      if (--left === 0) break
      this.inHand = []
    }
    this.look()
    if (loop.end === 'throw') this.fail()
  }

  /** What a crew does with the policy `skip`. */
  fail(): void {
    this.inHand = []
    for (const { lot, index } of this.hands.take()) lot.settle(index)
    this.hands.end()
    this.hands = new Hands()
  }
}

function isDropped(value: number): boolean {
  return value % 5 === 0 || value % 7 === 0
}

const stages: readonly Stage[] = [
  value => ((value as number) % 5 === 0 ? dropped : value),
  value => ((value as number) % 3 === 0 ? Promise.resolve((value as number) % 7 === 0 ? dropped : value) : value),
  value => ((value as number) % 7 === 0 ? dropped : value),
]

test('whatever loops a body runs, and however they end, every event is seen once, in order, and settles when it is done with', async () => {
  const law = asyncProperty(loops, lots, async (bodies, pushes) => {
    const scene = new Scene()
    let isOver = false
    const reading = (async () => {
      for (const loop of bodies) if (!isOver) await scene.run(loop)
      if (!isOver) await scene.run({ kind: 'events', elements: Infinity, max: 1, end: 'break' })
    })()
    for (const { lane, size } of pushes) {
      scene.push(lane, size)
      for (let turns = size; turns > 0; turns--) await nextTurn(systemClock)
      scene.clock.skip(size * 3)
      scene.look()
    }
    for (let turns = 0; turns < 60; turns++) {
      await nextTurn(systemClock)
      scene.clock.skip(10)
    }
    isOver = true
    scene.hands.end()
    await reading
    scene.hands.settleAll()
    const expected = [...scene.places.keys()].filter(value => !isDropped(value))
    for (const lane of [0, 1]) {
      const ofLane = (value: number): boolean => scene.places.get(value)?.lane === lane
      expect(scene.seen.filter(ofLane)).toEqual(expected.filter(ofLane))
    }
    for (const value of scene.places.keys()) expect(scene.isSettled(value), `${value} never settled`).toBe(true)
  })
  const { failed, counterexample, seed, errorInstance } = await check(law, { numRuns: 60 })
  expect(failed, `seed ${seed}: ${JSON.stringify(counterexample)}\n${String(errorInstance)}`).toBe(false)
})
