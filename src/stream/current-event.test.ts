import { expect, test } from 'vitest'
import { nextTurn, systemClock } from '../lib/clock.js'
import { currentBody, enterBody, leaveBody, type BodyScope } from './current-event.js'
import { Hands } from './hands.js'

function bodyOf(host: string): BodyScope {
  return {
    host,
    hands: new Hands(),
    onUnanswered: null,
    claim: (_name, open) => open(),
    hopFailed: () => Promise.resolve(),
  }
}

test('without a scope a body is known while it starts, up to its first await', async () => {
  const body = bodyOf('a')
  expect(currentBody()).toBeNull()
  const seen = await enterBody(body, false, async () => {
    const before = currentBody()
    await nextTurn(systemClock)
    return [before, currentBody()]
  })
  expect(seen).toEqual([body, null])
  expect(currentBody()).toBeNull()
})

test('a body that starts another one is itself again afterwards, also when that one throws', () => {
  const [outer, inner] = [bodyOf('outer'), bodyOf('inner')]
  enterBody(outer, false, () => {
    expect(enterBody(inner, false, currentBody)).toBe(inner)
    expect(() =>
      enterBody(inner, false, () => {
        throw new RangeError('no')
      }),
    ).toThrow('no')
    expect(currentBody()).toBe(outer)
    expect(leaveBody(currentBody)).toBeNull()
    expect(currentBody()).toBe(outer)
  })
})

test('in a scope each of many bodies is known to its own code, across awaits and timers', async () => {
  const bodies = Array.from({ length: 20 }, (_, index) => bodyOf(`body ${index}`))
  const wrong: unknown[] = []
  const run = async (body: BodyScope): Promise<void> => {
    for (let step = 0; step < 50; step++) {
      if (currentBody() !== body) wrong.push(currentBody())
      await (step % 2 === 0 ? nextTurn(systemClock) : Promise.resolve())
    }
  }
  await Promise.all(bodies.map(body => enterBody(body, true, () => run(body))))
  expect(wrong).toEqual([])
  expect(currentBody()).toBeNull()
})

test('what is run on nobody’s behalf stays so', async () => {
  const seen = await enterBody(bodyOf('a'), true, () =>
    leaveBody(async () => {
      await nextTurn(systemClock)
      return currentBody()
    }),
  )
  expect(seen).toBeNull()
})
