import { TransportError } from '../../errors.js'
import { validate } from '../block/stored-block.js'
import type { ProduceAnswer, ProduceRequest } from '../wire/protocol.js'
import { encodeError } from '../wire/wire-error.js'
import type { Producer } from './producer.js'
import type { Question } from './question.js'
import type { BrokerState } from './state.js'

/** Stores the blocks of a request, once however often it is sent, and answers for each of them. */
export function produce(state: BrokerState, { request, blocks }: Produce, question: Question<ProduceAnswer>): void {
  try {
    const producer = state.producers.find(request.writer)
    const { told } = producer
    if (told?.number === request.number) return question.resolve(told.answer)
    if (told !== null && told.number > request.number) throw overtaken(request.number, told.number)
    const answer = storeAll(state, { request, blocks }, producer)
    producer.remember({ number: request.number, answer })
    question.resolve(answer)
  } catch (error) {
    const refusal = encodeError(error)
    question.resolve(request.batches.map(() => refusal))
  }
}

/** The head of a request, and its blocks one behind the other. */
interface Produce {
  readonly request: ProduceRequest
  readonly blocks: Buffer
}

function storeAll(state: BrokerState, { request, blocks }: Produce, producer: Producer): ProduceAnswer {
  const nowMs = state.clock.now()
  let end = 0
  return request.batches.map(batch => {
    const block = blocks.subarray(end, (end += batch.bytes))
    try {
      const partition = state.topics.log(batch, 'write to')
      const fault = validate(block)
      if (fault !== null) throw damaged(batch, fault)
      const transaction = producer.join(request.transaction, partition)
      return partition.change(log => log.append(block, { transaction, nowMs }))
    } catch (error) {
      return encodeError(error)
    }
  })
}

function damaged({ topic, partition }: ProduceRequest['batches'][number], fault: string): TransportError {
  return new TransportError(
    `Cannot write to "${topic}"[${partition}]: the block is damaged (${fault}). Use one version of this library for all processes of a directory.`,
    { retriable: false },
  )
}

function overtaken(number: number, last: number): TransportError {
  return new TransportError(
    `Cannot store messages: request ${number} of this producer comes after its request ${last}. Open a new producer.`,
    { retriable: false },
  )
}
