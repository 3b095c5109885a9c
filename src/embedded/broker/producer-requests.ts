import { CommitError } from '../../errors.js'
import type { Requests } from '../wire/protocol.js'
import { find } from './group-requests.js'
import type { HandlersOf } from './handler.js'
import type { BrokerState } from './state.js'

/** What producers ask besides having messages stored. */
export const producerRequests: HandlersOf<'openProducer' | 'closeProducer' | 'endTransaction'> = {
  openProducer({ transactionalId, transactionTimeoutMs }, question, { state: { producers } }) {
    const isPlain = transactionalId === null
    question.resolve(isPlain ? producers.openPlain() : producers.openTransactional(transactionalId, transactionTimeoutMs))
  },

  closeProducer({ writer }, question, { state: { producers } }) {
    producers.close(writer)
    question.resolve(null)
  },

  endTransaction(asks, question, { state }) {
    const owner = state.producers.transactional(asks.writer)
    if (!owner.hasEnded(asks.transaction, asks.isCommit)) {
      const groupId = checkOffsets(state, asks)
      owner.end(asks.transaction, asks.isCommit)
      if (groupId !== null) state.groups.commit(groupId, asks.offsets)
    }
    question.resolve(null)
  },
}

/** The group whose offsets go with the transaction, under the fencing of the membership; `null` when there are none. */
function checkOffsets(state: BrokerState, asks: Requests['endTransaction']['asks']): string | null {
  const { isCommit, offsets, membership } = asks
  if (!isCommit || offsets.length === 0) return null
  if (membership === null) throw new CommitError('Cannot commit offsets without a membership. Pass the one that join() gave.')
  for (const at of offsets) state.topics.log(at, 'commit an offset of')
  find(state, membership.groupId, membership).check(membership)
  return membership.groupId
}
