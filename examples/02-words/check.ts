// Counts the file in another way, byte by byte, and compares what the program prints: when it is run for the first time, when it
// is run again, and after a run that was killed.
import { strict as assert } from 'node:assert'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const bytes = readFileSync(new URL('text/pride-and-prejudice.txt', import.meta.url))
const counts = new Map<string, number>()
let total = 0
let start = -1
for (let at = 0; at <= bytes.length; at++) {
  const byte = bytes[at] ?? 0x20
  const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
  if (!isSpace && start < 0) start = at
  if (!isSpace || start < 0) continue
  const word = bytes.toString('utf8', start, at)
  counts.set(word, (counts.get(word) ?? 0) + 1)
  total++
  start = -1
}
const expected = [...counts].sort(([left, lefts], [right, rights]) => rights - lefts || (left < right ? -1 : 1)).slice(0, 20)

const main = [...process.execArgv, fileURLToPath(new URL('main.ts', import.meta.url))]
// A worker that was killed keeps its partitions for so long.
const env = { ...process.env, FAUST_SESSION_TIMEOUT: '6s' }
const isFirst = isUnknown('occurrences')

assert.equal(countAll(), 0, 'a run counts nothing that an earlier one has counted')
if (!isFirst) {
  const broken = spawn(process.execPath, main, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  broken.stderr.once('data', () => broken.kill('SIGKILL'))
  await once(broken, 'close')
  assert.notEqual(countAll(), 0, 'what it has left behind is dealt with')
}

console.log(`${total} words, and the twenty most frequent ones, as counted by hand`)

/** Whether the broker has never heard of one of the app's topics. */
function isUnknown(name: string): boolean {
  const faust = fileURLToPath(new URL('../../bin/faust.js', import.meta.url))
  const words = [faust, '-A', fileURLToPath(new URL('app.ts', import.meta.url)), 'topics', '--json']
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  const topics = JSON.parse(stdout || '[]') as { topic: string; broker: object | null }[]
  return (topics.find(({ topic }) => topic === name) ?? assert.fail(stderr)).broker === null
}

/** Runs the program to its end and checks what it prints; returns how many words of other runs it has come across. */
function countAll(): number {
  const { status, stdout, stderr } = spawnSync(process.execPath, main, { env, encoding: 'utf8' })
  const number = (text: string | undefined): number => Number(text?.replaceAll(',', ''))
  const rows = [...stdout.matchAll(/^ *\d+ {2}(\S+) +([\d,]+) {2}█+$/gm)].map(([, word, count]) => [word, number(count)])
  assert.equal(status, 0, stderr)
  assert.equal(number(/^([\d,]+) words in/m.exec(stdout)?.[1]), total, stdout)
  assert.equal(total, 121_567, 'what `wc -w` says of the text')
  assert.equal(number(/most frequent of ([\d,]+) different words/.exec(stdout)?.[1]), counts.size, stdout)
  assert.deepEqual(rows, expected)
  assert.match(stderr, /^25 %: .*\n50 %: .*\n75 %: .*\n100 %: 13,030 lines, 121,567 words\n$/)
  return number(/^([\d,]+) more, which a run/m.exec(stdout)?.[1] ?? '0')
}
