import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import type { Fault, FaultSite } from '../../src/embedded/memory/faults.js'
import { Deferred } from '../../src/lib/deferred.js'
import { Cluster } from './cluster.js'
import { placeOf } from './observed.js'
import { eventAtHand, workerAtHand } from './witness.js'

test('a worker that was silent for too long commits nothing of what it did meanwhile, and joins anew', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  for (let n = 0; n < 4; n++) void scene.numbers.send(n, { partition: 0 })
  await cluster.untilTrue(() => scene.held !== null)
  scene.isSilent = true
  const other = cluster.start()
  await cluster.pass(8000)
  await other
  expect(scene.log).toEqual(['0 works on numbers[0]@0', '2 works on numbers[0]@0'])
  scene.release('0')
  await cluster.pass(1500)
  // It does not know yet that it has lost its partitions, and its commit is on its way.
  expect(scene.log).toContain('0 works on numbers[0]@1')
  scene.isSilent = false
  await cluster.pass(2000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(0)
  expect(cluster.lines).toContainEqual(expect.stringContaining('warn The group went on without this worker'))
  expect(cluster.lines).toContainEqual(expect.stringContaining('warn A commit was refused'))
  scene.release('2')
  await cluster.pass(3000)
  scene.releaseAll()
  await cluster.pass(10_000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(4)
  // Both work again: each has one of the two partitions.
  for (const partition of [0, 1]) void scene.numbers.send(9, { partition })
  await cluster.pass(2000)
  expect(new Set(scene.log.slice(-2).map(line => line[0]))).toEqual(new Set(['0', '2']))
})

test('what settles under an epoch that is over moves nothing, though the same worker has the partition again', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  for (let n = 0; n < 4; n++) void scene.numbers.send(n, { partition: 0 })
  await cluster.untilTrue(() => scene.held !== null)
  scene.isFenced = true
  await cluster.untilTrue(() => cluster.lines.some(line => line.includes('The group went on without this worker')))
  scene.isFenced = false
  await cluster.pass(5000)
  scene.release('0')
  await cluster.pass(3000)
  // Offset 0 settled under the old epoch; under the new one it is in hand.
  expect(scene.log).toEqual(['0 works on numbers[0]@0', '0 works on numbers[0]@0'])
  expect(cluster.broker.committed.get('numbers[0]')).toBe(0)
  scene.releaseAll()
  await cluster.pass(3000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(4)
})

test('a leader that was silent for too long is succeeded, and hears that it leads no more', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  await cluster.start()
  await cluster.pass(1000)
  expect(scene.terms).toEqual(['0 leads'])
  scene.isSilent = true
  await cluster.pass(8000)
  // Leading is no lock: until it hears of its end, the old leader leads too.
  expect(scene.terms).toEqual(['0 leads', '1 leads'])
  scene.isSilent = false
  // At once, not only when it has joined anew.
  await cluster.untilTrue(() => cluster.lines.some(line => line.includes('The group went on without this worker')))
  expect(scene.terms).toEqual(['0 leads', '1 leads', '0 leads no more'])
})

test('a reply reader joins no group, nor does a client', async () => {
  const app = new App('asked')
  const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
    for await (const n of stream) yield n * 2
  })
  await using cluster = new Cluster(app)
  await cluster.start()
  expect(await cluster.until(doubling.ask(4))).toBe(8)
  expect(cluster.broker.connected.length).toBe(2)
  expect(cluster.broker.groups).toEqual([cluster.broker.connected[0]])
})

/** Numbers that each wait to be let go. */
class Scene {
  readonly cluster: Cluster
  readonly numbers
  readonly log: string[] = []
  readonly terms: string[] = []
  /** The worker 0 is cut off: it hears nothing and nothing of it is heard. */
  isSilent = false
  /** The broker says that the worker 0 has been replaced. */
  isFenced = false
  readonly #held = new Map<string, Deferred<void>>()
  #isOpen = false

  constructor() {
    const app = new App('stale', { sessionTimeout: '3s' })
    this.numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 2 })
    app.agent('holding', { topic: this.numbers }, async stream => {
      for await (const _ of stream) await this.#hold()
    })
    app.task('leading', { onLeader: true }, async signal => {
      const worker = workerAtHand().replace('stale-', '')
      this.terms.push(`${worker} leads`)
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      this.terms.push(`${worker} leads no more`)
    })
    const isOne = ({ clientId }: FaultSite): boolean => clientId === 'stale-0'
    const silence = (site: FaultSite): Fault | null => (this.isSilent && isOne(site) ? { kind: 'drop' } : null)
    const heartbeat = (site: FaultSite): Fault | null => (this.isFenced && isOne(site) ? { kind: 'fence' } : silence(site))
    this.cluster = new Cluster(app, { faults: { heartbeat, commit: silence, join: silence } })
  }

  get held(): string | null {
    return this.log.at(-1) ?? null
  }

  /** What the worker of that number holds goes on. */
  release(worker: string): void {
    this.#held.get(worker)?.resolve()
  }

  releaseAll(): void {
    this.#isOpen = true
    for (const held of this.#held.values()) held.resolve()
  }

  async #hold(): Promise<void> {
    const { at, offset, clientId } = eventAtHand()
    const worker = clientId.replace('stale-', '')
    this.log.push(`${worker} works on ${placeOf(at)}@${offset}`)
    const held = new Deferred<void>()
    this.#held.set(worker, held)
    if (!this.#isOpen) await held.promise
  }
}
