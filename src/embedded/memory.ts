import type { Transport } from '../transport/transport.js'
import { MemoryBroker } from './memory/broker.js'

/** A broker in this process: whoever names it shares it, and it is empty again when the last connection to it is closed. */
export function memory(name: string = ''): Transport {
  return {
    kind: 'memory',
    place: `memory:${name}`,
    connect(context) {
      const broker = brokers.get(name) ?? new SharedBroker()
      brokers.set(name, broker)
      broker.connections++
      const connection = broker.connect(context, () => {
        broker.connections--
        if (broker.connections === 0) brokers.delete(name)
      })
      return Promise.resolve(connection)
    },
  }
}

class SharedBroker extends MemoryBroker {
  connections = 0
}

const brokers = new Map<string, SharedBroker>()
