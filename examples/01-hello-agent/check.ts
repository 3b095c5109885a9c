// What a reader does in three consoles: a worker in the first, the two programs that ask it in the others.
import { strict as assert } from 'node:assert'
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const faust = [
  fileURLToPath(new URL('../../bin/faust.js', import.meta.url)),
  '-A',
  fileURLToPath(new URL('app.ts', import.meta.url)),
]
const sendToAgent = [...process.execArgv, fileURLToPath(new URL('send-to-agent.ts', import.meta.url))]

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; `onLog` is told what its log says so far. */
function run(words: readonly string[], onLog: (log: string, child: ChildProcess) => void = () => undefined): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => {
      stderr += chunk
      onLog(stderr, child)
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, stderr }))
  })
}

/** What the broker has of the topic "adding". */
async function topic(): Promise<{ messages: number; lag: number | null }> {
  const { stdout, stderr } = await run([...faust, 'topics', '--json'])
  const [adding] = JSON.parse(stdout || '[]') as { messages: number; lag: number | null }[]
  return adding ?? assert.fail(stderr)
}

const atFirst = await topic()
// It is remembered what earlier runs have sent, and how far their workers have come.
assert.equal(atFirst.lag, atFirst.messages === 0 ? null : 0)

// Nobody reads it yet; it waits.
const sent = await run([...faust, 'send', '@adding', '{ "a": 1, "b": 1 }'])
assert.equal(sent.code, 0, sent.stderr)
const before = await topic()
const lag = atFirst.lag === null ? null : 1
assert.deepEqual(before, { ...before, messages: atFirst.messages + 1, lag })

let ready = (_worker: ChildProcess): void => undefined
const isReady = new Promise<ChildProcess>(resolve => (ready = resolve))
const ended = run([...faust, 'worker', '-l', 'info'], (log, child) => {
  if (/rebalanced.*partitions.*adding[^]*Ready/.test(log)) ready(child)
})
const worker = await Promise.race([isReady, ended.then(({ stderr }) => assert.fail(stderr))])

const asked = await run(sendToAgent)
assert.deepEqual([asked.code, asked.stdout], [0, '8\n'], asked.stderr)

const printed = await run([...faust, 'send-value', '4', '8', '--print'])
assert.deepEqual([printed.code, printed.stdout], [0, 'Sending Add(4, 8)...\n12\n'], printed.stderr)

const plain = await run([...faust, 'send-value', '4', '8'])
assert.deepEqual([plain.code, plain.stdout], [0, '12\n'], plain.stderr)

const wrong = await run([...faust, 'send-value', '4', 'many'])
assert.equal(wrong.code, 2, `${wrong.stdout}\n${wrong.stderr}`)

worker.kill('SIGINT')
const stopped = await ended
assert.equal(stopped.code, 0, `${stopped.stdout}\n${stopped.stderr}`)
const after = await topic()
assert.deepEqual(after, { ...after, messages: before.messages + 3, lag: 0 })

console.log('the two programs of the documents print 8 and 12; the worker starts, and stops cleanly at Ctrl-C')
