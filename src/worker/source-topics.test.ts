import { expect, test } from 'vitest'
import { silentLogger, type Logger } from '../lib/log.js'
import { SourceTopics } from './source-topics.js'

test('says once when a topic goes, when it is there again, and when another one has its name', async () => {
  const scene = new Scene()
  for (const id of ['one', 'one', null, null, 'two', 'two', 'three']) {
    scene.ids.set('orders', id)
    await scene.topics.look(['orders'])
  }
  expect(scene.lines).toEqual([
    'error The topic "orders" is gone: deleted, or hidden from this worker. Create it again, and it is read from its beginning; other topics go on',
    'warn The topic "orders" is there again, and read again',
    'warn The topic "orders" was deleted and made again: it is read from its beginning',
  ])
})

test('gives those that exist; of one that never was it says nothing', async () => {
  const scene = new Scene()
  scene.ids.set('orders', 'one')
  const found = await scene.topics.look(['orders', 'users'])
  expect([...found.values()].map(({ name, id }) => `${name} ${id}`)).toEqual(['orders one'])
  expect(scene.lines).toEqual([])
})

test('what is gone is looked for with every look, whoever is asked about', async () => {
  const scene = new Scene()
  scene.ids.set('orders', 'one')
  await scene.topics.look(['orders'])
  scene.ids.set('orders', null)
  await scene.topics.look(['orders'])
  scene.ids.set('orders', 'two')
  await scene.topics.look([])
  await scene.topics.look([])
  expect(scene.asked).toEqual(['orders', 'orders', 'orders'])
  expect(scene.lines.at(-1)).toBe('warn The topic "orders" is there again, and read again')
})

/** Topics by name, each with an identity or none. */
class Scene {
  readonly ids = new Map<string, string | null>()
  readonly asked: string[] = []
  readonly lines: string[] = []
  readonly topics: SourceTopics

  constructor() {
    const write = (level: string) => (_facts: object, message: string) => void this.lines.push(`${level} ${message}`)
    const log: Logger = { ...silentLogger, warn: write('warn'), error: write('error') }
    const rest = { partitions: 1, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }
    const describe = (names: readonly string[]): ReturnType<ConstructorParameters<typeof SourceTopics>[0]['describe']> => {
      this.asked.push(...names)
      const found = names.flatMap(name => ({ name, id: this.ids.get(name) ?? null }))
      return Promise.resolve(found.flatMap(({ name, id }) => (id === null ? [] : { name, id, ...rest })))
    }
    this.topics = new SourceTopics({ log, describe })
  }
}
