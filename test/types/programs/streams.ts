// What the design says about streams, written down as a user would: nothing is annotated.
import { App } from 'faust-ts'
import { z } from 'zod'

export const app = new App('streams')
const Circle = z.object({ kind: z.literal('circle'), radius: z.number() })
const Square = z.object({ kind: z.literal('square'), side: z.number() })
const shapes = app.topic('shapes', { value: z.discriminatedUnion('kind', [Circle, Square]), key: z.string() })
const words = app.topic('words', { value: z.string() })
const lengths = app.topic('lengths', { value: z.number() })

export const values = shapes.stream()
export const circles = values.filter(shape => shape.kind === 'circle')
export const large = values.filter(shape => (shape.kind === 'circle' ? shape.radius : shape.side) > 10)
export const radii = circles.map(({ radius }) => radius)
export const later = circles.map(async ({ radius }) => [radius])
export const events = shapes.stream().events()
export const entries = circles.entries()
export const counted = circles.enumerate(1)
export const batches = circles.batch(10, { within: '1s' })
export const tapped = values
  .tap(shape => shape.kind)
  .noack()
  .rateLimit(5, '1s')
export const echoed = words.stream().echo(words, { send: async text => text.length })
export const hopped = words
  .stream()
  .map(word => word.length)
  .through(lengths)
export const signal = words.stream().signal
export const narrowed = words.stream().filter((word): word is 'yes' | 'no' => word === 'yes' || word === 'no')
export const present = words
  .stream()
  .map(word => (word === '' ? null : word))
  .filter(word => word !== null)

for await (const event of words.stream().noack().events()) {
  console.log(event.key?.byteLength, event.value.length, event.topic, event.headers.get('x')?.length)
  event.settle()
}
for await (const [key, shape] of circles.entries()) console.log(key.length, shape.radius)
for await (const [count, shape] of circles.enumerate()) console.log(count + 1, shape.radius)
