import { expect, test } from 'vitest'
import { commitOffsetsInTransaction } from '../wire/transaction.js'
import { TransactionRequests } from './transaction-requests.js'

test('an offset that the coordinator leaves out of its answer has not been committed', async () => {
  const asked: unknown[] = []
  const requests = new TransactionRequests({
    cluster: {
      atCoordinator: (_of, api) => {
        asked.push(api)
        return Promise.resolve({ partitions: [{ topic: 'orders', partition: 0, errorCode: 0 }] } as never)
      },
    },
    transactionalId: 't',
    transactionTimeoutMs: 5000,
  })
  const member = { groupId: 'g', memberId: 'm', instanceId: null, generation: 1, isLeader: true, assignment: Buffer.alloc(0) }
  const commit = (...numbers: readonly number[]): Promise<void> => {
    const offsets = numbers.map(partition => ({ topic: 'orders', partition, offset: 3 }))
    return requests.commitOffsets({ producerId: 7, producerEpoch: 0 }, member, { offsets, isNewer: true })
  }
  await commit(0)
  await expect(commit(0, 1)).rejects.toThrow('"orders"[1]: the broker has left it out of its answer')
  expect(asked).toEqual([commitOffsetsInTransaction, commitOffsetsInTransaction])
})
