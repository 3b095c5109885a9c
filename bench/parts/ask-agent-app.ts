// The app of `ask`: both processes declare the same agent.
import { App, unchecked } from 'faust-ts'

const [broker = '', suffix = ''] = process.argv.slice(2)

export const app: App = new App(`bench-ask${suffix}`, { broker, partitions: 1 })
export const doubling = app.agent(
  'doubling',
  { topic: app.topic(`requests${suffix}`, { value: unchecked<number>(), partitions: 1 }) },
  async function* (stream) {
    for await (const n of stream) yield n * 2
  },
)
