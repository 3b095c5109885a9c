import { protocolErrors } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { FencedError, TransportError } from '../../errors.js'
import { actOn, errorCodes, errorFor, isRetriable, nameOf, type Right } from './error-codes.js'
import { errorNames } from './error-names.js'

test('every code up to 127 has the name that the library has for it, and 4.1 has six more', () => {
  const theirs = Object.values(protocolErrors).filter(({ code }) => code >= 0)
  for (const { code, id } of theirs) expect([code, nameOf(code)]).toEqual([code, id])
  expect(errorNames).toHaveLength(134)
  expect(errorCodes.REBOOTSTRAP_REQUIRED).toBe(129)
  expect(errorCodes.NONE).toBe(0)
})

test('what Java tries again is tried again', () => {
  // Apache Kafka 4.1.0, Errors.java: whose exception is a RetriableException; without those of share groups and elections.
  const retriable = [2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 88, 89, 100, 103, 106]
  expect(errorNames.flatMap((_, code) => (isRetriable(code) ? [code] : []))).toEqual(retriable)
})

test('each kind of act', () => {
  const acts = Object.entries({
    NONE: 'none',
    NOT_LEADER_OR_FOLLOWER: 'find-leader',
    NOT_COORDINATOR: 'find-coordinator',
    NOT_CONTROLLER: 'find-controller',
    COORDINATOR_LOAD_IN_PROGRESS: 'again',
    REBALANCE_IN_PROGRESS: 'rejoin',
    PRODUCER_FENCED: 'fenced',
    TOPIC_AUTHORIZATION_FAILED: 'give-up',
  })
  for (const [name, act] of acts) expect([name, actOn(errorCodes[name as keyof typeof errorCodes])]).toEqual([name, act])
})

test('a code that nobody has heard of is named by its number and given up', () => {
  const error = errorFor(999, 'Cannot commit')
  expect(error.message).toBe('Cannot commit: the broker refused (code 999).')
  expect(error).toMatchObject({ constructor: TransportError, retriable: false })
  expect([actOn(-1), nameOf(-1)]).toEqual(['give-up', 'UNKNOWN_SERVER_ERROR'])
})

test('who is replaced gets a FencedError', () => {
  for (const name of [
    'ILLEGAL_GENERATION',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'PRODUCER_FENCED',
    'INVALID_PRODUCER_EPOCH',
  ] as const) {
    expect(errorFor(errorCodes[name], 'Cannot commit')).toMatchObject({ constructor: FencedError, retriable: false })
  }
  expect(errorFor(errorCodes.REBALANCE_IN_PROGRESS, 'Cannot commit')).toMatchObject({
    constructor: TransportError,
    retriable: false,
  })
})

test('messages say what failed, why, in whose words, and what to do', () => {
  expect(errorFor(errorCodes.NON_EMPTY_GROUP, 'Cannot reset the group "orders"').message).toBe(
    'Cannot reset the group "orders": the group has members (NON_EMPTY_GROUP). Stop them, or wait until their sessions have ended.',
  )
  expect(errorFor(errorCodes.POLICY_VIOLATION, 'Cannot create "orders"', { said: 'Too many partitions. ' }).message).toBe(
    'Cannot create "orders": a policy of the broker forbids it (POLICY_VIOLATION: Too many partitions).',
  )
  expect(errorFor(errorCodes.NOT_COORDINATOR, 'Cannot commit', { said: '' }).message).toBe(
    'Cannot commit: another broker has become the coordinator (NOT_COORDINATOR).',
  )
})

test('what access rules refuse names the right that is missing, where that is known', () => {
  const { CLUSTER_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED } = errorCodes
  const remedy = (code: number, right?: Right): string => errorFor(code, 'No', right && { right }).message.split('). ')[1] ?? ''
  expect(remedy(TOPIC_AUTHORIZATION_FAILED, 'Write')).toBe('Grant it Write on the topic.')
  expect(remedy(TOPIC_AUTHORIZATION_FAILED)).toBe('Grant the permission.')
  expect(remedy(GROUP_AUTHORIZATION_FAILED, 'Delete')).toBe('Grant it Delete on the group.')
  expect(remedy(GROUP_AUTHORIZATION_FAILED)).toBe('Grant it Read on the group.')
  expect(remedy(CLUSTER_AUTHORIZATION_FAILED, 'Read')).toContain('it needs Write on a topic')
})
