import { expect, test } from 'vitest'
import type { Logger } from './log.js'
import { quietLogger } from './quiet-log.js'

test('nothing is opened for what is not wrong', () => {
  const { logger, lines, opened } = recorded()
  logger.debug({}, 'one')
  logger.info({}, 'two')
  logger.child({ a: 1 }).info({}, 'three')
  expect([lines, opened()]).toEqual([[], 0])
})

test('warnings and errors come out in order, all through one logger', async () => {
  const { logger, lines, opened } = recorded()
  logger.warn({ at: 1 }, 'first')
  logger.error({ at: 2 }, 'second')
  logger.child({ agent: 'a' }).warn({}, 'third')
  await new Promise(resolve => process.nextTick(resolve))
  expect(lines).toEqual(['warn first {"at":1}', 'error second {"at":2}', 'warn third {"agent":"a"}'])
  expect(opened()).toBe(1)
})

function recorded(): { logger: Logger; lines: string[]; opened: () => number } {
  const lines: string[] = []
  let count = 0
  const writing = (more: object): Logger => {
    const write = (level: string) => (facts: object, message: string) =>
      void lines.push(`${level} ${message} ${JSON.stringify({ ...more, ...facts })}`)
    const [debug, info, warn, error] = [write('debug'), write('info'), write('warn'), write('error')]
    return { debug, info, warn, error, child: facts => writing({ ...more, ...facts }) }
  }
  const open = (): Promise<Logger> => {
    count++
    return Promise.resolve(writing({}))
  }
  return { logger: quietLogger(open), lines, opened: () => count }
}
