import fc from 'fast-check'
import { expect, test } from 'vitest'
import { virtualClock } from '../testing/virtual-clock.js'
import { knownSupervision, oneForAll, oneForOne, RestartBudget } from './supervisor.js'

test('never more restarts than allowed fall into any window, and none is refused that there was room for', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 })
  const limits = fc.record({ restarts: fc.integer({ min: 0, max: 5 }), within: fc.integer({ min: 1, max: 1000 }) })
  fc.assert(
    fc.property(limits, gaps, ({ restarts, within }, waits) => {
      const clock = virtualClock()
      const budget = new RestartBudget(knownSupervision(oneForOne({ restarts, within })), clock)
      const granted: number[] = []
      for (const waitMs of waits) {
        clock.skip(waitMs)
        const recent = granted.filter(at => at > clock.now() - within).length
        const isGranted = budget.spend(true)
        expect(isGranted).toBe(recent < restarts)
        if (isGranted) granted.push(clock.now())
      }
    }),
  )
})

test('unless restarts is named, failures on events are free', () => {
  const budget = new RestartBudget(knownSupervision(oneForAll({ within: '1s' })), virtualClock())
  for (let count = 0; count < 1000; count++) expect(budget.spend(true)).toBe(true)
  for (let count = 0; count < 100; count++) expect(budget.spend(false)).toBe(true)
  expect(budget.spend(false)).toBe(false)
  expect(budget.spend(true)).toBe(true)
})

test('without a supervisor it is oneForOne, a hundred within a second', () => {
  expect(knownSupervision(undefined)).toEqual({ strategy: 'one-for-one', restarts: 100, withinMs: 1000, countsAll: false })
})
