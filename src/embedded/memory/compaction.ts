import type { Batch } from '../../transport/transport.js'
import { keeping } from './batch.js'
import type { PartitionLog } from './log.js'

/** Keeps the last message of each key, and every message without one. What an open transaction holds back stays as it is. */
export function compact(log: PartitionLog): void {
  const end = log.endFor('read-committed')
  const isDue = (base: number): boolean => base < end
  const latest = new Map<string, number>()
  for (const { base, batch, transaction } of log.entries) {
    if (batch === null || !isDue(base) || transaction?.status === 'aborted') continue
    for (let index = 0; index < batch.count; index++) latest.set(keyOf(batch, index), batch.offsets[index] as number)
  }
  log.compact(({ base, batch, transaction }) => {
    if (batch === null || !isDue(base)) return batch
    if (transaction?.status === 'aborted') return null
    return keeping(batch, index => batch.keyStarts[index] === -1 || latest.get(keyOf(batch, index)) === batch.offsets[index])
  })
}

function keyOf(batch: Batch, index: number): string {
  return batch.buffer.toString(
    'latin1',
    Math.max(0, batch.keyStarts[index] as number),
    Math.max(0, batch.keyEnds[index] as number),
  )
}
