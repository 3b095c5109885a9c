import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { type Duration, formatMs, toMs } from './duration.js'

test('numbers are milliseconds, text has a unit', () => {
  const cases: [Duration, number][] = [
    [250, 250],
    [0, 0],
    ['250ms', 250],
    ['5s', 5000],
    ['1.5h', 5_400_000],
    ['2m', 120_000],
    ['7d', 604_800_000],
  ]
  for (const [duration, ms] of cases) expect(toMs(duration, 'within')).toBe(ms)
})

test('anything else throws and names the option, what was given and what was expected', () => {
  const wrong = [-1, NaN, Infinity, '5 sec', '', '10', '-3s', '1e3ms', ' 5s', '5w', null, undefined, true, {}, 5n] as Duration[]
  for (const duration of wrong) expect(() => toMs(duration, 'within')).toThrow(OptionError)
  expect(() => toMs('5 sec' as Duration, 'within')).toThrow(
    `Cannot use '5 sec' as 'within': expected a duration such as '10s', '1.5h' or 250 (a number is milliseconds; the units are ms, s, m, h and d).`,
  )
})

test('milliseconds are shown for people', () => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [0.4321, '0.432ms'],
    [250, '250ms'],
    [999.7, '1s'],
    [1250, '1.25s'],
    [30_000, '30s'],
    [59_999, '1m'],
    [100_000, '1m 40s'],
    [3_600_000, '1h'],
    [7_500_000, '2h 5m'],
    [183_600_000, '2d 3h'],
    [-1250, '-1.25s'],
    [Infinity, 'for ever'],
  ]
  for (const [ms, text] of cases) expect(formatMs(ms)).toBe(text)
})

test('what is shown of a whole number of one unit reads back', () => {
  const units: [number, number][] = [
    [1, 999],
    [1000, 59],
    [60_000, 59],
    [3_600_000, 23],
    [86_400_000, 400],
  ]
  for (const [unitMs, most] of units) {
    fc.assert(fc.property(fc.integer({ min: 1, max: most }), n => toMs(formatMs(n * unitMs) as Duration, 'x') === n * unitMs))
  }
})
