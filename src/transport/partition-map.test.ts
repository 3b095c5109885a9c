import { expect, test } from 'vitest'
import { PartitionMap } from './partition-map.js'

const at = (topic: string, partition: number): { topic: string; partition: number } => ({ topic, partition })

test('has what was set of a partition, and nothing of its neighbours', () => {
  const map = new PartitionMap<string>()
  map.set(at('orders', 3), 'three')
  map.set(at('orders', 0), 'none')
  map.set(at('orders', 0), 'zero')
  map.set(at('bills', 3), 'other')
  expect([0, 1, 3, 4].map(partition => map.get(at('orders', partition)))).toEqual(['zero', undefined, 'three', undefined])
  expect([map.get(at('bills', 3)), map.get(at('none', 0))]).toEqual(['other', undefined])
  expect([...map.values()]).toEqual(['zero', 'three', 'other'])
})

test('forgets what is deleted, and all at once', () => {
  const map = new PartitionMap<string>()
  map.set(at('orders', 0), 'zero')
  map.set(at('orders', 1), 'one')
  map.delete(at('orders', 0))
  map.delete(at('none', 0))
  expect([...map.values()]).toEqual(['one'])
  map.delete(at('orders', 1))
  map.set(at('orders', 2), 'two')
  expect([...map.values()]).toEqual(['two'])
  map.clear()
  expect([...map.values()]).toEqual([])
})
