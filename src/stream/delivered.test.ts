import { check, configureGlobal, array, constantFrom, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { noHeaders } from '../message/record.js'
import { Delivered, type Columns, type Tenure } from './delivered.js'

configureGlobal({ numRuns: 300 })

function tenureOf(): Tenure {
  return { isLeaving: false, isOver: false, settled: null }
}

/** Offsets with holes, as compaction leaves them. */
function lotOf(offsets: readonly number[], tenure: Tenure = tenureOf()): Delivered {
  const columns: Columns = {
    topic: 'orders',
    partition: 3,
    count: offsets.length,
    bytes: 0,
    isOdd: false,
    hasHeaders: false,
    open: () => offsets,
    key: () => null,
    offset: index => offsets[index] as number,
    timestamp: () => 0,
    headers: () => noHeaders,
  }
  return new Delivered(columns, tenure)
}

test('the lowest unsettled offset follows what is settled, in whatever order and however often', () => {
  const gaps = array(integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 40 })
  const law = property(gaps, array(integer({ min: 0, max: 39 }), { maxLength: 120 }), (gapsBetween, picks) => {
    let next = 0
    const offsets = gapsBetween.map(gap => (next += gap))
    const lot = lotOf(offsets)
    const settled = new Set<number>()
    for (const pick of picks) {
      const index = pick % offsets.length
      lot.settle(index)
      settled.add(index)
      const left = offsets.filter((_, at) => !settled.has(at))
      expect(lot.isDone).toBe(left.length === 0)
      expect(lot.settledCount).toBe(settled.size)
      if (left.length > 0) expect(lot.lowestOffset).toBe(left[0])
      for (const at of offsets.keys()) expect(lot.isSettled(at)).toBe(settled.has(at))
    }
  })
  const { failed, counterexample, seed } = check(law)
  expect(failed, `seed ${seed}: ${JSON.stringify(counterexample)}`).toBe(false)
})

test('a hole of one keeps the lowest offset where it is', () => {
  const lot = lotOf([5, 6, 7, 8])
  for (const index of [1, 2, 3]) lot.settle(index)
  expect(lot.lowestOffset).toBe(5)
  expect(lot.isDone).toBe(false)
  lot.settle(0)
  expect(lot.isDone).toBe(true)
})

test('once its tenure is over nothing settles any more', () => {
  const tenure = tenureOf()
  const lot = lotOf([1, 2], tenure)
  lot.settle(0)
  tenure.isOver = true
  lot.settle(1)
  expect([lot.settledCount, lot.lowestOffset]).toEqual([1, 2])
})

test('whoever listens hears of each event once, when it settles', () => {
  const tenure = tenureOf()
  let heard = 0
  tenure.settled = () => heard++
  const lot = lotOf([1, 2, 3], tenure)
  for (const index of [2, 2, 0, 0, 1, 1]) lot.settle(index)
  expect(heard).toBe(3)
})

test('in hand is what has been handed out, is not settled, and is not to be handed out again', () => {
  const law = property(
    array(constantFrom<'hand' | 'settle' | 'give back'>('hand', 'settle', 'give back'), { maxLength: 60 }),
    steps => {
      const lot = lotOf(Array.from({ length: 30 }, (_, index) => index))
      const inHand: number[] = []
      for (const step of steps) {
        if (step === 'hand' && lot.handed < lot.count) inHand.push(lot.handed++)
        const first = step === 'hand' ? undefined : inHand.shift()
        if (first === undefined) continue
        if (step === 'settle') lot.settle(first)
        else lot.giveBack(first)
        expect(lot.inHand).toBe(inHand.length)
      }
      expect(lot.inHand).toBe(inHand.length)
    },
  )
  const { failed, counterexample, seed } = check(law)
  expect(failed, `seed ${seed}: ${JSON.stringify(counterexample)}`).toBe(false)
})
