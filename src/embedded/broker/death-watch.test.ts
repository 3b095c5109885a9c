import { expect, test } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.js'
import { DeathWatch } from './death-watch.js'

function bench() {
  const clock = virtualClock()
  const dead = new Set<string>()
  const [looks, mourned] = [[] as number[], [] as string[]]
  const isDead = (process: string): boolean => (looks.push(clock.elapsed()), dead.has(process))
  const watch = new DeathWatch({ clock, isDead, onDead: process => void mourned.push(process) })
  return { clock, dead, looks, mourned, watch }
}

test('who is dead already is known at once', () => {
  const { dead, mourned, looks, watch } = bench()
  dead.add('a')
  watch.suspect('a')
  expect([mourned, looks]).toEqual([['a'], [0]])
})

test('who dies a moment later is known soon, once', async () => {
  const { clock, dead, mourned, watch } = bench()
  watch.suspect('a')
  await clock.advance(20)
  expect(mourned).toEqual([])
  dead.add('a')
  await clock.advance(100)
  expect(mourned).toEqual(['a'])
  await clock.advance(60_000)
  expect(mourned).toEqual(['a'])
})

test('who lives is left in peace after a few looks, also when many of its connections close', async () => {
  const { clock, looks, mourned, watch } = bench()
  for (let connection = 0; connection < 10; connection++) watch.suspect('a')
  await clock.advance(60_000)
  expect(looks).toEqual([...Array.from({ length: 10 }, () => 0), 10, 60, 310, 1310])
  expect(mourned).toEqual([])
})

test('nobody is looked at once it is stopped', async () => {
  const { clock, looks, watch } = bench()
  watch.suspect('a')
  watch.stop()
  watch.suspect('b')
  await clock.advance(60_000)
  expect(looks).toEqual([0])
})
