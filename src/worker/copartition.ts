import { CopartitionError } from '../errors.js'
import type { TopicDescription } from '../transport/transport.js'

/**
 * Throws `CopartitionError` unless the topics of each group that exist have the same number of partitions: what belongs to one
 * key would lie in partitions of different numbers, and so with different workers.
 */
export function requireCopartitioned(groups: readonly (readonly string[])[], topics: readonly TopicDescription[]): void {
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions]))
  for (const group of groups) {
    const there = [...new Set(group)].sort().filter(name => counts.has(name))
    if (new Set(there.map(name => counts.get(name))).size < 2) continue
    const words = there.map(name => `"${name}" has ${counts.get(name)}`).join(', ')
    const remedy = 'Make one of them anew with as many as the other, or write it again with groupBy or through'
    throw new CopartitionError(`Topics that are read together must have the same number of partitions: ${words}. ${remedy}.`)
  }
}
