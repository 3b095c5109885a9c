import type { Answer, Requests, RequestType } from '../wire/protocol.js'
import type { Caller } from './caller.js'
import type { Question } from './question.js'
import type { BrokerState } from './state.js'

/** Does what one type of request asks for: changes the state at once and answers, now or later. What it throws is the answer. */
export type Handler<Type extends RequestType> = (
  asks: Requests[Type]['asks'],
  question: Question<Answer<Type>>,
  context: Context,
) => void

/** The handlers of one family of requests. */
export type HandlersOf<Type extends RequestType> = { readonly [Each in Type]: Handler<Each> }

/** What handlers work on, and for whom. */
export interface Context {
  readonly state: BrokerState
  readonly caller: Caller
}
