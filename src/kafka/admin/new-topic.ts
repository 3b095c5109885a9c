import { TransportError } from '../../errors.js'
import type { TopicSpec } from '../../transport/transport.js'
import type { NewTopic } from '../wire/topics.js'

/** What to ask the cluster for. Throws `TransportError` for what it would take in another sense. */
export function newTopic(spec: TopicSpec): NewTopic {
  check(spec)
  const { name, partitions, replicas = -1 } = spec
  return { name, partitions, replicas, configs: Array.from(configsOf(spec), ([config, value]) => ({ name: config, value })) }
}

function check({ name, partitions, retentionBytes = -1 }: TopicSpec): void {
  const refuse = (why: string): TransportError =>
    new TransportError(`Cannot create the topic "${name}": ${why}.`, { retriable: false })
  if (!Number.isInteger(partitions) || partitions < 1)
    throw refuse(`it cannot have ${partitions} partitions. Give it one or more`)
  if (retentionBytes !== -1 && !(Number.isSafeInteger(retentionBytes) && retentionBytes > 0)) {
    throw refuse(`it cannot keep ${retentionBytes} bytes of a partition. Give it a whole number above 0, or -1 for no limit`)
  }
}

/** What is not said is left to the brokers, but never that a compacted topic forgets. */
function configsOf({ compacted = false, retentionMs, retentionBytes = -1 }: TopicSpec): Map<string, string> {
  const isLimited = (retentionMs ?? -1) >= 0 || retentionBytes > 0
  const configs = new Map([['cleanup.policy', compacted ? (isLimited ? 'compact,delete' : 'compact') : 'delete']])
  if (retentionMs !== undefined || compacted) configs.set('retention.ms', String(retentionMs ?? -1))
  configs.set('retention.bytes', String(retentionBytes))
  if (retentionBytes > 0) configs.set('segment.bytes', String(segmentBytes(retentionBytes)))
  return configs
}

/** A broker drops whole segments, so that they must be smaller than what is to be kept. */
function segmentBytes(retentionBytes: number): number {
  return Math.min(Math.max(Math.floor(retentionBytes / 4), smallestSegmentBytes), usualSegmentBytes)
}

const smallestSegmentBytes = 1024 * 1024
const usualSegmentBytes = 1024 * 1024 * 1024
