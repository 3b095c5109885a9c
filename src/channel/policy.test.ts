import { expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { crash, deadLetter, knownPolicy, retry, skip } from './policy.js'

test('every policy is known by its kind', () => {
  expect([skip(), crash(), deadLetter()].map(policy => knownPolicy(policy).policy)).toEqual(['skip', 'crash', 'dead-letter'])
  expect(knownPolicy(retry({ attempts: 3, backoff: '2s', then: deadLetter() }))).toMatchObject({
    attempts: 3,
    backoffMs: 2000,
    then: { policy: 'dead-letter' },
  })
  expect(knownPolicy(retry({ attempts: 1 }))).toMatchObject({ backoffMs: 100, then: { policy: 'skip' } })
})

test('what makes no sense is refused where it is written', () => {
  for (const attempts of [0, -1, 1.5, Number.NaN]) expect(() => retry({ attempts })).toThrow(OptionError)
  expect(() => retry({ attempts: 2, backoff: 'soon' as '1s' })).toThrow(/retry\(\{ backoff \}\)/)
  for (const policy of [{ policy: 'ignore' }, null, 'skip']) {
    expect(() => knownPolicy(policy as { policy: string })).toThrow(/onError must be skip\(\), retry/)
  }
})
