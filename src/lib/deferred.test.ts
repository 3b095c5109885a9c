import { expect, test } from 'vitest'
import { Deferred } from './deferred.js'

test('is settled from outside, once', async () => {
  const kept = new Deferred<number>()
  expect(kept.isSettled).toBe(false)
  kept.resolve(1)
  kept.resolve(2)
  kept.reject(new TypeError('too late'))
  expect(kept.isSettled).toBe(true)
  expect(await kept.promise).toBe(1)
})

test('rejects with what it is given', async () => {
  const broken = new Deferred<number>()
  broken.reject('because')
  expect(broken.isSettled).toBe(true)
  await expect(broken.promise).rejects.toBe('because')
})
