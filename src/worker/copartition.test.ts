import { expect, test } from 'vitest'
import { CopartitionError } from '../errors.js'
import type { TopicDescription } from '../transport/transport.js'
import { requireCopartitioned } from './copartition.js'

const topics = [described('orders', 4), described('users', 8), described('payments', 4)]

test('topics with the same number, and those that are not there yet, may be read together', () => {
  requireCopartitioned([], topics)
  requireCopartitioned([['orders', 'payments', 'orders'], ['users', 'later'], ['later']], topics)
})

test('others may not: the error names each with its number, and what to do', () => {
  const check = (): void =>
    requireCopartitioned(
      [
        ['orders', 'payments'],
        ['users', 'orders'],
      ],
      topics,
    )
  expect(check).toThrow(CopartitionError)
  expect(check).toThrow(
    'Topics that are read together must have the same number of partitions: "orders" has 4, "users" has 8. ' +
      'Make one of them anew with as many as the other, or write it again with groupBy or through.',
  )
})

function described(name: string, partitions: number): TopicDescription {
  return { name, id: name, partitions, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }
}
