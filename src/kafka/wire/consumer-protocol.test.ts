import type * as library from '@platformatic/kafka'
import { beforeAll, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { provideWithResolvers } from '../../lib/with-resolvers.js'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.js'

let oracle: typeof library
beforeAll(async () => {
  provideWithResolvers()
  oracle = await import('@platformatic/kafka')
})

const userData = Buffer.from([0, 1, 2, 0xff])

test('subscriptions are those that brokers parse, and come back as they went', () => {
  const topics = ['orders', 'pâté']
  const bytes = encodeSubscription({ topics, userData })
  expect(bytes).toEqual(oracle.encodeConsumerProtocolSubscription({ version: 1, topics, userData, ownedPartitions: [] }))
  expect(decodeSubscription(bytes)).toEqual({ topics, userData })
})

test('assignments likewise, whatever the order of the partitions', () => {
  const partitions = [
    { topic: 'orders', partition: 0 },
    { topic: 'words', partition: 0 },
    { topic: 'orders', partition: 1 },
  ]
  const bytes = encodeAssignment({ partitions, userData })
  const assignedPartitions = [
    { topic: 'orders', partitions: [0, 1] },
    { topic: 'words', partitions: [0] },
  ]
  expect(bytes).toEqual(oracle.encodeConsumerProtocolAssignment({ version: 0, assignedPartitions, userData }))
  expect(decodeAssignment(bytes)).toEqual({ partitions: [partitions[0], partitions[2], partitions[1]], userData })
})

test('a later version of a subscription has more behind it, which is not looked at', () => {
  const later = Buffer.concat([encodeSubscription({ topics: ['orders'], userData }), Buffer.from([0, 0, 0, 9])])
  later.writeInt16BE(3, 0)
  expect(decodeSubscription(later).userData).toEqual(userData)
})

test('a member without an assignment got no bytes; nonsense is a TransportError', () => {
  expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: [], userData: Buffer.alloc(0) })
  expect(() => decodeAssignment(Buffer.from([0, 0, 0, 0]))).toThrow(TransportError)
  expect(() => decodeSubscription(Buffer.from('nonsense of another kind'))).toThrow(TransportError)
})
