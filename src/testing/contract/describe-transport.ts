import assert from 'node:assert/strict'
import { administration } from './administration.js'
import { closing } from './closing.js'
import { groupOffsets } from './group-offsets.js'
import { groupRounds } from './group-rounds.js'
import type { TransportHarness } from './harness.js'
import { madeAgain } from './made-again.js'
import { reading } from './reading.js'
import { type ContractTest, Scene } from './scene.js'
import { staticMembers } from './static-members.js'
import { transactions } from './transactions.js'
import { writing } from './writing.js'

/** What a driver's author gives: a broker for each test, and the test runner's own `describe` and `test`. */
export interface TransportSuite {
  readonly name: string
  readonly create: () => Promise<TransportHarness>
  readonly describe: (name: string, body: () => void) => void
  readonly test: {
    (name: string, body: () => Promise<void>): void
    readonly skip: (name: string, body: () => Promise<void>) => void
  }
  /** Laws that this driver cannot keep, by name, and why not. An unknown name is an error. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[]
}

/**
 * The contract of `faust-ts/transport` as tests: a driver that passes is interchangeable with any other.
 *
 * @example
 * describeTransport({ name: 'memory', describe, test, create: async () => harnessOf(new MemoryBroker()) })
 */
export function describeTransport(suite: TransportSuite): void {
  const reasons = new Map(suite.skip?.map(({ test, reason }) => [test, reason]))
  const unknown = [...reasons.keys()].filter(name => !tests.some(test => test.name === name))
  assert.deepEqual(unknown, [], `Cannot skip what is not a test of the contract: ${unknown.join('; ')}.`)
  suite.describe(`transport contract: ${suite.name}`, () => {
    for (const test of tests) {
      const reason = reasons.get(test.name)
      if (reason === undefined) suite.test(test.name, () => perform(test, suite))
      else suite.test.skip(`${test.name} (${reason})`, () => perform(test, suite))
    }
  })
}

const tests: readonly ContractTest[] = [
  ...writing,
  ...reading,
  ...groupRounds,
  ...staticMembers,
  ...groupOffsets,
  ...madeAgain,
  ...transactions,
  ...administration,
  ...closing,
]

async function perform(test: ContractTest, suite: TransportSuite): Promise<void> {
  const harness = await suite.create()
  if (test.needs !== undefined && harness[test.needs] === undefined) return await harness.close()
  const scene = await Scene.open(harness)
  try {
    await test.run(scene)
  } catch (error) {
    await scene.close().catch(() => undefined)
    throw error
  }
  await scene.close()
}
