import { TransportError } from '../../errors.js'
import type { TopicPartition } from '../../transport/transport.js'

/** Brokers answer for every part of a question. What one leaves out nobody knows: it is neither done nor not there. */
export function leftOut(what: string, { topic, partition }: TopicPartition): TransportError {
  return new TransportError(`${what}, "${topic}"[${partition}]: the broker has left it out of its answer. Try again.`)
}
