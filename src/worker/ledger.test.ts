import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Delivered, type Columns, type Tenure } from '../stream/delivered.js'
import { Ledger } from './ledger.js'

describe('what may be committed', () => {
  test('nothing was delivered: the position, which is where reading began', () => {
    expect(new Ledger(7).committable).toBe(7)
    expect(new Ledger(-1).committable).toBe(-1)
  })

  test('the lowest unsettled offset; a hole of one blocks', () => {
    const ledger = new Ledger(0)
    const lot = batch([0, 1, 2, 3])
    ledger.delivered([lot], 4)
    for (const index of [0, 2, 3]) lot.settle(index)
    expect(ledger.committable).toBe(1)
    lot.settle(1)
    expect(ledger.committable).toBe(4)
  })

  test('the position when all is settled: it passes markers and what was compacted away', () => {
    const ledger = new Ledger(0)
    const lot = batch([3, 9])
    ledger.delivered([lot], 15)
    expect(ledger.committable).toBe(3)
    lot.settle(0)
    expect(ledger.committable).toBe(9)
    lot.settle(1)
    expect(ledger.committable).toBe(15)
    ledger.passed(17)
    expect(ledger.committable).toBe(17)
    ledger.passed(16)
    expect(ledger.position).toBe(17)
  })

  test('the lowest over all subscribers', () => {
    const ledger = new Ledger(0)
    const [fast, slow] = [batch([0, 1]), batch([0, 1])]
    ledger.delivered([fast, slow], 2)
    fast.settle(0)
    fast.settle(1)
    expect(ledger.committable).toBe(0)
    slow.settle(0)
    expect(ledger.committable).toBe(1)
    slow.settle(1)
    expect(ledger.committable).toBe(2)
  })

  test('a batch that nobody gets needs no settling, nor does one without messages', () => {
    const ledger = new Ledger(0)
    ledger.delivered([], 5)
    ledger.delivered([batch([])], 8)
    expect(ledger.committable).toBe(8)
  })

  test('what settles after the tenure settles nothing', () => {
    const ledger = new Ledger(0)
    const tenure = newTenure()
    const lot = batch([0, 1], tenure)
    ledger.delivered([lot], 2)
    lot.settle(0)
    tenure.isOver = true
    lot.settle(1)
    expect(ledger.committable).toBe(1)
  })
})

test('one event that takes for ever keeps little of what is done behind it in memory', () => {
  const ledger = new Ledger(0)
  let looks = 0
  class Watched extends Delivered {
    override get inHand(): number {
      looks++
      return super.inHand
    }
  }
  const stuck = new Watched(columnsOf([0]), newTenure())
  stuck.handed = 1
  ledger.delivered([stuck], 1)
  for (let offset = 1; offset <= 10_000; offset++) {
    const lot = new Watched(columnsOf([offset]), newTenure())
    lot.handed = 1
    lot.settle(0)
    ledger.delivered([lot], offset + 1)
  }
  expect(ledger.committable).toBe(0)
  // Looks at every lot that is still there.
  expect(ledger.inHand).toBe(1)
  expect(looks).toBeLessThan(200)
  stuck.settle(0)
  expect(ledger.committable).toBe(10_001)
})

describe('against a naive model', () => {
  test('never past an unsettled offset, the position when there is none, always as far as it goes', () => {
    fc.assert(
      fc.property(scenario, ({ start, steps }) => {
        const ledger = new Ledger(start)
        const model = new Model(start)
        const open: { lot: Delivered; index: number; settled: () => void }[] = []
        const tenure = newTenure()
        for (const step of steps) {
          if (step.kind === 'deliver') {
            const first = model.position + step.gap
            const offsets = step.gaps.map((_, at) => first + step.gaps.slice(0, at + 1).reduce((sum, gap) => sum + gap, 0))
            const nextOffset = (offsets.at(-1) ?? first) + 1 + step.tail
            const lots = Array.from({ length: step.subscribers }, () => batch(offsets, tenure))
            ledger.delivered(lots, nextOffset)
            model.position = nextOffset
            for (const lot of lots) {
              for (const [index, offset] of offsets.entries()) open.push({ lot, index, settled: model.deliver(offset) })
            }
          } else if (step.kind === 'pass') {
            model.position += step.by
            ledger.passed(model.position)
          } else if (open.length > 0) {
            const [{ lot, index, settled }] = open.splice(step.pick % open.length, 1) as [(typeof open)[number]]
            lot.settle(index)
            if (step.isTwice) lot.settle(index)
            settled()
          }
          expect(ledger.committable).toBe(model.committable)
          expect(ledger.position).toBe(model.position)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('after the end of a tenure nothing moves any more', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), fc.array(fc.nat(20)), (before, after) => {
        const ledger = new Ledger(0)
        const tenure = newTenure()
        const lot = batch(
          Array.from({ length: 21 }, (_, offset) => offset),
          tenure,
        )
        ledger.delivered([lot], 21)
        for (const index of before) lot.settle(index)
        const { committable } = ledger
        tenure.isOver = true
        for (const index of after) lot.settle(index)
        expect(ledger.committable).toBe(committable)
      }),
    )
  })
})

/** What is delivered and unsettled, as a plain list. */
class Model {
  position: number
  readonly #unsettled: number[] = []

  constructor(start: number) {
    this.position = start
  }

  deliver(offset: number): () => void {
    this.#unsettled.push(offset)
    return () => void this.#unsettled.splice(this.#unsettled.indexOf(offset), 1)
  }

  get committable(): number {
    return Math.min(this.position, ...this.#unsettled)
  }
}

const deliver = fc.record({
  kind: fc.constant('deliver' as const),
  gap: fc.nat(3),
  /** Before each message: holes of compaction and aborted transactions. */
  gaps: fc
    .array(fc.constantFrom(0, 1, 1, 1, 5), { maxLength: 6 })
    .map(gaps => gaps.map((gap, at) => (at === 0 ? gap : Math.max(1, gap)))),
  tail: fc.nat(3),
  subscribers: fc.nat(3),
})
const settle = fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(), isTwice: fc.boolean() })
const pass = fc.record({ kind: fc.constant('pass' as const), by: fc.nat(4) })
const scenario = fc.record({
  start: fc.nat(100),
  steps: fc.array(fc.oneof({ arbitrary: deliver, weight: 3 }, { arbitrary: settle, weight: 8 }, { arbitrary: pass, weight: 1 }), {
    maxLength: 120,
  }),
})

function batch(offsets: readonly number[], tenure: Tenure = newTenure()): Delivered {
  return new Delivered(columnsOf(offsets), tenure)
}

function newTenure(): Tenure {
  return { isLeaving: false, isOver: false, settled: null }
}

function columnsOf(offsets: readonly number[]): Columns {
  return {
    topic: 'orders',
    partition: 0,
    count: offsets.length,
    bytes: 0,
    isOdd: false,
    hasHeaders: false,
    open: () => offsets,
    key: () => null,
    offset: index => offsets[index] as number,
    timestamp: () => 0,
    headers: () => new Map(),
  }
}
