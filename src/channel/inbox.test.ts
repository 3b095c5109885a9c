import { expect, test } from 'vitest'
import { nextTurn, systemClock } from '../lib/clock.js'
import { TurnBudget } from '../lib/turn.js'
import { Hands } from '../stream/hands.js'
import { EventIterator } from '../stream/iterator.js'
import { StreamQueue } from '../stream/queue.js'
import { Inbox, type ChannelItem } from './inbox.js'

function item(value: unknown, parts: Partial<ChannelItem> = {}): ChannelItem {
  return { value, key: null, headers: null, timestamp: 0, ...parts }
}

/** Somebody who reads the channel. */
function subscriber(inbox: Inbox) {
  const queue = new StreamQueue()
  inbox.subscribe(queue)
  const gate = { isFull: false, drained: () => Promise.resolve() }
  const reading = { queue, hands: new Hands(), stages: [], isManual: false, turn: new TurnBudget(systemClock), gate }
  return { queue, loop: new EventIterator<unknown>(reading, null), hands: reading.hands }
}

async function take(loop: EventIterator<unknown>, count: number): Promise<unknown[]> {
  const values: unknown[] = []
  while (values.length < count) values.push((await loop.next()).value)
  return values
}

/** Sends, and tells whether it has been let in. */
function send(inbox: Inbox, value: unknown): { isIn: boolean; error: unknown } {
  const sent = { isIn: false, error: null as unknown }
  inbox.put(item(value)).then(
    () => (sent.isIn = true),
    (error: unknown) => (sent.error = error),
  )
  return sent
}

const turn = (): Promise<void> => nextTurn(systemClock)

test('every subscriber gets everything, in order', async () => {
  const inbox = new Inbox('alerts', 10)
  const readers = [subscriber(inbox), subscriber(inbox)]
  for (const value of ['a', 'b', 'c']) await inbox.put(item(value))
  for (const { loop } of readers) expect(await take(loop, 3)).toEqual(['a', 'b', 'c'])
})

test('what is sent before anybody listens waits for all who subscribe first, and keeps its place', async () => {
  const inbox = new Inbox('alerts', 10)
  await inbox.put(item('early'))
  const readers = [subscriber(inbox), subscriber(inbox)]
  await inbox.put(item('later'))
  for (const { loop } of readers) expect(await take(loop, 2)).toEqual(['early', 'later'])
  const late = subscriber(inbox)
  await inbox.put(item('last'))
  expect(await take(late.loop, 1)).toEqual(['last'])
})

test('sending waits when it is full, and those who wait are let in in their order', async () => {
  const inbox = new Inbox('alerts', 2)
  const { loop } = subscriber(inbox)
  const sent = ['a', 'b', 'c', 'd'].map(value => send(inbox, value))
  await turn()
  expect(sent.map(({ isIn }) => isIn)).toEqual([true, true, false, false])
  expect(await take(loop, 1)).toEqual(['a'])
  await turn()
  expect(sent.map(({ isIn }) => isIn)).toEqual([true, true, true, false])
  expect(await take(loop, 3)).toEqual(['b', 'c', 'd'])
})

test('it waits before anybody listens as well', async () => {
  const inbox = new Inbox('alerts', 1)
  const sent = ['a', 'b'].map(value => send(inbox, value))
  await turn()
  expect(sent.map(({ isIn }) => isIn)).toEqual([true, false])
  const { loop } = subscriber(inbox)
  expect(await take(loop, 2)).toEqual(['a', 'b'])
  expect(sent[1]?.isIn).toBe(true)
})

test('the slowest subscriber decides', async () => {
  const inbox = new Inbox('alerts', 1)
  const [fast, slow] = [subscriber(inbox), subscriber(inbox)]
  await inbox.put(item('a'))
  const sent = send(inbox, 'b')
  await take(fast.loop, 1)
  await turn()
  expect(sent.isIn).toBe(false)
  await take(slow.loop, 1)
  await turn()
  expect(sent.isIn).toBe(true)
})

test('a subscriber that goes holds up nobody', async () => {
  const inbox = new Inbox('alerts', 1)
  const [fast, gone] = [subscriber(inbox), subscriber(inbox)]
  await inbox.put(item('a'))
  const sent = send(inbox, 'b')
  await take(fast.loop, 1)
  gone.queue.close()
  await turn()
  expect([sent.isIn, await take(fast.loop, 1)]).toEqual([true, ['b']])
})

test('an event that is handed out again takes nobody’s room for ever', async () => {
  const inbox = new Inbox('alerts', 1)
  const { loop, hands } = subscriber(inbox)
  await inbox.put(item('a'))
  await loop.next()
  const [held] = hands.take()
  held?.lot.returns?.putBack([held])
  const sent = send(inbox, 'b')
  expect(await take(loop, 2)).toEqual(['a', 'b'])
  await turn()
  expect(sent.isIn).toBe(true)
})

test('its events are of no partition and travel by reference, with their key, headers and time', async () => {
  const inbox = new Inbox('alerts', 1)
  const { loop } = subscriber(inbox)
  const value = { text: 'fire' }
  const headers = new Map([['trace', Buffer.from('t')]])
  await inbox.put(item(value, { key: 7, headers, timestamp: 123 }))
  expect((await loop.next()).value).toBe(value)
  const { columns } = loop.lot
  expect([columns.topic, columns.partition, columns.offset(0), columns.key(0), columns.timestamp(0)]).toEqual([
    'alerts',
    -1,
    -1,
    7,
    123,
  ])
  expect([columns.headers(0), columns.hasHeaders]).toEqual([headers, true])
})

test('when it closes those who wait are told, and so is whoever comes later; nobody has to listen', async () => {
  const inbox = new Inbox('alerts', 1)
  const sent = ['a', 'b'].map(value => send(inbox, value))
  void inbox.put(item('nobody listens'))
  inbox.close()
  void inbox.put(item('nobody listens'))
  const late = send(inbox, 'late')
  await turn()
  expect(sent[0]?.isIn).toBe(true)
  for (const { isIn, error } of [sent[1], late] as { isIn: boolean; error: unknown }[]) {
    expect(isIn).toBe(false)
    expect(error).toMatchObject({ code: 'FAUST_CLOSED', message: 'Cannot send to channel "alerts": its worker has stopped.' })
  }
})

test('nothing of it settles once it is closed', async () => {
  const inbox = new Inbox('alerts', 2)
  const { loop } = subscriber(inbox)
  await inbox.put(item('a'))
  await loop.next()
  inbox.close()
  loop.lot.settle(0)
  expect(loop.lot.isDone).toBe(false)
})

test('what there is room for makes no promise; what has to wait does', async () => {
  const inbox = new Inbox('orders', 1)
  const { loop } = subscriber(inbox)
  expect(inbox.offer(item('a'))).toBeNull()
  const waiting = inbox.offer(item('b'))
  expect(waiting).toBeInstanceOf(Promise)
  expect(await take(loop, 2)).toEqual(['a', 'b'])
  await waiting
  inbox.close()
  await expect(inbox.offer(item('c'))).rejects.toThrow('has stopped')
})
