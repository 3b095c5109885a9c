import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deferred } from '../lib/deferred.js'
import { askMany, type Answer } from './ask-many.js'

test('every item is asked once, and every answer comes with its index, in the order of the answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 50 }), async delays => {
      const asked: number[] = []
      const ask = async (index: number): Promise<number> => {
        asked.push(index)
        for (let left = delays[index] as number; left > 0; left--) await Promise.resolve()
        return index * 10
      }
      const answers = await all(askMany({ items: delays.keys(), ask, abandon: () => undefined }))
      expect(asked).toEqual([...delays.keys()])
      expect(answers.map(({ index }) => index).toSorted((left, right) => left - right)).toEqual(asked)
      for (const { index, value } of answers) expect(value).toBe(index * 10)
    }),
  )
})

test('at most a thousand are under way, and the input is read on as answers are taken', async () => {
  const open: Deferred<number>[] = []
  const ask = (): Promise<number> => {
    const deferred = new Deferred<number>()
    open.push(deferred)
    return deferred.promise
  }
  const answers = askMany({ items: Array.from({ length: 2500 }, (_, n) => n), ask, abandon: () => undefined })
  const first = answers.next()
  await settled()
  expect(open.length).toBe(1000)
  for (const deferred of open) deferred.resolve(1)
  expect((await first).value).toEqual({ index: 0, value: 1 })
  await settled()
  // One was taken; 999 answers wait to be.
  expect(open.length).toBe(1001)
})

test('the first failure is thrown with its index, whatever comes after it, and nothing is asked any more', async () => {
  let asked = 0
  let isAbandoned = false
  const ask = async (n: number): Promise<number> => {
    asked++
    if (n >= 3) throw new RangeError(`item ${n}`)
    return await Promise.resolve(n)
  }
  const abandon = (): void => {
    isAbandoned = true
  }
  const error: unknown = await all(askMany({ items: endless(), ask, abandon })).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ message: 'item 3', index: 3 })
  expect(isAbandoned).toBe(true)
  const total = asked
  await settled()
  expect(asked).toBe(total)
  expect(asked).toBeLessThan(20)
})

test('nothing is asked after a failure, also while nobody takes', async () => {
  const more = new Deferred<void>()
  const asked: number[] = []
  const items = (async function* () {
    yield* [0, 1]
    await more.promise
    yield* [2, 3]
  })()
  const ask = async (n: number): Promise<number> => {
    asked.push(n)
    if (n === 1) throw new RangeError('item 1')
    return await Promise.resolve(n)
  }
  const answers = askMany({ items, ask, abandon: () => undefined })
  expect((await answers.next()).value).toEqual({ index: 0, value: 0 })
  await settled()
  more.resolve()
  await settled()
  expect(asked).toEqual([0, 1])
  await expect(answers.next()).rejects.toThrow('item 1')
})

test('an error that many items share keeps the index of the first', async () => {
  const shared = new RangeError('the broker is gone')
  const items = [0, 1, 2]
  const error: unknown = await all(askMany({ items, ask: () => Promise.reject(shared), abandon: () => undefined })).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBe(shared)
  expect(error).toHaveProperty('index', 0)
})

test('leaving closes the input and waits for it to be closed', async () => {
  const story: string[] = []
  const items = (async function* () {
    try {
      for (;;) yield 1
    } finally {
      await Promise.resolve()
      story.push('closed')
    }
  })()
  for await (const answer of askMany({ items, ask: n => Promise.resolve(n), abandon: () => story.push('abandoned') })) {
    expect(answer.value).toBe(1)
    break
  }
  story.push('left')
  expect(story).toEqual(['abandoned', 'closed', 'left'])
})

test('an input that has ended by itself is not closed again', async () => {
  let closed = 0
  const input = [1, 2][Symbol.iterator]()
  const items = {
    [Symbol.iterator]: () => ({
      next: () => input.next(),
      return: () => {
        closed++
        return { value: undefined, done: true as const }
      },
    }),
  }
  expect(await all(askMany({ items, ask: n => Promise.resolve(n), abandon: () => undefined }))).toHaveLength(2)
  expect(closed).toBe(0)
})

function* endless(): Generator<number> {
  for (let n = 0; ; n++) yield n
}

async function all(answers: AsyncIterable<Answer>): Promise<Answer[]> {
  const taken: Answer[] = []
  for await (const answer of answers) taken.push(answer)
  return taken
}

/** Long enough for every chain of promises here to come to its end. */
async function settled(): Promise<void> {
  for (let left = 20_000; left > 0; left--) await Promise.resolve()
}
