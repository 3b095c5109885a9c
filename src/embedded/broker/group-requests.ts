import type { Answer as Pending } from '../group/answer.js'
import type { Coordinator } from '../group/coordinator.js'
import { type Joined, stranger } from '../group/member.js'
import type { Answer, MemberStamp } from '../wire/protocol.js'
import { seatOf } from './caller.js'
import type { Context, HandlersOf } from './handler.js'
import type { BrokerState } from './state.js'

/** What clients ask about groups, and what members say. */
export const groupRequests: HandlersOf<
  'join' | 'sync' | 'heartbeat' | 'leave' | 'commit' | 'committed' | 'groupOffsets' | 'resetGroup'
> = {
  join({ groupId, memberId, metadata, ...asks }, question, { state, caller }) {
    const coordinator = state.groups.open(groupId)
    const answer: Pending<Joined> = {
      resolve: joined => question.resolve(toWire(joined)),
      reject: error => question.reject(error),
    }
    const nudge = (): void => state.nudge(groupId, memberId)
    const who = {
      memberId,
      metadata: Buffer.from(metadata, 'base64'),
      process: caller.process,
      clock: state.clock,
      nudge,
      ...asks,
    }
    caller.seats.add(seatOf(groupId, memberId))
    question.wait(() => coordinator.withdraw(answer))
    coordinator.join(who, answer)
  },

  sync({ groupId, stamp, assignments }, question, context) {
    const coordinator = seated(context, groupId, stamp)
    const answer: Pending<Uint8Array | null> = {
      resolve: assignment => question.resolve(assignment && Buffer.from(assignment).toString('base64')),
      reject: error => question.reject(error),
    }
    const given = assignments?.map(([memberId, bytes]) => [memberId, Buffer.from(bytes, 'base64')] as const)
    question.wait(() => coordinator.withdraw(answer))
    coordinator.sync(stamp, given === undefined ? null : new Map(given), answer)
  },

  heartbeat({ groupId, stamp }, question, context) {
    question.resolve(seated(context, groupId, stamp).heartbeat(stamp))
  },

  leave({ groupId, memberId }, question, { state, caller }) {
    caller.seats.delete(seatOf(groupId, memberId))
    state.groups.get(groupId)?.leave(memberId)
    question.resolve(null)
  },

  commit({ groupId, stamp, offsets }, question, { state }) {
    find(state, groupId, stamp).check(stamp)
    for (const at of offsets) state.topics.log(at, 'commit an offset of')
    state.groups.commit(groupId, offsets)
    question.resolve(null)
  },

  committed({ groupId, partitions }, question, { state }) {
    question.resolve(state.groups.get(groupId)?.offsets.of(partitions) ?? [])
  },

  groupOffsets({ groupId }, question, { state }) {
    question.resolve(state.groups.get(groupId)?.offsets.all() ?? [])
  },

  resetGroup({ groupId, offsets }, question, { state }) {
    for (const at of offsets) state.topics.log(at, 'reset the offset of')
    state.groups.reset(groupId, offsets)
    question.resolve(null)
  },
}

/** Throws `FencedError` where nobody has ever joined. */
export function find(state: BrokerState, groupId: string, stamp: Omit<MemberStamp, 'generation'>): Coordinator {
  const coordinator = state.groups.get(groupId)
  if (coordinator === undefined) throw stranger(groupId, stamp.memberId)
  return coordinator
}

/** Whoever speaks for a member is told when it has to join again. */
function seated({ state, caller: { seats } }: Context, groupId: string, stamp: MemberStamp): Coordinator {
  const seat = seatOf(groupId, stamp.memberId)
  const coordinator = find(state, groupId, stamp)
  if (coordinator.has(stamp.memberId)) seats.add(seat)
  else seats.delete(seat)
  return coordinator
}

function toWire({ generation, isLeader, members }: Joined): Answer<'join'> {
  const roll = members?.map(({ metadata, ...member }) => ({ ...member, metadata: Buffer.from(metadata).toString('base64') }))
  return { generation, isLeader, members: roll ?? null }
}
