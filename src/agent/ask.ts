import { NoReplyError, ReplyError } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import { uuid, type Random } from '../lib/random.js'
import { validator, type Schema } from '../message/schema.js'
import type { SendOptions } from '../stream/contract.js'
import { currentBody } from '../stream/current-event.js'
import { askHeaders, type Reply } from './protocol.js'
import type { Replies } from './replies.js'

/** How one agent is asked. */
export interface Asked {
  readonly name: string
  readonly send: (value: unknown, options: SendOptions<unknown>) => PromiseLike<unknown>
  /** Validates and revives the answer. */
  readonly replySchema: Schema | undefined
}

/** From where it is asked. */
export interface Asker {
  readonly clock: Clock
  readonly random: Random
  readonly replies: Replies
}

export interface AskSettings {
  readonly timeoutMs: number
  readonly correlationId?: string | undefined
  /** The stack of the call, as `captureSite` took it. */
  readonly site: Site
}

/** A call's stack, kept cheaply: it is turned into text only when an error needs it. */
export interface Site {
  readonly stack?: string
}

/** Takes the stack of whoever called `within`. */
export function captureSite(within: (...args: never[]) => unknown): Site {
  const site: Site = {}
  Error.captureStackTrace(site, within)
  return site
}

/**
 * Sends a request and resolves to its answer. Rejects with `AskTimeoutError`, `NoReplyError`, `ReplyError`, with what the
 * reply schema says of an answer that does not fit, or with what became of the request itself.
 */
export async function ask(agent: Asked, asker: Asker, request: { value: unknown; options: SendOptions<unknown>; settings: AskSettings }): Promise<unknown> {
  const body = currentBody()
  if (body !== null) body.asking++
  try {
    if (!asker.replies.isReady) await asker.replies.ready()
    return await exchange(agent, asker, request)
  } finally {
    if (body !== null) body.asking--
  }
}

function exchange(agent: Asked, asker: Asker, request: Parameters<typeof ask>[2]): Promise<unknown> {
  const { value, options, settings } = request
  const correlationId = settings.correlationId ?? uuid(asker.random)
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(atSite(error, settings.site))
    asker.replies.expect({
      agent: agent.name,
      correlationId,
      deadline: asker.clock.now() + settings.timeoutMs,
      timeoutMs: settings.timeoutMs,
      failed,
      answered: reply => {
        const error = failureOf(agent.name, reply)
        if (error !== null) failed(error)
        else revive(agent.replySchema, reply.value).then(resolve, reject)
      },
    })
    const headers = { ...options.headers, ...askHeaders(asker.replies.address, correlationId) }
    agent.send(value, { ...options, headers }).then(undefined, (error: Error) => {
      asker.replies.forget(correlationId)
      reject(error)
    })
  })
}

function failureOf(agent: string, { correlationId, error }: Reply): Error | null {
  if (error === null) return null
  const facts = { agent, correlationId }
  if (error.kind === 'no-reply') return new NoReplyError(error.message, facts)
  return new ReplyError(`Agent "${agent}" failed on the request: ${error.name}: ${error.message}`, { ...facts, remoteName: error.name })
}

async function revive(schema: Schema | undefined, value: unknown): Promise<unknown> {
  const validate = validator(schema)
  return validate === null ? value : validate(value)
}

function atSite(error: Error, site: Site): Error {
  const frames = site.stack?.split('\n').slice(1).join('\n')
  if (frames !== undefined && frames !== '') error.stack = `${error.name}: ${error.message}\n${frames}`
  return error
}
