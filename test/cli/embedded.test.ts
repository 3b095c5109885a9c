import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { faust, Program, type Outcome, type Surroundings } from './faust.js'

const app = ['-A', fileURLToPath(new URL('fixtures/doubling.ts', import.meta.url))]
const root = realpathSync(mkdtempSync(join(tmpdir(), 'faust-embedded-')))
afterAll(() => rmSync(root, { recursive: true }))

/** A working directory, and what is called in it. The broker is its folder .faust, as for everybody who names none. */
class Place {
  readonly cwd: string = mkdtempSync(join(root, 'place-'))
  readonly directory: string = join(this.cwd, '.faust')
  readonly #surroundings: Surroundings

  constructor(env: Record<string, string> = {}) {
    this.#surroundings = { cwd: this.cwd, env: { FAUST_SESSION_TIMEOUT: '3s', ...env }, limitMs: 50_000 }
  }

  faust(...words: string[]): Promise<Outcome> {
    return faust([...app, ...words], this.#surroundings)
  }

  start(...words: string[]): Program {
    return new Program([...app, ...words], this.#surroundings)
  }

  /** A worker that is at work. */
  async worker(...words: string[]): Promise<Program> {
    const program = this.start('worker', '--log-format', 'pretty', ...words)
    expect(await program.says('Ready'), program.written).toBe(true)
    return program
  }
}

/** The partitions of the last rebalance that a worker has told of. */
function held(worker: Program): string | undefined {
  return [...worker.written.matchAll(/rebalanced.*partitions.* numbers\[([\d,]*)\]/g)].at(-1)?.[1]
}

describe('the embedded broker, from several terminals', { timeout: 60_000 }, () => {
  test('a question from another terminal is answered; a second worker shares the work, and goes on alone', async () => {
    const place = new Place()
    await using first = await place.worker()
    expect(first.written).toContain(`broker=embedded:${place.directory}`)
    expect(await place.faust('double', '21')).toEqual({ code: 0, stdout: '42\n', stderr: '' })
    expect(held(first)).toBe('0,1,2,3')
    await using second = await place.worker()
    expect(await first.says(/(rebalanced[^]*){2}/)).toBe(true)
    expect([held(first)?.length, held(second)?.length]).toEqual([3, 3])
    first.kill('SIGINT')
    expect((await first.ended).code).toBe(0)
    expect(await second.says('numbers[0,1,2,3]')).toBe(true)
    expect((await place.faust('ask', 'doubling', '4')).stdout).toBe('8\n')
  })

  test('what was stored is processed, whoever is killed meanwhile: the owner, and another', async () => {
    const place = new Place()
    await using first = await place.worker()
    await using second = await place.worker()
    await using feed = place.start('feed', '1500')
    expect(await feed.says('stored 200.')).toBe(true)
    first.kill('SIGKILL')
    await using third = await place.worker()
    second.kill('SIGKILL')
    expect(await feed.ended).toMatchObject({ code: 0, stderr: '' })
    const before = (await first.ended).stdout + (await second.ended).stdout
    for (let n = 1; n <= 1500; n++) {
      if (!before.includes(`doubled ${n}.`)) expect(await third.says(`doubled ${n}.`), `${n} was processed`).toBe(true)
    }
  })

  test('a second run goes on where the first has stopped', async () => {
    const place = new Place()
    expect(JSON.parse((await place.faust('send', 'numbers', '1', '--partition', '2')).stdout)).toMatchObject({ offset: 0 })
    await using first = await place.worker()
    expect(await first.says('doubled 1.')).toBe(true)
    first.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    expect(JSON.parse((await place.faust('send', 'numbers', '2', '--partition', '2')).stdout)).toMatchObject({ offset: 1 })
    await using second = await place.worker()
    expect(await second.says('doubled 2.')).toBe(true)
    expect(second.written).not.toContain('doubled 1.')
  })

  test('commands work while a worker runs; reset says that it must be stopped', async () => {
    const place = new Place()
    await using worker = await place.worker()
    expect((await place.faust('send', '@doubling', '--', '-1')).code).toBe(0)
    expect((await place.faust('send', 'numbers', '5')).code).toBe(0)
    expect(await worker.says('doubled 5.')).toBe(true)
    const topics = JSON.parse((await place.faust('topics', '--json')).stdout) as object[]
    expect(topics).toMatchObject([{ topic: 'numbers', messages: 2 }])
    expect((await place.faust('dead-letters')).stdout).toMatch(/^numbers-dead-letters .* doubling +RangeError: below zero$/m)
    const refused = await place.faust('reset', '--yes')
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(/^error: .*Cannot reset the group "doubling-app": it has a member .*Stop/)
    worker.kill('SIGINT')
    expect((await worker.ended).code).toBe(0)
    expect(await place.faust('reset', '--yes')).toMatchObject({ code: 0, stderr: '"doubling-app" begins anew.\n' })
    await using again = await place.worker()
    expect(await again.says('doubled 5.')).toBe(true)
  })

  test('several processes share the work; one that is killed comes back', async () => {
    const place = new Place()
    await using fleet = place.start('worker', '--processes', '2', '--log-format', 'json')
    const both = [/"worker":1,[^\n]*numbers\[\d,\d\]/, /"worker":2,[^\n]*numbers\[\d,\d\]/]
    for (const half of both) expect(await fleet.says(half), fleet.written).toBe(true)
    expect((await place.faust('double', '5')).stdout).toBe('10\n')
    fleet.kill('SIGTERM')
    const { code, stderr } = await fleet.ended
    expect([code, stderr.match(/"msg":"Stopped"/g)?.length]).toEqual([0, 2])
  })

  test('an ask that nobody answers names the directory', async () => {
    const place = new Place()
    const { code, stderr } = await place.faust('ask', 'doubling', '1', '--timeout', '100ms')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`(broker embedded:${place.directory})`)])
  })
})

describe('a directory that cannot be used', { timeout: 60_000 }, () => {
  test('says so, and what to do', async () => {
    const place = new Place()
    mkdirSync(place.directory)
    writeFileSync(join(place.directory, 'format'), '{ "format": 99 }')
    const newer = await place.faust('topics')
    expect([newer.code, newer.stderr]).toEqual([1, expect.stringMatching(/newer version.* format 99.*Upgrade faust-ts, or name/)])
    writeFileSync(join(place.cwd, 'file'), '')
    const file = await place.faust('--broker', 'embedded:./file', 'worker')
    expect([file.code, file.stderr]).toEqual([1, expect.stringMatching(/it is a file.*name another directory/)])
  })

  test('a path too long for a socket is none of those', async () => {
    const place = new Place()
    const broker = `embedded:${['.', ...Array.from({ length: 4 }, () => 'x'.repeat(60))].join('/')}`
    expect((await place.faust('--broker', broker, 'send', 'numbers', '1')).code).toBe(0)
    await using worker = await place.worker('--broker', broker)
    expect(await worker.says('doubled 1.')).toBe(true)
    expect(existsSync(place.directory)).toBe(false)
  })
})
