import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { faust } from './faust.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe.concurrent('faust, as a process', () => {
  test('an own command asks an agent where no worker runs', async () => {
    const { code, stdout, stderr } = await faust(['-A', 'fixtures/adding.ts', 'send_value', '4', '-8', '--print', '--times', '2'])
    expect([stdout, stderr, code]).toEqual(['Sending 4 and -8\n-8\n', '', 0])
  })

  test('what an app throws while it is loaded is said in one line', async () => {
    const { code, stderr } = await faust(['-A', 'fixtures/broken', 'worker'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: Cannot load .*broken\.ts: ReferenceError: undefinedName is not defined\n$/)
  })

  test('--broker wins over the environment, and a password is not repeated', async () => {
    const words = ['-A', 'fixtures/adding', 'topics', '--broker', 'nats://me:secret@host:4222']
    const { code, stderr } = await faust(words, { env: { FAUST_BROKER: 'memory:' } })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: --broker: .*nats:\/\/\*\*\*@host:4222/)
    expect(stderr).not.toContain('secret')
  })

  test('completion knows the commands and the options of the app', async () => {
    const { stdout } = await faust(['complete', '--', '-A', 'fixtures/adding.ts', 'send'])
    expect(stdout).toBe(
      'send\tsend a value to a topic or an agent; prints where it went\nsend-value\tAsk the adding agent for a sum\n:4\n',
    )
  })

  test('an app in a CommonJS package shares the one copy of the library', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'faust-commonjs-'))
    try {
      mkdirSync(join(folder, 'node_modules'))
      symlinkSync(root, join(folder, 'node_modules/faust-ts'))
      writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}')
      writeFileSync(
        join(folder, 'app.ts'),
        `import { App } from 'faust-ts'
        export const app: App = new App('commonjs')
        app.command('same', {}, async () => {
          const { App: imported } = await import('faust-ts')
          console.log(App === imported, typeof require)
        })`,
      )
      expect(await faust(['-A', 'app', 'same'], { cwd: folder })).toEqual({ stdout: 'true function\n', stderr: '', code: 0 })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
