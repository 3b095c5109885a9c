import { describe, expect, test } from 'vitest'
import type { Host } from '../channel/host.js'
import { Deferred } from '../lib/deferred.js'
import { silentLogger } from '../lib/log.js'
import { Leadership } from './leader.js'
import { Tasks } from './tasks.js'

describe('a task', () => {
  test('runs at once, up to its first await, and for as long as it likes', () => {
    const scene = new Scene()
    const steps: string[] = []
    scene.tasks.start([{ name: 'one', onLeader: false, run: async () => void steps.push('runs') }])
    expect(steps).toEqual(['runs'])
  })

  test('that fails stops the worker, also when it throws before its first await', async () => {
    for (const run of [
      () => Promise.reject(new RangeError('broken')),
      () => {
        throw new RangeError('broken')
      },
    ]) {
      const scene = new Scene()
      scene.tasks.start([{ name: 'one', onLeader: false, run }])
      await scene.settled()
      expect(scene.failures).toEqual([new RangeError('broken')])
    }
  })

  test('hears of the stop, which waits for it; what it throws then is only told', async () => {
    const scene = new Scene()
    scene.tasks.start([
      {
        name: 'one',
        onLeader: false,
        run: async signal => {
          await new Promise(resolve => signal.addEventListener('abort', resolve))
          throw new RangeError('on the way out')
        },
      },
    ])
    expect(scene.tasks.running).toEqual(['task "one"'])
    await scene.tasks.stop()
    expect([scene.failures, scene.tasks.running]).toEqual([[], []])
    expect(scene.lines).toEqual(['Task "one" failed while it was being stopped'])
  })
})

describe('a task of the leader', () => {
  test('begins with each term, ends with it, and never overlaps itself', async () => {
    const scene = new Scene()
    const steps: string[] = []
    const ends: Deferred<void>[] = []
    const run = async (signal: AbortSignal): Promise<void> => {
      const term = steps.filter(step => step.startsWith('begin')).length
      steps.push(`begin ${term}`)
      signal.addEventListener('abort', () => steps.push(`told ${term}`))
      const end = new Deferred<void>()
      ends.push(end)
      await end.promise
      steps.push(`end ${term}`)
    }
    scene.tasks.start([{ name: 'one', onLeader: true, run }])
    expect(steps).toEqual([])
    scene.leadership.update(true)
    scene.leadership.update(false)
    scene.leadership.update(true)
    await scene.settled()
    expect(steps).toEqual(['begin 0', 'told 0'])
    ends[0]?.resolve()
    await scene.settled()
    expect(steps).toEqual(['begin 0', 'told 0', 'end 0', 'begin 1'])
    scene.leadership.update(false)
    ends[1]?.resolve()
    await scene.settled()
    expect(steps.slice(4)).toEqual(['told 1', 'end 1'])
  })

  test('does not begin for a term that was over before it could, nor after the stop', async () => {
    const scene = new Scene()
    let begun = 0
    const end = new Deferred<void>()
    const run = (): Promise<void> => {
      begun++
      return end.promise
    }
    scene.tasks.start([{ name: 'one', onLeader: true, run }])
    for (const isLeader of [true, false, true, false]) scene.leadership.update(isLeader)
    end.resolve()
    await scene.settled()
    expect(begun).toBe(1)
    await scene.tasks.stop()
    scene.leadership.update(true)
    await scene.settled()
    expect(begun).toBe(1)
  })
})

class Scene {
  readonly leadership = new Leadership()
  readonly failures: unknown[] = []
  readonly lines: string[] = []
  readonly tasks: Tasks

  constructor() {
    const log = { ...silentLogger, warn: (_facts: object, message: string) => void this.lines.push(message) }
    const host = { log, fail: (error: unknown) => void this.failures.push(error) } as unknown as Host
    this.tasks = new Tasks({ host, leadership: this.leadership, isScoped: false })
  }

  async settled(): Promise<void> {
    for (let left = 20; left > 0; left--) await Promise.resolve()
  }
}
