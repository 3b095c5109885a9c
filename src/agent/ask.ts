import { ClosedError, FaustError, NoReplyError, ReplyError, SendError } from '../errors.js'
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
  /** Those asked in one call. */
  readonly others?: AskedTogether
}

/** Asks that are abandoned together. */
export class AskedTogether {
  readonly #replies: Replies
  readonly #underWay = new Set<string>()
  #isOver = false

  constructor(replies: Replies) {
    this.#replies = replies
  }

  /** Nobody waits for any of them any more, nor for those not sent yet. */
  readonly abandon = (): void => {
    this.#isOver = true
    for (const correlationId of this.#underWay) this.#replies.abandon(correlationId)
  }

  /** Throws `ClosedError` when they have been abandoned. */
  add(correlationId: string): void {
    if (this.#isOver)
      throw new ClosedError('This request was abandoned before it was sent: one of those asked with it has failed.')
    this.#underWay.add(correlationId)
  }

  done(correlationId: string): void {
    this.#underWay.delete(correlationId)
  }
}

/** A call's stack, kept cheaply: it is turned into text only when an error needs it. */
export interface Site {
  readonly stack?: string
}

/** Takes the stack of whoever called its caller. */
export function captureSite(): Site {
  const site: Site = {}
  Error.captureStackTrace(site, captureSite)
  return site
}

/**
 * Sends a request and resolves to its answer. Rejects with `AskTimeoutError`, `NoReplyError`, `ReplyError`, with what the
 * reply schema says of an answer that does not fit, or with what became of the request itself.
 */
export async function ask(
  agent: Asked,
  asker: Asker,
  request: { value: unknown; options: SendOptions<unknown>; settings: AskSettings },
): Promise<unknown> {
  const body = currentBody()
  if (body !== null) body.hands.asking++
  try {
    if (!asker.replies.isReady) await asker.replies.ready()
    return await exchange(agent, asker, request)
  } finally {
    if (body !== null) body.hands.asking--
  }
}

async function exchange(agent: Asked, asker: Asker, request: Parameters<typeof ask>[2]): Promise<unknown> {
  const { site, others, correlationId = uuid(asker.random) } = request.settings
  others?.add(correlationId)
  try {
    const reply = await answer(agent, asker, { ...request, correlationId })
    const error = failureOf(agent.name, reply)
    if (error !== null) throw error
    const validate = validator(agent.replySchema)
    return validate === null ? reply.value : await validate(reply.value)
  } catch (error) {
    throw atSite(error, site)
  } finally {
    others?.done(correlationId)
  }
}

function answer(agent: Asked, asker: Asker, request: Parameters<typeof ask>[2] & { correlationId: string }): Promise<Reply> {
  const { value, options, settings, correlationId } = request
  const { replies, clock } = asker
  return new Promise((answered, failed) => {
    const deadline = clock.now() + settings.timeoutMs
    replies.expect({ agent: agent.name, correlationId, deadline, timeoutMs: settings.timeoutMs, answered, failed })
    const headers = { ...options.headers, ...askHeaders(replies.address, correlationId) }
    agent.send(value, { ...options, headers }).then(undefined, (error: unknown) => {
      replies.forget(correlationId)
      failed(error)
    })
  })
}

function failureOf(agent: string, { correlationId, error }: Reply): Error | null {
  if (error === null) return null
  const facts = { agent, correlationId }
  if (error.kind === 'no-reply') return new NoReplyError(error.message, facts)
  return new ReplyError(`Agent "${agent}" failed on the request: ${error.name}: ${error.message}`, {
    ...facts,
    remoteName: error.name,
  })
}

/** What comes instead of an answer has no stack that tells anything: it gets that of the call. */
function atSite(error: unknown, site: Site): unknown {
  const frames = site.stack?.split('\n').slice(2).join('\n')
  // A failed send may be that of others too.
  if (!(error instanceof FaustError) || error instanceof SendError || frames === undefined || frames === '') return error
  error.stack = `${error.name}: ${error.message}\n${frames}`
  return error
}
