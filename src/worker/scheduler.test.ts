import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import type { Logger } from '../lib/log.js'
import { traces } from '../lib/trace.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { atTimes, every, Scheduler, type TimerDeclaration } from './scheduler.js'

describe('a timer', () => {
  test('ticks first after one interval, then at every further one, counted from the start', async () => {
    const scene = new Scene()
    const ticks = scene.start({ next: every(1000) })
    await scene.clock.advance(999)
    expect(ticks).toEqual([])
    await scene.clock.advance(3001)
    expect(ticks).toEqual([1000, 2000, 3000, 4000])
  })

  test('does not drift when its runs take time', async () => {
    const scene = new Scene()
    const ticks = scene.start({ next: every(1000), run: () => scene.rest(300) })
    await scene.clock.advance(5000)
    expect(ticks).toEqual([1000, 2000, 3000, 4000, 5000])
  })

  test('never overlaps itself: a tick that comes too soon is skipped, counted and told', async () => {
    const scene = new Scene()
    const told: unknown[] = []
    const hear = (facts: unknown): void => void told.push(facts)
    traces.lateTick.subscribe(hear)
    const ticks = scene.start({ name: 'slow', next: every(1000), run: () => scene.rest(2500) })
    await scene.clock.advance(8000)
    traces.lateTick.unsubscribe(hear)
    expect(ticks).toEqual([1000, 4000, 7000])
    expect(scene.scheduler.late.get('slow')).toBe(5)
    expect(told).toHaveLength(5)
    expect(scene.lines.at(-1)).toBe('warn Timer "slow" is still running: this tick is skipped')
  })

  test('what a suspended machine has missed is not made up for', async () => {
    const scene = new Scene()
    const ticks = scene.start({ next: every(1000) })
    await scene.clock.advance(1500)
    scene.clock.jump(10_000)
    await scene.clock.advance(2000)
    expect(ticks).toEqual([1000, 12_000, 13_000])
  })

  test.for(['throws', 'rejects'])('whose run %s is reported, and runs again at its next time', async how => {
    const scene = new Scene()
    const run = (): unknown => {
      if (how === 'throws') throw new RangeError('broken')
      return Promise.reject(new RangeError('broken'))
    }
    const ticks = scene.start({ name: 'broken', next: every(1000), run })
    await scene.clock.advance(2000)
    expect(ticks).toEqual([1000, 2000])
    expect(scene.lines).toEqual(Array(2).fill('error Timer "broken" failed; it runs again at its next time'))
  })

  test('of the leader only runs where this worker leads, asked at every tick', async () => {
    const scene = new Scene()
    const ticks = scene.start({ next: every(1000), onLeader: true })
    await scene.clock.advance(2000)
    scene.isLeader = true
    await scene.clock.advance(2000)
    scene.isLeader = false
    await scene.clock.advance(2000)
    expect(ticks).toEqual([3000, 4000])
  })

  test('gets a signal: the stop’s, or on the leader the term’s', async () => {
    const scene = new Scene()
    scene.isLeader = true
    const signals: AbortSignal[] = []
    const run = (signal: AbortSignal): void => void signals.push(signal)
    scene.start({ next: every(1000), run }, { next: every(1000), onLeader: true, run })
    await scene.clock.advance(1000)
    expect(signals[1]).toBe(scene.term.signal)
    expect(signals[0]?.aborted).toBe(false)
    await scene.scheduler.stop()
    expect(signals[0]?.aborted).toBe(true)
  })

  test('that is stopped ticks no more; a run that is under way is waited for', async () => {
    const scene = new Scene()
    const going = new Deferred<void>()
    const ticks = scene.start({ name: 'going', next: every(1000), run: () => going.promise })
    const idle = scene.start({ next: every(1000) })
    await scene.clock.advance(1000)
    let isStopped = false
    void scene.scheduler.stop().then(() => (isStopped = true))
    await scene.clock.advance(5000)
    expect([isStopped, scene.scheduler.running, ticks]).toEqual([false, ['timer "going"'], [1000]])
    going.resolve()
    await scene.clock.settled()
    expect([isStopped, scene.scheduler.running]).toEqual([true, []])
    const late = scene.start({ next: every(1000) })
    await scene.clock.advance(5000)
    expect([ticks, idle, late]).toEqual([[1000], [1000], []])
  })
})

describe('a crontab', () => {
  test('ticks at the times of its pattern, in UTC unless a zone is named', () => {
    const utc = times('30 6 * * 1', undefined, '2025-01-01T00:00:00Z')
    expect(utc(2)).toEqual(['2025-01-06T06:30:00.000Z', '2025-01-13T06:30:00.000Z'])
    const oslo = times('30 6 * * 1', 'Europe/Oslo', '2025-01-01T00:00:00Z')
    expect(oslo(1)).toEqual(['2025-01-06T05:30:00.000Z'])
    const tokyo = times('0 0 1 * *', 'Asia/Tokyo', '2025-01-01T00:00:00Z')
    expect(tokyo(1)).toEqual(['2025-01-31T15:00:00.000Z'])
  })

  test('takes seconds where there are six fields', () => {
    expect(times('*/20 * * * * *', undefined, '2025-01-01T00:00:05Z')(2)).toEqual([
      '2025-01-01T00:00:20.000Z',
      '2025-01-01T00:00:40.000Z',
    ])
  })

  test('what summer time leaves out comes once, when the clocks change', () => {
    // On 2025-03-30 Oslo’s clocks go from 02:00 to 03:00.
    expect(times('30 2 * * *', 'Europe/Oslo', '2025-03-29T00:00:00Z')(3)).toEqual([
      '2025-03-29T01:30:00.000Z',
      '2025-03-30T01:00:00.000Z',
      '2025-03-31T00:30:00.000Z',
    ])
  })

  test('a time that comes twice when summer time ends ticks once', () => {
    // On 2025-10-26 Oslo’s clocks go from 03:00 back to 02:00.
    expect(times('30 2 * * *', 'Europe/Oslo', '2025-10-25T00:00:00Z')(3)).toEqual([
      '2025-10-25T00:30:00.000Z',
      '2025-10-26T00:30:00.000Z',
      '2025-10-27T01:30:00.000Z',
    ])
  })

  test('patterns with several times in the hour follow the clocks: left out in spring, twice in autumn', () => {
    const spring = times('*/30 2 * * *', 'Europe/Oslo', '2025-03-30T00:00:00Z')(2)
    expect(spring).toEqual(['2025-03-31T00:00:00.000Z', '2025-03-31T00:30:00.000Z'])
    const autumn = times('*/30 2 * * *', 'Europe/Oslo', '2025-10-25T22:00:00Z')(5)
    expect(autumn.map(time => time.slice(8, 16))).toEqual(['26T00:00', '26T00:30', '26T01:00', '26T01:30', '27T01:00'])
  })

  test('every hour stays every hour across both', () => {
    const autumn = times('0 * * * *', 'Europe/Oslo', '2025-10-25T22:30:00Z')(5).map(time => time.slice(11, 13))
    expect(autumn).toEqual(['23', '00', '01', '02', '03'])
    const spring = times('0 * * * *', 'Europe/Oslo', '2025-03-29T22:30:00Z')(5).map(time => time.slice(11, 13))
    expect(spring).toEqual(['23', '00', '01', '02', '03'])
  })

  test('the same on a clock: each of them ticks when it is due', async () => {
    const scene = new Scene(Date.UTC(2025, 2, 29))
    const ticks = scene.start({ next: atTimes('30 2 * * *', 'Europe/Oslo', 'nightly') })
    await scene.clock.advance('3d')
    const start = Date.UTC(2025, 2, 29)
    expect(ticks.map(ms => new Date(start + ms).toISOString())).toEqual([
      '2025-03-29T01:30:00.000Z',
      '2025-03-30T01:00:00.000Z',
      '2025-03-31T00:30:00.000Z',
    ])
  })

  test('a pattern that never comes again does not tick', async () => {
    const scene = new Scene()
    const ticks = scene.start({ next: atTimes('0 0 30 2 *', undefined, 'never') })
    await scene.clock.advance('30d')
    expect(ticks).toEqual([])
  })

  test.for([
    ['whenever', undefined],
    ['61 * * * *', undefined],
    ['* * * * *', 'Europe/Atlantis'],
    ['', undefined],
  ] as const)('%j in zone %j is refused, and named', ([pattern, zone]) => {
    expect(() => atTimes(pattern, zone, 'nightly')).toThrow(OptionError)
    expect(() => atTimes(pattern, zone, 'nightly')).toThrow(/^Crontab "nightly": cannot read at: '/)
  })
})

/** The next times after one, in words. */
function times(pattern: string, zone: string | undefined, after: string): (count: number) => string[] {
  const next = atTimes(pattern, zone, 'test')
  return count => {
    const found: number[] = [Date.parse(after)]
    for (let left = count; left > 0; left--) found.push(next(found.at(-1) ?? 0) ?? 0)
    return found.slice(1).map(ms => new Date(ms).toISOString())
  }
}

class Scene {
  readonly clock: VirtualClock & { jump(ms: number): void }
  readonly scheduler: Scheduler
  readonly lines: string[] = []
  readonly term = new AbortController()
  isLeader = false

  constructor(start?: number) {
    this.clock = jumping(start)
    const write = (level: string) => (_facts: object, message: string) => void this.lines.push(`${level} ${message}`)
    const log: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => log,
    }
    const leading = { isLeader: () => this.isLeader, leaderSignal: () => this.term.signal }
    this.scheduler = new Scheduler({ clock: this.clock, log, ...leading })
  }

  /** Starts timers; what is returned grows with their ticks, in milliseconds since the clock began. */
  start(...timers: (Pick<TimerDeclaration, 'next'> & Partial<TimerDeclaration>)[]): number[] {
    const ticks: number[] = []
    this.scheduler.start(
      timers.map(({ run, ...timer }) => ({
        name: 'timer',
        onLeader: false,
        ...timer,
        run: signal => {
          ticks.push(this.clock.elapsed())
          return run?.(signal)
        },
      })),
    )
    return ticks
  }

  rest(ms: number): Promise<void> {
    return new Promise(resolve => void this.clock.after(ms, resolve, 'background'))
  }
}

/** A virtual clock that can lose time, as that of a suspended machine does: timers run on as if nothing had been. */
function jumping(start: number | undefined): VirtualClock & { jump(ms: number): void } {
  const clock = virtualClock(start === undefined ? {} : { start })
  const now = clock.now.bind(clock)
  const elapsed = clock.elapsed.bind(clock)
  let aheadMs = 0
  return Object.assign(clock, {
    now: () => now() + aheadMs,
    elapsed: () => elapsed() + aheadMs,
    jump: (ms: number) => void (aheadMs += ms),
  })
}
