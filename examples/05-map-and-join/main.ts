import { App } from 'faust-ts'
import { z } from 'zod'

const app = new App('pow2')
const pow2 = app.agent('pow2', { value: z.number() }, async function* (numbers) {
  for await (const n of numbers) yield n * n
})

await using _running = await app.start()

const numbers = [1, 2, 3, 4, 5, 6, 7, 8]

// All answers, in the order of the input.
console.log('join:  ', ...(await pow2.join(numbers)))

// The same with a message key for each: equal keys are processed in order, by the same worker.
console.log('kvjoin:', ...(await pow2.kvjoin(numbers.map(n => [n % 2 === 0 ? 'even' : 'odd', n] as const))))

// Answers as they come, in no particular order.
const replies: number[] = []
for await (const reply of pow2.map(numbers)) replies.push(reply)
console.log('map:   ', ...replies.sort((left, right) => left - right))

// Input may be endless: at most a thousand requests are under way, and leaving the loop ends it all.
let sum = 0
for await (const reply of pow2.kvmap(counting())) {
  sum += reply
  if (sum > 1_000_000) break
}
console.log('kvmap:  squares of 1, 2, 3 … add up to more than a million')

async function* counting(): AsyncGenerator<[key: string, n: number]> {
  for (let n = 1; ; n++) yield [`key-${n % 10}`, n]
}
