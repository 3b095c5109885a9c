// What the two programs print, and that the worker stops cleanly. A reader runs the commands of the README instead.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const faust = fileURLToPath(new URL('../../bin/faust.js', import.meta.url))
const app = fileURLToPath(new URL('app.ts', import.meta.url))
const sendToAgent = fileURLToPath(new URL('send-to-agent.ts', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; `interruptAt` sends Ctrl-C once its log says that. */
function run(words: readonly string[], interruptAt?: RegExp): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr, isInterrupted] = ['', '', false]
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => {
      stderr += chunk
      if (isInterrupted || interruptAt?.test(stderr) !== true) return
      isInterrupted = true
      child.kill('SIGINT')
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, stderr }))
  })
}

const asked = await run([...process.execArgv, sendToAgent])
assert.deepEqual([asked.code, asked.stdout], [0, '8\n'], asked.stderr)

const printed = await run([faust, '-A', app, 'send-value', '4', '8', '--print'])
assert.deepEqual([printed.code, printed.stdout], [0, 'Sending Add(4, 8)...\n12\n'], printed.stderr)

const plain = await run([faust, '-A', app, 'send-value', '4', '8'])
assert.deepEqual([plain.code, plain.stdout], [0, '12\n'], plain.stderr)

const wrong = await run([faust, '-A', app, 'send-value', '4', 'many'])
assert.equal(wrong.code, 2, `${wrong.stdout}\n${wrong.stderr}`)

const worker = await run([faust, '-A', app, 'worker', '-l', 'info'], /rebalanced.*partitions.*adding/)
assert.equal(worker.code, 0, `${worker.stdout}\n${worker.stderr}`)

console.log('the two programs of the documents print 8 and 12; the worker starts, and stops cleanly at Ctrl-C')
