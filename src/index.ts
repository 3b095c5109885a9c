/**
 * Faust for TypeScript: stream processing with agents.
 *
 * @example
 * import { App } from 'faust-ts'
 * import { z } from 'zod'
 *
 * const app = new App('agent-example')
 * export const adding = app.agent('adding', { value: z.object({ a: z.number(), b: z.number() }) }, async function* (stream) {
 *   for await (const { a, b } of stream) yield a + b
 * })
 * await using running = await app.start()
 * console.log(await adding.ask({ a: 4, b: 4 })) // 8
 *
 * @module
 */

// Apps
export { App } from './app/app.js'
export type { TopicOptions } from './app/app.js'
export type { AppOptions } from './app/options.js'
export type { Running, World } from './app/runtime.js'
export type { AgentDescription, ArgumentDescription, CommandDescription, Description } from './app/describe.js'

// Commands
export { argument, flag, option } from './app/command.js'
export type { Argument } from './app/command.js'

// Models and codecs
export { json, raw, text } from './message/codec.js'
export { gzip } from './message/gzip.js'
export { msgpack } from './message/msgpack.js'
export { pythonFaust } from './message/python-faust.js'
export { unchecked } from './message/schema.js'
export type { Codec } from './message/codec.js'
export type { KeyInput, RawKey } from './message/key.js'
export type { Placement } from './message/record.js'
export type { Input, JsonImage, Output, RoundTrips, Schema } from './message/schema.js'

// Streams and where they come from and go to
export type { Channel, Delivery, Destination, Event, SendOptions, Stream, Topic } from './stream/contract.js'

// Agents
export type { Agent, AgentFor, AskOptions, SilentAgent, Sink } from './agent/contract.js'
export { crash, deadLetter, retry, skip } from './channel/policy.js'
export type { DecodePolicy, ErrorPolicy } from './channel/policy.js'
export { crashing, forfeitOneForAll, forfeitOneForOne, oneForAll, oneForOne } from './agent/supervisor.js'
export type { RestartLimits, Supervision } from './agent/supervisor.js'

// Around them
export type { Duration } from './lib/duration.js'
export type { Logger, LogLevel } from './lib/log.js'
export { createLogger } from './lib/log.js'
export type { Transport } from './transport/transport.js'

// Errors
export {
  AgentError,
  AskTimeoutError,
  ClosedError,
  CommitError,
  CopartitionError,
  DeclarationError,
  DecodeError,
  DuplicateNameError,
  EncodeError,
  FaustError,
  FencedError,
  NoReplyError,
  NotStartedError,
  OptionError,
  ReplyError,
  RestartBudgetError,
  SendError,
  TransportError,
  ValidationError,
} from './errors.js'
