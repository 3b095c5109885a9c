import { expect, test } from 'vitest'
import { topicDifferences } from './topic-differences.js'

const found = {
  name: 'orders',
  id: '1',
  partitions: 3,
  replicas: 1,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  compacted: false,
}

test('what was said and is so, or was not said, is no difference', () => {
  expect(topicDifferences({}, found)).toEqual([])
  expect(topicDifferences({ ...found }, found)).toEqual([])
})

test.for([
  [{ partitions: 8 }, 'partitions 3 (declared: 8)'],
  [{ replicas: 3 }, 'replicas 1 (declared: 3)'],
  [{ compacted: true }, 'compacted false (declared: true)'],
  [{ retentionMs: 86_400_000 }, 'retention 7d (declared: 1d)'],
  [{ retentionMs: -1 }, 'retention 7d (declared: for ever)'],
  [{ retentionBytes: 4096 }, 'retentionBytes without limit (declared: 4096)'],
] as const)('%j: %s', ([said, words]) => {
  expect(topicDifferences(said, found)).toEqual([words])
})

test('all of them, in the order of the options', () => {
  const all = topicDifferences({ retentionMs: 1000, partitions: 2 }, found)
  expect(all).toEqual(['partitions 3 (declared: 2)', 'retention 7d (declared: 1s)'])
})
