import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { checkExample, exampleNames } from '../../scripts/examples.js'

const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

beforeAll(() => {
  if (!existsSync(built)) throw new Error('The examples use the library as it is built. Run: npm run build')
})

describe('as they are, with nothing but FAUST_BROKER set; the second run goes on with the topics of the first', () => {
  test.for(exampleNames())('%s', { timeout: 180_000 }, async name => {
    // Its second run has itself killed and waits until the broker knows: kills.test.ts does that for longer.
    const runs = name === '02-words' ? 1 : 2
    const { problem, output } = await checkExample(name, { broker: `kafka://${inject('kafka')}`, runs })
    expect(problem, output).toBeUndefined()
  })
})
