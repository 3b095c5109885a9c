import { expect, test } from 'vitest'
import { systemClock, type Clock } from '../lib/clock.js'
import { silentLogger, type Logger } from '../lib/log.js'
import { LoopWatch } from './loop-watch.js'

test('a loop that is held up for a second or more is reported, with how long and who was at work', () => {
  const scene = new Scene(['agent "parsing"', 'timer "nightly"'])
  scene.tick(500)
  scene.tick(1400)
  expect(scene.lines).toEqual([])
  scene.tick(3700)
  expect(scene.lines).toEqual([
    'The event loop was held up for 3.2s: no heartbeat could be sent. At work: agent "parsing", timer "nightly". ' +
      'Long computations belong into a worker thread, or into pieces with an await between them.',
  ])
  expect(scene.facts).toEqual([{ delayMs: 3200, atWork: ['agent "parsing"', 'timer "nightly"'] }])
})

test('each time anew, counted from the last look', () => {
  const scene = new Scene([])
  for (const ms of [1500, 500, 1500, 900]) scene.tick(ms)
  expect(scene.lines.map(line => line.slice(0, 62))).toEqual(
    Array(2).fill('The event loop was held up for 1s: no heartbeat could be sent.'),
  )
})

test('stopped, it looks no more', () => {
  const scene = new Scene([])
  scene.tick(500)
  scene.watch.stop()
  expect(scene.isWaiting).toBe(false)
})

/** A watch on a clock whose timer comes when it is told to. */
class Scene {
  readonly watch: LoopWatch
  readonly lines: string[] = []
  readonly facts: object[] = []
  #nowMs = 0
  #due: (() => void) | null = null

  constructor(atWork: readonly string[]) {
    const log: Logger = {
      ...silentLogger,
      warn: (facts, message) => {
        this.facts.push(facts)
        this.lines.push(message)
      },
    }
    const after: Clock['after'] = (_delayMs, run) => {
      this.#due = run
      return { cancel: () => void (this.#due = null) }
    }
    this.watch = new LoopWatch({ clock: { ...systemClock, elapsed: () => this.#nowMs, after }, log, atWork: () => atWork })
    this.watch.start()
  }

  /** So much time passes before the loop gets round to its timers. */
  tick(ms: number): void {
    this.#nowMs += ms
    this.#due?.()
  }

  get isWaiting(): boolean {
    return this.#due !== null
  }
}
