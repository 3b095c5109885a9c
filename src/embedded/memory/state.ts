import type { LogPartition, TopicDescription } from '../../transport/transport.js'
import { Coordinator } from '../group/coordinator.js'
import { Topics } from '../topics.js'
import type { Faults } from './faults.js'
import { PartitionLog } from './log.js'
import { ProducerRegister } from './transactions.js'

/** What a memory broker holds; every connection to it works on this. */
export class BrokerState {
  readonly topics: Topics<PartitionLog> = new Topics(openLog)
  readonly producers: ProducerRegister = new ProducerRegister()
  readonly faults: Faults | null
  readonly #coordinators = new Map<string, Coordinator>()
  #memberCount = 0

  constructor(faults: Faults | null) {
    this.faults = faults
  }

  /** Throws `TransportError`, which says what could not be done. */
  log(at: LogPartition, what: string): PartitionLog {
    return this.topics.log(at, what)
  }

  coordinator(groupId: string): Coordinator {
    let coordinator = this.#coordinators.get(groupId)
    if (coordinator === undefined) this.#coordinators.set(groupId, (coordinator = new Coordinator(groupId)))
    return coordinator
  }

  deleteTopic(name: string): void {
    const topic = this.topics.delete(name)
    if (topic === null) return
    for (const log of topic.logs) log.delete()
    for (const coordinator of this.#coordinators.values()) coordinator.offsets.forget(name)
  }

  memberId(clientId: string): string {
    return `${clientId}-${String(++this.#memberCount).padStart(4, '0')}`
  }
}

function openLog({ name, compacted, retentionMs, retentionBytes }: TopicDescription, partition: number): PartitionLog {
  // What is only compacted keeps the last message of each key for ever.
  const retention = compacted ? { ms: -1, bytes: -1 } : { ms: retentionMs, bytes: retentionBytes }
  return new PartitionLog({ topic: name, partition }, retention)
}
