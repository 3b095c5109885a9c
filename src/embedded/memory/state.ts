import type { TopicPartition } from '../../transport/transport.js'
import { Coordinator } from './coordinator.js'
import type { Faults } from './faults.js'
import type { PartitionLog } from './log.js'
import { Topics } from './topics.js'
import { ProducerRegister } from './transactions.js'

/** What a memory broker holds; every connection to it works on this. */
export class BrokerState {
  readonly topics: Topics = new Topics()
  readonly producers: ProducerRegister = new ProducerRegister()
  readonly faults: Faults | null
  readonly #coordinators = new Map<string, Coordinator>()
  #memberCount = 0

  constructor(faults: Faults | null) {
    this.faults = faults
  }

  /** Throws `TransportError`, which says what could not be done. */
  log(at: TopicPartition, what: string): PartitionLog {
    return this.topics.log(at, what)
  }

  coordinator(groupId: string): Coordinator {
    let coordinator = this.#coordinators.get(groupId)
    if (coordinator === undefined) this.#coordinators.set(groupId, (coordinator = new Coordinator(groupId)))
    return coordinator
  }

  deleteTopic(name: string): void {
    if (!this.topics.delete(name)) return
    for (const coordinator of this.#coordinators.values()) coordinator.offsets.forget(name)
  }

  memberId(clientId: string): string {
    return `${clientId}-${String(++this.#memberCount).padStart(4, '0')}`
  }
}
