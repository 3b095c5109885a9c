import { TransportError } from '../../errors.js'
import type { Request, RequestType } from '../wire/protocol.js'
import { groupRequests } from './group-requests.js'
import type { Context, Handler, HandlersOf } from './handler.js'
import { offsetRequests } from './offset-requests.js'
import { producerRequests } from './producer-requests.js'
import type { Question } from './question.js'
import { topicRequests } from './topic-requests.js'

/** Does what a client asks for; what is wrong with it is its answer. */
export function perform(request: Request, question: Question<never>, context: Context): void {
  try {
    if (!Object.hasOwn(handlers, request.type)) throw unknown(request.type)
    const handler = handlers[request.type as keyof Handlers] as Handler<never>
    handler(request as never, question, context)
  } catch (error) {
    question.reject(error)
  }
}

type Handlers = HandlersOf<Exclude<RequestType, 'hello'>>

const handlers: Handlers = {
  ...topicRequests,
  ...offsetRequests,
  ...producerRequests,
  ...groupRequests,
  fetch: (asks, question, { caller }) => caller.fetch(asks, question),
}

function unknown(type: string): TransportError {
  return new TransportError(
    `Cannot answer the request "${type}": this broker does not know it. Use one version of this library for all processes of a directory.`,
    { retriable: false },
  )
}
