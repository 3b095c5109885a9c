import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from './clock.js'
import { TurnBudget } from './turn.js'

/** Time goes on by hand, turns come by hand, looks at the clock are counted. */
function handClock(): { clock: Clock; time: { ms: number; looks: number }; turn: () => void } {
  const time = { ms: 0, looks: 0 }
  const due: (() => void)[] = []
  const elapsed = (): number => (time.looks++, time.ms)
  const clock: Clock = { ...systemClock, elapsed, turn: run => void due.push(run) }
  return { clock, time, turn: () => due.splice(0).forEach(run => run()) }
}

function spent(budget: TurnBudget, afterEach: () => void = () => undefined): number {
  let events = 0
  while (budget.spend()) {
    events++
    afterEach()
  }
  return events
}

test('fast events are held after the number that a turn allows, with few looks at the clock', () => {
  const { clock, time } = handClock()
  expect(spent(new TurnBudget(clock), () => (time.ms += 0.001))).toBe(2048)
  expect(time.looks).toBeLessThan(42)
})

test('slow events are held after five milliseconds', () => {
  const { clock, time } = handClock()
  expect(spent(new TurnBudget(clock), () => (time.ms += 1))).toBe(5)
  expect(spent(new TurnBudget(clock), () => (time.ms += 100))).toBe(1)
})

test('events that turn slow in the middle of a turn overrun by one stride at most, then are watched one by one', () => {
  const { clock, time } = handClock()
  let events = 0
  const budget = new TurnBudget(clock, { events: 10_000, ms: 200 })
  expect(spent(budget, () => (time.ms += ++events > 500 ? 1 : 0.001))).toBeLessThanOrEqual(500 + 200 + 1)
})

test('whatever the durations, no turn hands out more than its events, nor goes on past its time by more than 64 events', () => {
  const durations = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(durations, fc.integer({ min: 1, max: 500 }), (pattern, limit) => {
      const { clock, time } = handClock()
      let [events, late] = [0, 0]
      spent(new TurnBudget(clock, { events: limit, ms: 5 }), () => {
        if (time.ms >= 5) late++
        time.ms += pattern[events++ % pattern.length] ?? 0
      })
      expect(events).toBeLessThanOrEqual(limit)
      expect(late).toBeLessThanOrEqual(64)
    }),
  )
})

test('a used-up budget stays used up until the next turn, then all who wait go on together', async () => {
  const { clock, turn } = handClock()
  const budget = new TurnBudget(clock, { events: 2, ms: 5 })
  expect([budget.spend(), budget.spend(), budget.spend(), budget.spend()]).toEqual([true, true, false, false])
  const renewed = budget.renewed()
  expect(budget.renewed()).toBe(renewed)
  turn()
  await renewed
  expect([budget.spend(), budget.spend(), budget.spend()]).toEqual([true, true, false])
  expect(budget.renewed()).not.toBe(renewed)
})

test('time in which the loop turned does not count', () => {
  const { clock, time, turn } = handClock()
  const budget = new TurnBudget(clock)
  for (let i = 0; i < 10; i++) {
    expect(budget.spend()).toBe(true)
    time.ms += 100
    turn()
  }
})

test('waiting for a new turn needs no event before', async () => {
  await expect(new TurnBudget(systemClock).renewed()).resolves.toBeUndefined()
})
