import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Topic } from 'faust-ts'
import { afterAll, describe, expect, test } from 'vitest'
import { execute } from '../../src/cli/execute.js'
import { faust, Program, type Outcome, type Surroundings } from './faust.js'
import { doublingApp } from './fixtures/doubling.js'

const app = ['-A', fileURLToPath(new URL('fixtures/doubling.ts', import.meta.url))]
const root = realpathSync(mkdtempSync(join(tmpdir(), 'faust-embedded-')))
afterAll(() => rmSync(root, { recursive: true }))

/** A working directory. The broker of what is started in it is its folder .faust, as for everybody who names none. */
class Place {
  readonly cwd: string = mkdtempSync(join(root, 'place-'))
  readonly directory: string = join(this.cwd, '.faust')
  /** For the workers. */
  readonly env: Record<string, string> = {}
  readonly surroundings: Surroundings = { cwd: this.cwd, env: this.env, limitMs: 50_000 }

  /** A worker that is at work, in a process of its own. */
  async worker(...words: string[]): Promise<Program> {
    const program = new Program([...app, 'worker', '--log-format', 'pretty', ...words], this.surroundings)
    expect(await program.says('Ready'), program.written).toBe(true)
    return program
  }

  /** What a command says, called in this process: another one than those of the workers. */
  async call(...words: string[]): Promise<Outcome> {
    return await call(`embedded:${this.directory}`, words)
  }
}

async function call(broker: string, words: readonly string[]): Promise<Outcome> {
  let [stdout, stderr] = ['', '']
  const terminal = {
    print: (text: string) => void (stdout += `${text}\n`),
    note: (text: string) => void (stderr += `${text}\n`),
    isInteractive: false,
    width: 80,
    canAsk: false,
    confirm: () => Promise.resolve(false),
  }
  const code = await execute(words, { app: doublingApp({ broker }), terminal })
  return { code, stdout, stderr }
}

describe('the embedded broker, from several terminals', { timeout: 60_000 }, () => {
  test('a question from another terminal is answered; a second worker shares the work, and goes on alone', async () => {
    const place = new Place()
    await using first = await place.worker()
    expect(first.written).toContain(`broker=embedded:${place.directory}`)
    expect(first.written).toContain('rebalanced: partitions numbers[0,1,2,3]')
    expect(await faust([...app, 'double', '21'], place.surroundings)).toEqual({ code: 0, stdout: '42\n', stderr: '' })
    await using second = await place.worker()
    for (const each of [first, second]) expect(await each.says(/numbers\[\d,\d\]/), each.written).toBe(true)
    first.kill('SIGINT')
    expect((await first.ended).code).toBe(0)
    expect(await second.says('numbers[0,1,2,3]')).toBe(true)
    expect((await place.call('ask', 'doubling', '4')).stdout).toBe('8\n')
  })

  test('what was stored is processed, whoever is killed meanwhile: the owner, and another', async () => {
    const place = new Place()
    await using first = await place.worker()
    await using second = await place.worker()
    await using client = doublingApp({ broker: `embedded:${place.directory}` })
    const numbers = client.topic('numbers') as Topic<unknown>
    const send = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) await numbers.send(n)
    }
    await send(0, 200)
    first.kill('SIGKILL')
    const [third] = await Promise.all([place.worker(), send(200, 800)])
    await using last = third
    second.kill('SIGKILL')
    await send(800, 1000)
    const before = (await first.ended).stdout + (await second.ended).stdout
    for (let n = 0; n < 1000; n++) {
      if (!before.includes(`doubled ${n}.`)) expect(await last.says(`doubled ${n}.`), `${n} was processed`).toBe(true)
    }
  })

  // No session ends within these tests, and no heartbeat tells anything.
  const patient = { FAUST_SESSION_TIMEOUT: '10m' }

  test('the partitions of a worker that is killed move at once, also when it was the owner, or the last', async () => {
    const place = new Place()
    Object.assign(place.env, patient)
    await using first = await place.worker()
    await using second = await place.worker()
    for (const each of [first, second]) expect(await each.says(/numbers\[\d,\d\]/), each.written).toBe(true)
    first.kill('SIGKILL')
    expect(await second.says('numbers[0,1,2,3]'), second.written).toBe(true)
    await using third = await place.worker()
    expect(await third.says(/numbers\[\d,\d\]/), third.written).toBe(true)
    third.kill('SIGKILL')
    expect(await second.says(/(numbers\[0,1,2,3\][^]*){2}/), second.written).toBe(true)
    second.kill('SIGKILL')
    await using last = await place.worker()
    expect(await last.says('numbers[0,1,2,3]'), last.written).toBe(true)
  })

  test('reset works at once when all workers were killed, and not while one lives', async () => {
    const place = new Place()
    Object.assign(place.env, patient)
    await using first = await place.worker()
    place.env['FAUST_INSTANCE_ID'] = 'desk'
    await using second = await place.worker()
    for (const each of [first, second]) expect(await each.says(/numbers\[\d,\d\]/), each.written).toBe(true)
    first.kill('SIGKILL')
    await first.ended
    const refused = await place.call('reset', '--yes')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Cannot reset the group')])
    second.kill('SIGKILL')
    await second.ended
    expect(await place.call('reset', '--yes')).toMatchObject({ code: 0 })
    delete place.env['FAUST_INSTANCE_ID']
    await using third = await place.worker()
    expect(await third.says('numbers[0,1,2,3]'), third.written).toBe(true)
  })

  test('a second run goes on where the first has stopped', async () => {
    const place = new Place()
    expect(JSON.parse((await place.call('send', 'numbers', '1', '--partition', '2')).stdout)).toMatchObject({ offset: 0 })
    await using first = await place.worker()
    expect(await first.says('doubled 1.')).toBe(true)
    first.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    expect(JSON.parse((await place.call('send', 'numbers', '2', '--partition', '2')).stdout)).toMatchObject({ offset: 1 })
    await using second = await place.worker()
    expect(await second.says('doubled 2.')).toBe(true)
    expect(second.written).not.toContain('doubled 1.')
  })

  test('commands work while a worker runs; reset says that it must be stopped', async () => {
    const place = new Place()
    await using worker = await place.worker()
    expect((await place.call('send', '@doubling', '--', '-1')).code).toBe(0)
    expect((await place.call('send', 'numbers', '5')).code).toBe(0)
    expect(await worker.says('doubled 5.')).toBe(true)
    const topics = JSON.parse((await place.call('topics', '--json')).stdout) as object[]
    expect(topics).toMatchObject([{ topic: 'numbers', messages: 2 }])
    const letters = await faust([...app, 'dead-letters'], place.surroundings)
    expect(letters.stdout).toMatch(/^numbers-dead-letters .* doubling +RangeError: below zero$/m)
    const refused = await place.call('reset', '--yes')
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(/^error: .*Cannot reset the group "doubling-app": it has a member .*Stop/)
    worker.kill('SIGINT')
    expect((await worker.ended).code).toBe(0)
    expect(await place.call('reset', '--yes')).toMatchObject({ code: 0, stderr: '"doubling-app" begins anew.\n' })
    await using again = await place.worker()
    expect(await again.says('doubled 5.')).toBe(true)
  })

  test('several processes share the work', async () => {
    const place = new Place()
    const words = [...app, 'worker', '--processes', '2', '--log-format', 'json']
    await using fleet = new Program(words, place.surroundings)
    const both = [/"worker":1,[^\n]*numbers\[\d,\d\]/, /"worker":2,[^\n]*numbers\[\d,\d\]/]
    for (const half of both) expect(await fleet.says(half), fleet.written).toBe(true)
    expect((await place.call('ask', 'doubling', '5')).stdout).toBe('10\n')
    fleet.kill('SIGTERM')
    const { code, stderr } = await fleet.ended
    expect([code, stderr.match(/"msg":"Stopped"/g)?.length]).toEqual([0, 2])
  })

  test('an ask that nobody answers names the directory', async () => {
    const place = new Place()
    const { code, stderr } = await place.call('ask', 'doubling', '1', '--timeout', '100ms')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`(broker embedded:${place.directory})`)])
  })

  test('a path too long for a socket is none', async () => {
    const place = new Place()
    const broker = `embedded:${join(place.cwd, ...Array.from({ length: 4 }, () => 'x'.repeat(60)))}`
    expect((await call(broker, ['send', 'numbers', '1'])).code).toBe(0)
    await using worker = await place.worker('--broker', broker)
    expect(await worker.says('doubled 1.')).toBe(true)
    expect(existsSync(place.directory)).toBe(false)
  })

  test('a directory that cannot be used is told with what to do', async () => {
    const place = new Place()
    mkdirSync(place.directory)
    writeFileSync(join(place.directory, 'format'), '{ "format": 99 }')
    const newer = await place.call('topics')
    expect([newer.code, newer.stderr]).toEqual([1, expect.stringMatching(/newer version.* format 99.*Upgrade faust-ts, or name/)])
    const path = join(place.cwd, 'file')
    writeFileSync(path, '')
    const file = await call(`embedded:${path}`, ['send', 'numbers', '1'])
    expect([file.code, file.stderr]).toEqual([1, expect.stringMatching(/it is a file.*name another directory/)])
  })
})
