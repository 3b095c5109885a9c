import { describe, expect, test } from 'vitest'
import { faust } from './faust.js'

const worker = ['-A', 'fixtures/slow.ts', 'worker', '-l', 'info', '--log-format', 'json']

describe.concurrent('faust worker', () => {
  test('says what it runs, and stops at a signal when what is in hand is finished', async () => {
    const { code, stdout, stderr } = await faust(worker, { signals: [['began', 'SIGTERM']] })
    expect([stdout, code]).toEqual(['began tea\nended tea\n', 0])
    const lines = stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    expect(lines[0]).toMatchObject({
      broker: 'memory:',
      agents: ['slow'],
      topics: ['orders'],
      msg: 'Starting a worker of "slow-app"',
    })
    expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['Ready', 'Stopped']))
  })

  test('stops at once at the second signal', async () => {
    const { code, stdout } = await faust(worker, {
      signals: [
        ['began', 'SIGINT'],
        ['Stopping', 'SIGINT'],
      ],
    })
    expect([stdout, code]).toEqual(['began tea\n', 1])
  })

  test('ends with what brings it down', async () => {
    const { code, stderr } = await faust([...worker, '--log-format', 'pretty', '-l', 'error'], { env: { ORDER: 'poison' } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/The worker has come down.*TypeError: the order is poisoned/)
  })
})
