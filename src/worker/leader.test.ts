import { expect, test } from 'vitest'
import { Leadership } from './leader.js'

test('nobody leads before an assignment says so', () => {
  const leadership = new Leadership()
  expect(leadership.isLeader).toBe(false)
  expect(leadership.signal().aborted).toBe(true)
})

test('the signal of a term fires when it ends, and a new term has a new one', () => {
  const leadership = new Leadership()
  leadership.update(true)
  const first = leadership.signal()
  leadership.update(true)
  expect(leadership.signal()).toBe(first)
  expect(first.aborted).toBe(false)
  leadership.update(false)
  expect(first.aborted).toBe(true)
  leadership.update(true)
  expect(leadership.isLeader).toBe(true)
  expect(leadership.signal().aborted).toBe(false)
  expect(first.aborted).toBe(true)
})

test('listeners hear of changes only, until they stop listening', () => {
  const leadership = new Leadership()
  const heard: boolean[] = []
  const stop = leadership.onChange(isLeader => heard.push(isLeader))
  for (const isLeader of [false, true, true, false]) leadership.update(isLeader)
  stop()
  stop()
  leadership.update(true)
  expect(heard).toEqual([true, false])
})

test('a listener that looks sees the state it was told', () => {
  const leadership = new Leadership()
  const seen: boolean[] = []
  leadership.onChange(isLeader => seen.push(isLeader === leadership.isLeader && isLeader === !leadership.signal().aborted))
  leadership.update(true)
  leadership.update(false)
  expect(seen).toEqual([true, true])
})
