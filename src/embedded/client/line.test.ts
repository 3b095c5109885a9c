import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { ScriptedBroker } from '../../testing/scripted-broker.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { Lifetime } from '../lifetime.js'
import { jsonFrame } from '../wire/frame-codec.js'
import { frameKind, protocolVersion } from '../wire/protocol.js'
import { Line, type LineOptions } from './line.js'

const clock = virtualClock()
let broker: ScriptedBroker
let life: Lifetime

beforeEach(() => {
  broker = new ScriptedBroker()
  life = new Lifetime({ clientId: 'client', clock, random: seededRandom(1), log: silentLogger })
})

afterEach(async () => {
  await life.close()
  broker.close()
})

function open(dial: () => Promise<Socket> = broker.dial, options: LineOptions = {}): Line {
  const line = new Line(life, { directory: './.faust', fsync: false, dial }, options)
  life.attach(() => line.close())
  return line
}

function offsets(line: Line, groupId: string): Promise<unknown> {
  const offsets = line.ask('groupOffsets', { groupId }, { what: `read the offsets of "${groupId}"` })
  offsets.catch(() => undefined)
  return offsets
}

test('answers find their questions in any order, and a refusal is an error of its class', async () => {
  const line = open()
  const [one, two, three] = [offsets(line, 'one'), offsets(line, 'two'), offsets(line, 'three')]
  const heard = [await broker.next(), await broker.next(), await broker.next()] as const
  expect(heard.map(({ request }) => request)).toEqual(['one', 'two', 'three'].map(groupId => ({ type: 'groupOffsets', groupId })))
  broker.refuse(heard[1], new TransportError('no such group', { retriable: false }))
  broker.answer(heard[2], 'of three')
  broker.answer(heard[0], 'of one')
  expect(await Promise.all([one, three])).toEqual(['of one', 'of three'])
  await expect(two).rejects.toMatchObject({ code: 'FAUST_TRANSPORT', message: 'no such group', retriable: false })
})

test('what was not answered when the connection broke is asked again, in order and under its number', async () => {
  let times = 0
  const line = open(broker.dial, { onAgain: () => times++ })
  const questions = ['one', 'two', 'three'].map(groupId => offsets(line, groupId))
  const before = [await broker.next(), await broker.next(), await broker.next()] as const
  broker.answer(before[1], 'of two')
  await questions[1]
  broker.cut()
  const after = [await broker.next(), await broker.next()] as const
  expect(after).toEqual([before[0], before[2]])
  expect([broker.greetings, times]).toEqual([2, 1])
  broker.answer(after[0], 'of one')
  broker.answer(after[1], 'of three')
  // An answer that nobody waits for any more.
  broker.answer(after[0], 'twice')
  expect(await Promise.all(questions)).toEqual(['of one', 'of two', 'of three'])
})

test('what is asked while there is no connection is asked when there is one', async () => {
  const line = open()
  const first = offsets(line, 'first')
  broker.answer(await broker.next(), 1)
  await first
  broker.cut()
  const second = offsets(line, 'second')
  broker.answer(await broker.next(), 2)
  expect(await second).toBe(2)
})

test('what was withdrawn is cancelled, and not asked again', async () => {
  const line = open()
  const inquiry = line.inquire('groupOffsets', { groupId: 'one' }, { what: 'ask' })
  const other = offsets(line, 'other')
  const [{ id }, kept] = [await broker.next(), await broker.next()]
  inquiry.giveUp(new TransportError('changed my mind'))
  await expect(inquiry.answer).rejects.toThrow('changed my mind')
  expect(await broker.next()).toEqual({ kind: frameKind.cancel, id, request: null, produced: null })
  broker.cut()
  expect(await broker.next()).toEqual(kept)
  broker.answer(kept, null)
  await other
  expect(broker.hasHeardMore).toBe(false)
})

test('a question that nobody answers fails in time, and says of what and where', async () => {
  const line = open()
  const [short, long] = [
    offsets(line, 'short'),
    line.inquire('groupOffsets', { groupId: 'g' }, { what: 'wait', patienceMs: Infinity }),
  ]
  const heard = [await broker.next(), await broker.next()] as const
  await clock.advance('30s')
  await expect(short).rejects.toMatchObject({ code: 'FAUST_TRANSPORT', retriable: true })
  await expect(short).rejects.toThrow(
    'Cannot read the offsets of "short": the broker in "./.faust" has not answered for 30s. Look at the process that owns it, and try again.',
  )
  broker.answer(heard[0], 'too late')
  broker.answer(heard[1], 'in time')
  expect(await long.answer).toBe('in time')
})

test('as long as nobody answers the call it is tried again, ever more slowly', async () => {
  const waits: number[] = []
  let before = clock.elapsed()
  const line = open(() => {
    waits.push(clock.elapsed() - before)
    before = clock.elapsed()
    return waits.length < 12 ? Promise.reject(new TransportError('nobody there')) : broker.dial()
  })
  const asked = offsets(line, 'one')
  while (waits.length < 12) await clock.advance(1)
  expect(waits.slice(0, 2)).toEqual([0, 0])
  expect(waits[2]).toBeLessThanOrEqual(4)
  expect(Math.max(...waits)).toBeGreaterThan(120)
  expect(Math.max(...waits)).toBeLessThanOrEqual(250)
  broker.answer(await broker.next(), 'at last')
  expect(await asked).toBe('at last')
})

test('why the broker cannot be reached is part of the error', async () => {
  const line = open(() => Promise.reject(new TransportError('nobody has the directory')))
  const asked = offsets(line, 'one')
  await clock.advance('30s')
  await expect(asked).rejects.toThrow('has not answered for 30s (nobody has the directory). Look')
})

test('what was wrong before there was a connection is not', async () => {
  let isMended = false
  const line = open(() => (isMended ? broker.dial() : Promise.reject(new TransportError('nobody has the directory'))))
  const asked = offsets(line, 'one')
  await clock.settled()
  isMended = true
  await clock.advance(250)
  await broker.next()
  await clock.advance('30s')
  await expect(asked).rejects.toThrow('has not answered for 30s. Look')
})

test('what trying again cannot mend fails at once, and the next question tries again', async () => {
  let isMended = false
  const refused = new TransportError('no permission for "./.faust". Change its owner.', { retriable: false })
  const line = open(() => (isMended ? broker.dial() : Promise.reject(refused)))
  await expect(offsets(line, 'one')).rejects.toMatchObject({
    message: 'Cannot read the offsets of "one": no permission for "./.faust". Change its owner.',
    retriable: false,
    cause: refused,
  })
  isMended = true
  const asked = offsets(line, 'two')
  broker.answer(await broker.next(), 'of two')
  expect(await asked).toBe('of two')
})

test('a broker of another version is not talked to', async () => {
  broker.version = 99
  await expect(offsets(open(), 'one')).rejects.toThrow(
    `it speaks version 99 of its protocol, this process ${protocolVersion}. Use one version of this library`,
  )
})

test('after noise on the socket another one is opened', async () => {
  const line = open()
  const asked = offsets(line, 'one')
  await broker.next()
  broker.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  broker.answer(await broker.next(), 'of one')
  expect(await asked).toBe('of one')
})

test('closing fails what is pending, whatever the line is at', async () => {
  const connected = open()
  const asked = offsets(connected, 'one')
  await broker.next()
  const pending = [
    asked,
    offsets(
      open(() => new Promise(() => undefined)),
      'two',
    ),
    offsets(
      open(() => Promise.reject(new TransportError('no'))),
      'three',
    ),
  ]
  await life.close()
  for (const each of [...pending, offsets(connected, 'late')]) {
    await expect(each).rejects.toMatchObject({ code: 'FAUST_CLOSED' })
  }
})

test('a notice is passed on', async () => {
  const heard = new Deferred<unknown>()
  const line = open(broker.dial, { onNotice: notice => heard.resolve(notice) })
  const asked = offsets(line, 'one')
  broker.answer(await broker.next(), null)
  await asked
  broker.write(jsonFrame(frameKind.notice, 0, { type: 'topics' }))
  expect(await heard.promise).toEqual({ type: 'topics' })
})

test('the process stays alive for a question that is awaited, and for nothing else', async () => {
  let socket: Socket | undefined
  const line = open(async () => (socket = await broker.dial()))
  const isHeld = (): boolean => (socket as unknown as { _handle: { hasRef(): boolean } })._handle.hasRef()
  const first = offsets(line, 'one')
  const heard = await broker.next()
  expect(isHeld()).toBe(true)
  broker.answer(heard, null)
  await first
  expect(isHeld()).toBe(false)
  const never = { what: 'read', patienceMs: Infinity, isAwaited: false, answer: () => undefined, fail: () => undefined }
  line.send({ ...never, encode: id => [jsonFrame(frameKind.request, id, { type: 'fetch' })] })
  await broker.next()
  expect(isHeld()).toBe(false)
  const second = offsets(line, 'two')
  expect(isHeld()).toBe(true)
  broker.answer(await broker.next(), null)
  await second
  expect(isHeld()).toBe(false)
  const lost = socket
  broker.cut()
  while (socket === lost) await clock.settled()
  await broker.next()
  expect(isHeld()).toBe(false)
})
