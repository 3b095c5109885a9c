import { expect, test } from 'vitest'
import { EncodeError, SendError, TransportError } from '../errors.js'
import { nextTurn, systemClock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { type Random, seededRandom } from '../lib/random.js'
import { keyHash } from '../message/partitioner.js'
import type { Outgoing, OutgoingBatch, Producer } from '../transport/transport.js'
import type { Letter } from './letter.js'
import { Outbox } from './outbox.js'

/** A batch that the test acknowledges or fails. */
class FakeBatch implements OutgoingBatch {
  readonly topic: string
  readonly partition: number
  readonly values: (string | Uint8Array | null)[] = []
  baseOffset = -1
  isSettled = false
  error: Error | null = null
  #waiting: (() => void)[] = []

  constructor({ topic, partition }: Outgoing) {
    this.topic = topic
    this.partition = partition
  }

  get count(): number {
    return this.values.length
  }

  /** Only these have failed, where the test says so. */
  refused: readonly number[] | null = null

  offsetAt(place: number): number {
    return this.baseOffset + place
  }

  errorAt(place: number): Error | null {
    return this.refused?.includes(place) === false ? null : this.error
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else this.#waiting.push(run)
  }

  settle(outcome: number | Error): void {
    this.isSettled = true
    if (typeof outcome === 'number') this.baseOffset = outcome
    else this.error = outcome
    for (const run of this.#waiting.splice(0)) run()
  }
}

/** One open batch per partition, for ever. */
class FakeProducer implements Partial<Producer> {
  readonly batches = new Map<string, FakeBatch>()
  readonly order: string[] = []
  isFull = false
  refusal: Error | null = null
  readonly flushed = new Deferred<void>()

  append(message: Outgoing): FakeBatch {
    if (this.refusal !== null) throw this.refusal
    const at = `${message.topic}/${message.partition}`
    const batch = this.batches.get(at) ?? new FakeBatch(message)
    this.batches.set(at, batch)
    batch.values.push(message.value)
    this.order.push(`${at} ${String(message.value)}`)
    return batch
  }

  flush(): Promise<void> {
    return this.flushed.promise
  }

  drained(): Promise<void> {
    return Promise.resolve()
  }
}

function bench(partitions: (topic: string) => Promise<number> = () => Promise.resolve(4), random?: Random) {
  const producer = new FakeProducer()
  const told = { hopeless: [] as Error[], undelivered: [] as Error[], prepared: [] as string[] }
  const outbox = new Outbox(
    {
      clock: systemClock,
      ...(random !== undefined && { random }),
      prepare: topic => (told.prepared.push(topic), partitions(topic)),
      onHopeless: error => void told.hopeless.push(error),
      onUndelivered: error => void told.undelivered.push(error),
    },
    keyHash,
  )
  outbox.open(producer as unknown as Producer)
  return { outbox, producer, told }
}

function letter(value: string, parts: Partial<Letter> & { text?: string } = {}): Letter {
  const { text, ...rest } = parts
  const key = text === undefined ? null : Buffer.from(text)
  return { topic: 't', partition: null, timestamp: 0, key, keyStart: 0, keyEnd: key?.length ?? 0, value, headers: null, ...rest }
}

const turn = (): Promise<void> => nextTurn(systemClock)

test('messages wait for their topic’s partitions and go out in the order they were sent', async () => {
  const partitions = new Deferred<number>()
  const { outbox, producer, told } = bench(topic => (topic === 'slow' ? partitions.promise : Promise.resolve(1)))
  outbox.send(letter('s1', { topic: 'slow' }))
  outbox.post(letter('s2', { topic: 'slow' }))
  outbox.send(letter('f1', { topic: 'fast' }))
  await turn()
  outbox.send(letter('s3', { topic: 'slow' }))
  expect(producer.order).toEqual(['fast/0 f1'])
  partitions.resolve(1)
  await turn()
  outbox.send(letter('s4', { topic: 'slow' }))
  expect(producer.order.slice(1)).toEqual(['slow/0 s1', 'slow/0 s2', 'slow/0 s3', 'slow/0 s4'])
  expect(told.prepared).toEqual(['slow', 'fast'])
})

test('a letter that is posted may be used again, also while its topic is not known yet', async () => {
  const { outbox, producer } = bench(() => Promise.resolve(1))
  const reused = letter('a')
  for (const value of ['a', 'b', 'c']) {
    reused.value = value
    outbox.post(reused)
    if (value === 'b') await turn()
  }
  expect(producer.order).toEqual(['t/0 a', 't/0 b', 't/0 c'])
})

test('messages without a key take turns over the partitions, keys stay where the Java client puts them', async () => {
  const { outbox, producer } = bench()
  for (let count = 0; count < 6; count++) outbox.send(letter(`n${count}`))
  for (const text of ['alice', 'bob', 'alice']) outbox.send(letter(text, { text }))
  await turn()
  expect(producer.order.slice(0, 6)).toEqual(['t/0 n0', 't/1 n1', 't/2 n2', 't/3 n3', 't/0 n4', 't/1 n5'])
  const placed = (text: string): string => `t/${keyHash(Buffer.from(text), 0, text.length) % 4} ${text}`
  expect(producer.order.slice(6)).toEqual([placed('alice'), placed('bob'), placed('alice')])
})

test('where they begin to take turns is left to chance, for each topic and each outbox', async () => {
  const random = seededRandom(1)
  const begins = new Set<string>()
  for (let process = 0; process < 50; process++) {
    const { outbox, producer } = bench(undefined, random)
    for (const topic of ['a', 'b']) for (let sends = 0; sends < 5; sends++) outbox.post(letter('', { topic }))
    await turn()
    const partitions = producer.order.map(at => Number(at[2]))
    const [ofA = -1, ofB = -1] = [partitions[0], partitions[5]]
    expect(partitions).toEqual([ofA, ofB].flatMap(first => [0, 1, 2, 3, 4].map(later => (first + later) % 4)))
    begins.add(`${ofA} ${ofB}`)
  }
  expect(begins.size).toBeGreaterThan(10)
})

test('who awaits a message learns where it lies', async () => {
  const { outbox, producer } = bench(() => Promise.resolve(1))
  const [first, second] = [outbox.send(letter('a')), outbox.send(letter('b'))]
  const parked = second.then(placement => placement)
  await turn()
  expect(first.isAwaited).toBe(false)
  producer.batches.get('t/0')?.settle(70)
  expect(await parked).toEqual({ topic: 't', partition: 0, offset: 71 })
  expect(await first).toEqual({ topic: 't', partition: 0, offset: 70 })
  let isSettled = false
  await first.finally(() => (isSettled = true))
  expect(isSettled).toBe(true)
})

test('a failure is told unless every message of the batch is awaited', async () => {
  const failure = new SendError('the broker is gone', { topic: 't' })
  for (const [awaited, isTold] of [
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const { outbox, producer, told } = bench(() => Promise.resolve(1))
    const sent = [outbox.send(letter('a')), outbox.send(letter('b'))]
    const rejections = sent.slice(0, awaited).map(message => message.catch((error: unknown) => error))
    await turn()
    producer.batches.get('t/0')?.settle(failure)
    await turn()
    expect(await Promise.all(rejections)).toEqual(sent.slice(0, awaited).map(() => failure))
    expect([told.undelivered, told.hopeless]).toEqual([isTold ? [failure] : [], []])
  }
})

test('where the broker has refused some messages of a batch, only these have failed', async () => {
  const failure = new SendError('too large', { topic: 't' })
  for (const isAwaited of [true, false]) {
    const { outbox, producer, told } = bench(() => Promise.resolve(1))
    const [before, refused, unawaited] = [outbox.send(letter('a')), outbox.send(letter('b')), outbox.send(letter('c'))]
    await turn()
    const batch = producer.batches.get('t/0')!
    const rejected = isAwaited ? refused.catch((error: unknown) => error) : failure
    const delivered = before.catch((error: unknown) => error)
    Object.assign(batch, { refused: [1], baseOffset: 7 })
    batch.settle(failure)
    await turn()
    expect([await delivered, await rejected, unawaited.isAwaited]).toEqual([
      { topic: 't', partition: 0, offset: 7 },
      failure,
      false,
    ])
    expect(told.undelivered).toEqual(isAwaited ? [] : [failure])
  }
})

test('a message awaited in the very turn of its failure is its awaiter’s', async () => {
  const { outbox, producer, told } = bench(() => Promise.resolve(1))
  const sent = outbox.send(letter('a'))
  await turn()
  producer.batches.get('t/0')?.settle(new SendError('no', { topic: 't' }))
  await expect(sent).rejects.toThrow('no')
  await turn()
  expect(told.undelivered).toEqual([])
})

test('what can never be sent rejects whoever awaits it, and is told when nobody does', async () => {
  const { outbox, producer, told } = bench(() => Promise.resolve(1))
  producer.refusal = new EncodeError('too large')
  const awaited = outbox.send(letter('awaited')).catch((error: unknown) => error)
  await turn()
  expect([await awaited, told.hopeless]).toEqual([producer.refusal, []])
  outbox.send(letter('sent'))
  outbox.post(letter('posted'))
  outbox.refuse(producer.refusal)
  expect(told.hopeless).toEqual([])
  await turn()
  expect(told.hopeless).toEqual([producer.refusal, producer.refusal, producer.refusal])
})

test('a partition that there is not is refused by name', async () => {
  const { outbox, producer, told } = bench()
  for (const partition of [4, -1, 1.5, Number.NaN]) {
    const refused = outbox.send(letter('a', { partition }))
    await expect(refused).rejects.toThrow(
      `Cannot send to partition ${partition} of "t": it has 4. Name one from 0 to 3, or none.`,
    )
  }
  outbox.send(letter('in', { partition: 3 }))
  outbox.send(letter('round', { partition: 6, wraps: true }))
  expect([producer.order, told.hopeless]).toEqual([['t/3 in', 't/2 round'], []])
})

test('before a partition is refused the topic is looked at again; others go on, and none of its own overtakes it', async () => {
  const looks: Deferred<number>[] = []
  const { outbox, producer } = bench(() => (looks.push(new Deferred()), looks.at(-1)!.promise))
  const reused = letter('new 1', { partition: 4 })
  outbox.post(reused)
  looks[0]!.resolve(2)
  await turn()
  expect(looks.length).toBe(2)
  reused.value = 'new 2'
  outbox.post(reused)
  const newer = outbox.send(letter('newer', { partition: 6 }))
  outbox.send(letter('old', { partition: 1 }))
  let isFlushed = false
  const flushed = outbox.flush().then(() => (isFlushed = true))
  producer.flushed.resolve()
  await turn()
  expect([producer.order, isFlushed]).toEqual([['t/1 old'], false])
  outbox.forget('t')
  outbox.send(letter('new 3', { partition: 4 }))
  const inTheMeantime = looks[1]!.promise.then(() => void outbox.send(letter('new 4', { partition: 4 })))
  looks[1]!.resolve(5)
  await inTheMeantime
  await turn()
  outbox.send(letter('new 5', { partition: 4 }))
  expect(producer.order.slice(1)).toEqual([1, 2, 3, 4, 5].map(number => `t/4 new ${number}`))
  looks[2]!.resolve(7)
  await flushed
  producer.batches.get('t/6')?.settle(0)
  expect([await newer, looks.length]).toEqual([{ topic: 't', partition: 6, offset: 0 }, 3])
})

test('a topic that cannot be looked at again, and closing, fail what waits for its partition', async () => {
  const looks = [Promise.resolve(2), Promise.reject(new TransportError('no broker')), new Promise<never>(() => undefined)]
  const { outbox, producer } = bench(() => looks.shift()!)
  const send = (): Promise<unknown> => outbox.send(letter('a', { partition: 7 })).catch((error: unknown) => error)
  expect(await send()).toMatchObject({ message: 'Cannot send to "t": no broker', retriable: true })
  const waiting = send()
  await turn()
  outbox.close()
  expect([await waiting, producer.order]).toEqual([expect.objectContaining({ code: 'FAUST_CLOSED' }), []])
})

test('a topic that cannot be prepared fails what waited for it, and is asked for again', async () => {
  let tries = 0
  const { outbox, producer, told } = bench(() => (++tries === 1 ? Promise.reject(new Error('no leader')) : Promise.resolve(1)))
  const refused = outbox.send(letter('a'))
  await expect(refused).rejects.toMatchObject({ code: 'FAUST_SEND', message: 'Cannot send to "t": no leader' })
  outbox.send(letter('b'))
  await turn()
  expect([producer.order, told.hopeless, told.prepared]).toEqual([['t/0 b'], [], ['t', 't']])
})

test('a failure to prepare a topic that may pass stops the commit, any other the worker', async () => {
  for (const [cause, kind] of [
    [new TransportError('no leader'), 'undelivered'],
    [new TransportError('not authorised', { retriable: false }), 'hopeless'],
  ] as const) {
    const { outbox, told } = bench(() => Promise.reject(cause))
    outbox.send(letter('a'))
    await turn()
    await turn()
    expect(told[kind]).toMatchObject([{ code: 'FAUST_SEND', cause }])
    expect(told.hopeless.length + told.undelivered.length).toBe(1)
  }
})

test('a topic that is forgotten is looked at again before the next message', async () => {
  let partitions = 1
  const { outbox, producer } = bench(() => Promise.resolve(partitions))
  outbox.send(letter('a'))
  await turn()
  partitions = 3
  outbox.forget('t')
  outbox.send(letter('b', { partition: 2 }))
  await turn()
  expect([producer.order, outbox.partitionsOf('t'), outbox.partitionsOf('unknown')]).toEqual([['t/0 a', 't/2 b'], 3, 0])
})

test('a flush waits for topics still to be prepared, for the broker, and until failures have been told', async () => {
  const partitions = new Deferred<number>()
  const { outbox, producer, told } = bench(() => partitions.promise)
  outbox.send(letter('a'))
  let isFlushed = false
  const flushed = outbox.flush().then(() => (isFlushed = true))
  partitions.resolve(1)
  await turn()
  expect([producer.order, isFlushed]).toEqual([['t/0 a'], false])
  producer.batches.get('t/0')?.settle(new SendError('no', { topic: 't' }))
  producer.flushed.resolve()
  await flushed
  expect(told.undelivered.length).toBe(1)
  outbox.send(letter('b', { partition: 9 }))
  await outbox.flush()
  expect(told.hopeless.length).toBe(1)
})

test('after closing what waits and what comes later is refused, and nobody is told', async () => {
  const { outbox, told } = bench(topic => (topic === 'never' ? new Promise(() => undefined) : Promise.resolve(1)))
  outbox.send(letter('a'))
  await turn()
  const parked = outbox.send(letter('b', { topic: 'never' }))
  const waiting = parked.catch((error: unknown) => error)
  outbox.close()
  const closed = { code: 'FAUST_CLOSED' }
  expect(await waiting).toMatchObject(closed)
  await expect(outbox.send(letter('c'))).rejects.toMatchObject(closed)
  await expect(outbox.send(letter('d', { topic: 'never' }))).rejects.toMatchObject(closed)
  outbox.send(letter('e'))
  await turn()
  expect(told.hopeless).toEqual([])
})

test('it is full while too much waits for topics that are not known yet', async () => {
  const partitions = new Deferred<number>()
  const { outbox, producer } = bench(() => partitions.promise)
  const half = 'x'.repeat(512 * 1024)
  outbox.send(letter(half))
  expect(outbox.isFull).toBe(false)
  outbox.post(letter(half))
  expect(outbox.isFull).toBe(true)
  let isDrained = false
  const drained = outbox.drained().then(() => (isDrained = true))
  await turn()
  expect(isDrained).toBe(false)
  partitions.resolve(1)
  await drained
  expect([outbox.isFull, producer.order.length]).toEqual([false, 2])
})

test('it is full when its producer is', () => {
  const { outbox, producer } = bench()
  expect(outbox.isFull).toBe(false)
  producer.isFull = true
  expect(outbox.isFull).toBe(true)
})
