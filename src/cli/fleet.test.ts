import { expect, test } from 'vitest'
import type { Logger } from '../index.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { Fleet, type Child, type ChildEvents } from './fleet.js'

/** A child process that does what the test says. */
class Puppet implements Child {
  readonly signals: NodeJS.Signals[] = []
  readonly number: number
  readonly events: ChildEvents

  constructor(number: number, events: ChildEvents) {
    this.number = number
    this.events = events
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal)
  }
}

interface Scene {
  readonly fleet: Fleet
  readonly clock: VirtualClock
  readonly launched: Puppet[]
  readonly lines: string[]
  /** The exit code, once there is one. */
  readonly code: () => Promise<number | 'running'>
}

function scene(count: number): Scene {
  const clock = virtualClock()
  const launched: Puppet[] = []
  const lines: string[] = []
  const write = (facts: object, message: string): void => void lines.push(`${message} ${JSON.stringify(facts)}`)
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
  const launch = (number: number, events: ChildEvents): Child => {
    const puppet = new Puppet(number, events)
    launched.push(puppet)
    return puppet
  }
  const fleet = new Fleet({ count, launch, clock, log })
  const code = (): Promise<number | 'running'> => Promise.race([fleet.ended, Promise.resolve('running' as const)])
  return { fleet, clock, launched, lines, code }
}

test('each worker has its number; the fleet ends when the last of them has ended', async () => {
  const { launched, clock, code, lines } = scene(3)
  expect(launched.map(({ number }) => number)).toEqual([1, 2, 3])
  launched[2]?.events.ended(null)
  launched[0]?.events.ended(null)
  await clock.advance('1h')
  expect(await code()).toBe('running')
  launched[1]?.events.ended(null)
  expect(await code()).toBe(0)
  expect([launched.length, lines]).toEqual([3, []])
})

test('one that dies is started again, each time after a longer wait, until it has been at work for long', async () => {
  const { launched, clock, lines } = scene(2)
  const waits = [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]
  for (const [index, wait] of waits.entries()) {
    const child = launched.at(index === 0 ? 0 : -1)
    child?.events.ready()
    await clock.advance(9999)
    child?.events.ended('signal SIGKILL')
    await clock.advance(wait - 1)
    expect(launched).toHaveLength(index + 2)
    await clock.advance(1)
    expect(launched).toHaveLength(index + 3)
    expect(launched.at(-1)?.number).toBe(1)
  }
  expect(lines[1]).toBe('A worker has ended with signal SIGKILL: it is started again {"worker":1,"restartInMs":500}')
  launched.at(-1)?.events.ready()
  await clock.advance(10_000)
  launched.at(-1)?.events.ended('exit code 1')
  await clock.advance(250)
  expect(launched).toHaveLength(waits.length + 3)
})

test('one that never gets to work is given up, and the others are stopped', async () => {
  const { launched, clock, lines, code } = scene(2)
  for (let starts = 1; starts <= 4; starts++) {
    launched.at(starts === 1 ? 0 : -1)?.events.ended('exit code 1')
    await clock.advance('10s')
  }
  expect([launched.length, launched[1]?.signals]).toEqual([6, []])
  launched.at(-1)?.events.ended('exit code 7')
  expect(launched[1]?.signals).toEqual(['SIGTERM'])
  expect(lines.at(-1)).toMatch(/^A worker cannot start: it has ended 5 times before .* exit code 7\..*{"worker":1}$/)
  await clock.advance('1h')
  expect([launched.length, await code()]).toEqual([6, 'running'])
  launched[1]?.events.ended(null)
  expect(await code()).toBe(1)
})

test('false starts count in a row', async () => {
  const { launched, clock, code } = scene(1)
  for (let starts = 1; starts <= 20; starts++) {
    if (starts % 5 === 0) launched.at(-1)?.events.ready()
    launched.at(-1)?.events.ended('exit code 1')
    await clock.advance('10s')
  }
  expect([launched.length, await code()]).toEqual([21, 'running'])
})

test('a signal goes to all, and nothing is started any more', async () => {
  const { fleet, launched, clock, code } = scene(3)
  launched[0]?.events.ready()
  launched[0]?.events.ended('signal SIGKILL')
  fleet.stop('SIGINT')
  fleet.stop('SIGKILL')
  expect(launched.map(({ signals }) => signals)).toEqual([[], ['SIGINT', 'SIGKILL'], ['SIGINT', 'SIGKILL']])
  launched[1]?.events.ended(null)
  launched[2]?.events.ended(null)
  expect(await code()).toBe(0)
  await clock.advance('1h')
  expect(launched).toHaveLength(3)
})

test('one that does not stop cleanly makes the exit code 1', async () => {
  const { fleet, launched, clock, code } = scene(2)
  fleet.stop('SIGTERM')
  launched[0]?.events.ended('exit code 1')
  launched[1]?.events.ended(null)
  expect(await code()).toBe(1)
  await clock.advance('1h')
  expect(launched).toHaveLength(2)
})
