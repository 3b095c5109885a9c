import { describe, expect, test } from 'vitest'
import { faust, type Outcome } from './faust.js'

const workers = ['-A', 'fixtures/fleet.ts', 'worker', '--processes', '2', '--log-format', 'json']
const areReady = /("msg":"Ready"[^]*){2}/
const limitMs = 50_000

/** What the log lines with this message say besides. */
function lines({ stderr }: Outcome, message: string | RegExp): Record<string, unknown>[] {
  const all = stderr.trim().split('\n')
  const parsed = all.map(line => JSON.parse(line) as Record<string, unknown>)
  return parsed.filter(({ msg }) => (typeof message === 'string' ? msg === message : message.test(String(msg))))
}

function numbersOf(outcome: Outcome, message: string | RegExp): number[] {
  return lines(outcome, message)
    .map(({ worker }) => Number(worker))
    .sort((left, right) => left - right)
}

describe('faust worker --processes', { timeout: 60_000 }, () => {
  test('runs workers that say their number and have an instance id each; one signal stops all', async () => {
    const outcome = await faust(workers, { limitMs, signals: [[areReady, 'SIGINT']] })
    expect(outcome.code).toBe(0)
    expect(lines(outcome, 'Starting 2 workers of "fleet-app"')).toMatchObject([{ broker: 'separate:', processes: 2 }])
    expect(numbersOf(outcome, 'Starting a worker of "fleet-app"')).toEqual([1, 2])
    expect(numbersOf(outcome, 'Stopped')).toEqual([1, 2])
    expect(outcome.stdout.match(/is desk-1$/m) && outcome.stdout.match(/is desk-2$/m)).not.toBe(null)
  })

  test('the number stands in readable lines, too', async () => {
    const pretty = [...workers, '--log-format', 'pretty']
    const signals = [[/(Ready worker=[^]*){2}/, 'SIGTERM']] as const
    const { code, stderr } = await faust(pretty, { limitMs, signals })
    expect([code, stderr.match(/Stopped worker=\d/g)?.sort()]).toEqual([0, ['Stopped worker=1', 'Stopped worker=2']])
  })

  test('one that is killed is started again', async () => {
    let killed = ''
    const kill = (written: string): void => {
      killed = /pid (\d+) is desk-2/.exec(written)?.[1] ?? ''
      process.kill(Number(killed), 'SIGKILL')
    }
    const isBack = /("msg":"Ready"[^]*){3}/
    const signals = [
      [areReady, kill],
      [isBack, 'SIGTERM'],
    ] as const
    const outcome = await faust(workers, { limitMs, signals })
    expect(outcome.code).toBe(0)
    expect(lines(outcome, /^A worker has ended with signal SIGKILL/)).toMatchObject([{ worker: 2, restartInMs: 250 }])
    expect(numbersOf(outcome, 'Ready')).toEqual([1, 2, 2])
    const pids = [...outcome.stdout.matchAll(/pid (\d+) is desk-2/g)].map(([, pid]) => pid)
    expect([pids.length, pids[0]]).toEqual([2, killed])
  })

  test('the second signal kills what is still at work', async () => {
    const outcome = await faust(workers, {
      env: { ORDER: 'tea' },
      limitMs,
      signals: [
        [areReady, () => undefined],
        ['began tea', 'SIGINT'],
        ['Stopping', 'SIGTERM'],
      ],
    })
    expect(outcome.code).toBe(1)
    expect(lines(outcome, /^Stopping at once/)).toMatchObject([{ signal: 'SIGTERM' }])
  })

  test('workers whose parent was killed stop by themselves, cleanly', async () => {
    // The pipes are closed when the last of them has ended.
    const outcome = await faust(workers, { limitMs, signals: [[areReady, 'SIGKILL']] })
    expect(outcome.code).toBe(null)
    expect(numbersOf(outcome, 'Stopping: the process that has started this one is gone')).toEqual([1, 2])
    expect(numbersOf(outcome, 'Stopped')).toEqual([1, 2])
  })
})
