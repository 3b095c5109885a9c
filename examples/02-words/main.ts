import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { app, counting, lines, mostFrequent, partitions, sum, top } from './app.js'
import { Progress } from './progress.js'

const book = fileURLToPath(new URL('text/pride-and-prejudice.txt', import.meta.url))
const run = new Date().toISOString()
const started = performance.now()
const progress = new Progress(statSync(book).size)

await using _running = await app.start()

// Every line is asked for how many words it has. Answers come back while the file is still being read.
let [lineCount, sent] = [0, 0]
for await (const words of lines.map(linesOf(book))) {
  lineCount++
  sent += words
  progress.show(`${number(lineCount)} lines, ${number(sent)} words`)
}
progress.end(`${number(lineCount)} lines, ${number(sent)} words`)

// Now every word is in its partition. A partition keeps its order, so that a question put into it stands behind all of
// its words: when the answers of all partitions are here, everything is counted. Nothing is waited for by the clock.
const questions = Array.from({ length: partitions }, (_, partition) => counting.ask({ run, top }, { partition }))
const answers = await Promise.all(questions)

const counted = sum(answers.map(({ total }) => total))
const distinct = sum(answers.map(answer => answer.distinct))
const leftBehind = sum(answers.map(answer => answer.leftBehind))
const winners = mostFrequent(
  answers.flatMap(answer => answer.top),
  top,
)
const seconds = ((performance.now() - started) / 1000).toFixed(1)

console.log(`The ${top} most frequent of ${number(distinct)} different words:\n`)
console.log(table(winners))
console.log(`\n${number(counted)} words in ${number(lineCount)} lines, counted in ${partitions} partitions, ${seconds} s`)
if (leftBehind > 0)
  console.log(`${number(leftBehind)} more, which a run that was broken off had left, were dealt with on the way`)

if (counted !== sent) {
  console.error(`${number(sent)} words were sent to be counted: ${number(Math.abs(counted - sent))} are missing or too many`)
  process.exitCode = 1
}

async function* linesOf(file: string): AsyncGenerator<{ run: string; text: string }> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    progress.read(Buffer.byteLength(line) + 1)
    yield { run, text: line }
  }
}

function table(rows: readonly (readonly [word: string, count: number])[]): string {
  const widest = Math.max(...rows.map(([word]) => word.length))
  const most = rows[0]?.[1] ?? 0
  const line = ([word, count]: readonly [string, number], at: number): string => {
    const bar = '█'.repeat(Math.max(1, Math.round((40 * count) / most)))
    return `${String(at + 1).padStart(4)}  ${word.padEnd(widest)}  ${number(count).padStart(7)}  ${bar}`
  }
  return rows.map(line).join('\n')
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
