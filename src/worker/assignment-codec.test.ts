import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransportError } from '../errors.js'
import { decodeAssignment, decodeMember, encodeAssignment, encodeMember } from './assignment-codec.js'

const topic = fc.oneof(fc.constantFrom('orders', '__proto__', 'constructor', '0'), fc.string({ minLength: 1, maxLength: 5 }))
const places = fc.uniqueArray(fc.record({ topic, partition: fc.nat(300) }), { selector: at => `${at.topic}:${at.partition}` })
const topics = fc.uniqueArray(topic)

test('a member reads back as it was, sorted', () => {
  const state = fc.record({ generation: fc.integer({ min: -1 }), topics, owned: places, held: places, wasLeader: fc.boolean() })
  fc.assert(
    fc.property(state, said => {
      const read = decodeMember({ memberId: 'm', instanceId: 'i', metadata: encodeMember(said) })
      expect(read).toEqual({ ...read, memberId: 'm', instanceId: 'i', generation: said.generation, wasLeader: said.wasLeader })
      expect(read.topics).toEqual(said.topics.toSorted())
      expect(shown(read.owned)).toEqual(shown(said.owned))
      expect(shown(read.held)).toEqual(shown(said.held))
    }),
  )
})

test('an assignment reads back as it was, sorted', () => {
  const counts = fc.uniqueArray(fc.tuple(topic, fc.nat()), { selector: ([name]) => name })
  const some = fc.record({ active: places, isLeader: fc.boolean(), isSettled: fc.boolean(), topics, counts })
  fc.assert(
    fc.property(some, ({ counts: pairs, ...rest }) => {
      const read = decodeAssignment('m', encodeAssignment({ ...rest, counts: new Map(pairs) }))
      expect(read).toEqual({ ...read, isLeader: rest.isLeader, isSettled: rest.isSettled, topics: rest.topics.toSorted() })
      expect(shown(read.active)).toEqual(shown(rest.active))
      expect(read.counts).toEqual(new Map(pairs))
    }),
  )
})

test('the same facts are the same bytes', () => {
  const said = { generation: 1, held: [], wasLeader: false }
  const one = encodeMember({ ...said, topics: ['b', 'a'], owned: [at('b', 1), at('a', 2), at('a', 0)] })
  const other = encodeMember({ ...said, topics: ['a', 'b'], owned: [at('a', 0), at('a', 2), at('b', 1)] })
  expect(Buffer.from(one).toString()).toBe(Buffer.from(other).toString())
  expect(Buffer.from(one).toString()).toBe(
    '{"generation":1,"held":{},"owned":{"a":[0,2],"b":[1]},"topics":["a","b"],"version":1,"wasLeader":false}',
  )
})

test('a field that a later release added is passed over', () => {
  const metadata = Buffer.from('{"version":1,"generation":3,"topics":[],"owned":{},"held":{},"wasLeader":true,"rack":"a"}')
  expect(decodeMember({ memberId: 'm', instanceId: null, metadata })).toEqual({
    memberId: 'm',
    instanceId: null,
    generation: 3,
    topics: [],
    owned: [],
    held: [],
    wasLeader: true,
  })
})

test.each([
  ['nothing', '', 'its 0 bytes are not JSON'],
  ['text', 'hello', 'its 5 bytes are not JSON'],
  ['a list', '[]', 'it is not an object'],
  ['null', 'null', 'it is not an object'],
  ['another version', '{"version":2}', 'its version is 2'],
  ['a missing field', '{"version":1}', "'generation' is undefined"],
  ['a field of another type', '{"version":1,"generation":1,"topics":[1]}', `'topics' is [1]`],
  ['half a partition', '{"version":1,"generation":1,"topics":[],"owned":{"a":[0.5]}}', `'owned' is {"a":[0.5]}`],
])('%s is no member: the error says which one and why', (_what, text, why) => {
  const read = (): unknown => decodeMember({ memberId: 'worker-7', instanceId: null, metadata: Buffer.from(text) })
  expect(read).toThrow(TransportError)
  expect(read).toThrow(`Cannot read of group member 'worker-7' what it says of itself: ${why}. All members`)
})

test('bytes that are not an assignment: the error says whose', () => {
  expect(() => decodeAssignment('worker-7', Buffer.from([0xff]))).toThrow(
    `Cannot read of group member 'worker-7' what it was assigned: its 1 bytes are not JSON. All members`,
  )
})

test('any bytes are read or refused with a TransportError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(text => Buffer.from(text)),
      ),
      bytes => {
        try {
          decodeAssignment('m', bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError)
        }
      },
    ),
  )
})

function at(name: string, partition: number): { topic: string; partition: number } {
  return { topic: name, partition }
}

function shown(partitions: readonly { topic: string; partition: number }[]): string[] {
  return partitions.map(({ topic: name, partition }) => `${name}:${partition}`).sort()
}
