import { expect, test } from 'vitest'
import { describeTransport, type TransportSuite } from './describe-transport.js'

/** Registers the suite with a runner that only takes notes. */
function register(skip: TransportSuite['skip'] = []): { run: string[]; skipped: string[] } {
  const [run, skipped] = [[] as string[], [] as string[]]
  const note = Object.assign((name: string) => void run.push(name), { skip: (name: string) => void skipped.push(name) })
  describeTransport({
    name: 'mine',
    create: () => expect.fail('nothing is run'),
    describe: (name, body) => (expect(name).toBe('transport contract: mine'), body()),
    test: note,
    skip,
  })
  return { run, skipped }
}

test('every test has a name of its own', () => {
  const { run } = register()
  expect(run.length).toBeGreaterThan(80)
  expect(new Set(run).size).toBe(run.length)
})

test('what is skipped says why', () => {
  const [name = ''] = register().run
  const { run, skipped } = register([{ test: name, reason: 'this broker cannot' }])
  expect(run).not.toContain(name)
  expect(skipped).toEqual([`${name} (this broker cannot)`])
})

test('skipping what is not a test is an error', () => {
  expect(() => register([{ test: 'no such test', reason: 'none' }])).toThrow(
    'Cannot skip what is not a test of the contract: no such test.',
  )
})
