import { expect, test, vi } from 'vitest'
import { virtualClock } from '../testing/virtual-clock.js'
import { type Clock, nextTurn, sleep, systemClock, type TimerKind, waitAtMost } from './clock.js'
import { Deferred } from './deferred.js'

/** A clock whose single timer is rung by hand. */
function bell(): { clock: Clock; ring: () => void; isSet: () => boolean; kind: () => TimerKind | undefined } {
  let due: (() => void) | null = null
  let kindSet: TimerKind | undefined
  const after: Clock['after'] = (_delayMs, run, kind) => {
    due = run
    kindSet = kind
    return { cancel: () => void (due = null) }
  }
  return { clock: { ...systemClock, after }, ring: () => due?.(), isSet: () => due !== null, kind: () => kindSet }
}

test('the system clock tells wall time and a time that never goes back', () => {
  expect(systemClock.now()).toBeGreaterThan(Date.UTC(2024, 0))
  const earlier = systemClock.elapsed()
  expect(systemClock.elapsed()).toBeGreaterThanOrEqual(earlier)
})

test('a timer runs once its delay is over', async () => {
  const rung = new Deferred<number>()
  const start = systemClock.elapsed()
  systemClock.after(5, () => rung.resolve(systemClock.elapsed()), 'work')
  expect((await rung.promise) - start).toBeGreaterThan(3)
})

test('a cancelled timer does not run', async () => {
  const ran: string[] = []
  const rung = new Deferred<void>()
  const timer = systemClock.after(1, () => ran.push('cancelled'), 'work')
  systemClock.after(2, () => rung.resolve(), 'work')
  timer.cancel()
  timer.cancel()
  await rung.promise
  expect(ran).toEqual([])
})

test.each([2 ** 31 - 1, 2 ** 31, 2 ** 33 + 5])(
  'a delay of %d ms, longer than what Node can hold or nearly so, is kept',
  delayMs => {
    vi.useFakeTimers()
    const ran: string[] = []
    systemClock.after(delayMs, () => ran.push('in time'), 'background')
    systemClock.after(Infinity, () => ran.push('ever'), 'background').cancel()
    vi.advanceTimersByTime(delayMs - 1)
    expect(ran).toEqual([])
    vi.advanceTimersByTime(1)
    expect(ran).toEqual(['in time'])
    vi.useRealTimers()
  },
)

test('a long delay can still be cancelled after its first part', () => {
  vi.useFakeTimers()
  const ran: string[] = []
  const timer = systemClock.after(2 ** 32, () => ran.push('cancelled'), 'work')
  vi.advanceTimersByTime(2 ** 31)
  timer.cancel()
  vi.advanceTimersByTime(2 ** 33)
  expect(ran).toEqual([])
  vi.useRealTimers()
})

test('a turn comes after the microtasks that are waiting', async () => {
  const order: string[] = []
  const turned = nextTurn(systemClock).then(() => order.push('turn'))
  await Promise.resolve().then(() => order.push('microtask'))
  await turned
  expect(order).toEqual(['microtask', 'turn'])
})

test('a sleep ends with its timer and leaves no listener behind', async () => {
  const { clock, ring, kind } = bell()
  const controller = new AbortController()
  const removed: string[] = []
  const signal = controller.signal
  const remove = signal.removeEventListener.bind(signal)
  signal.removeEventListener = (...given: Parameters<typeof remove>) => {
    removed.push(given[0])
    remove(...given)
  }
  const slept = sleep(clock, 1000, { kind: 'service', signal })
  expect(kind()).toBe('service')
  ring()
  await expect(slept).resolves.toBeUndefined()
  expect(removed).toEqual(['abort'])
})

test('a sleep ends early when its signal aborts, and its timer is cancelled', async () => {
  const { clock, isSet } = bell()
  const controller = new AbortController()
  const slept = sleep(clock, 1000, { kind: 'work', signal: controller.signal })
  expect(isSet()).toBe(true)
  controller.abort()
  await expect(slept).resolves.toBeUndefined()
  expect(isSet()).toBe(false)
})

test('a sleep with a signal that has aborted sets no timer', async () => {
  const { clock, isSet } = bell()
  await sleep(clock, 1000, { kind: 'work', signal: AbortSignal.abort() })
  expect(isSet()).toBe(false)
})

test('any number may sleep until one signal: nobody is warned of a leak', async () => {
  const warnings: string[] = []
  const warn = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', warn)
  const stop = new AbortController()
  const sleeping = Array.from({ length: 40 }, () => sleep(systemClock, 60_000, { kind: 'work', signal: stop.signal }))
  await nextTurn(systemClock)
  stop.abort()
  await Promise.all(sleeping)
  process.off('warning', warn)
  expect(warnings).toEqual([])
})

test('watching the system clock does nothing, and neither does stopping', () => {
  const stop = systemClock.watch(() => expect.unreachable('the system clock never asks'))
  expect(stop()).toBeUndefined()
})

test('what is done in time is waited for, and leaves no timer behind', async () => {
  const clock = virtualClock()
  const done = new Deferred<void>()
  const waiting = waitAtMost(clock, 1000, done.promise)
  await clock.advance(999)
  done.resolve()
  expect(await waiting).toBe(true)
  expect(await waitAtMost(clock, 0, Promise.resolve())).toBe(true)
})

test('what takes longer is given up', async () => {
  const clock = virtualClock()
  const waiting = waitAtMost(clock, 1000, new Promise(() => undefined))
  await clock.advance(1000)
  expect(await waiting).toBe(false)
})

test('a failure is passed on; one that comes too late is nobody’s', async () => {
  const clock = virtualClock()
  await expect(waitAtMost(clock, 1000, Promise.reject(new RangeError('broken')))).rejects.toThrow('broken')
  const late = new Deferred<void>()
  const waiting = waitAtMost(clock, 10, late.promise)
  await clock.advance(10)
  expect(await waiting).toBe(false)
  late.reject(new RangeError('late'))
  await clock.settled()
})
