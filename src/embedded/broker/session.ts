import type { Socket } from 'node:net'
import { TransportError } from '../../errors.js'
import { Ring } from '../../lib/ring.js'
import { thrown } from '../../lib/thrown.js'
import { jsonFrame, readBlocksHead, readJson } from '../wire/frame-codec.js'
import { type Frame, FrameReader } from '../wire/frame-reader.js'
import {
  type Answer,
  type FetchRequest,
  frameKind,
  type Notice,
  type ProduceRequest,
  protocolVersion,
  type Request,
  type Requests,
} from '../wire/protocol.js'
import { encodeError } from '../wire/wire-error.js'
import type { Caller } from './caller.js'
import { FetchQueue } from './fetch.js'
import { produce } from './produce.js'
import { Question, type ReplyLine } from './question.js'
import { perform } from './requests.js'
import type { BrokerState } from './state.js'

/**
 * One client's connection, from its greeting to its end. However much a client sends, and however little it takes, it takes up
 * bounded memory here, but for the questions that wait: one small object each.
 */
export class Session implements Caller, ReplyLine {
  readonly seats: Set<string> = new Set()
  isWatching = false
  readonly #socket: Socket
  readonly #state: BrokerState
  readonly #fetches: FetchQueue
  readonly #pending = new Map<number, Question<never>>()
  /** What has come in and was not begun yet. */
  readonly #frames = new Ring<Frame>()
  #client: Requests['hello']['asks'] | null = null
  /** Bytes of questions that are being worked on, and of their answers. */
  #load = 0
  #isWorking = false
  #isPaused = false
  #isEnded = false

  constructor(socket: Socket, state: BrokerState) {
    this.#socket = socket
    this.#state = state
    this.#fetches = new FetchQueue(state, () => !this.#isEnded && socket.writableLength < mostUntaken)
    const reader = new FrameReader(frame => this.#frames.push(frame))
    socket.on('data', chunk => this.#read(reader, chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => this.#closed())
  }

  get process(): string | null {
    return this.#client?.process ?? null
  }

  /** How many questions wait for an answer. */
  get pending(): number {
    return this.#pending.size
  }

  fetch(request: FetchRequest, question: Question<Answer<'fetch'>>): void {
    this.#fetches.add(request, question)
  }

  reply(question: Question<never>, frame: Buffer): void {
    this.weigh(question, question.load + frame.length)
    this.#state.committer.after(error => error === null && this.send(question, [frame]))
  }

  send(question: Question<never>, frames: readonly Buffer[]): void {
    if (question.isOver) return
    this.#write(frames)
    this.#settle(question)
  }

  weigh(question: Question<never>, load: number): void {
    this.#load += load - question.load
    question.load = load
  }

  notify(notice: Notice): void {
    this.#state.committer.after(error => error === null && this.#write([jsonFrame(frameKind.notice, 0, notice)]))
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#socket.destroy()
    this.#state.callers.delete(this)
    for (const question of this.#pending.values()) question.withdraw()
    this.#pending.clear()
    this.#frames.clear()
    this.seats.clear()
    this.isWatching = false
  }

  /** Perhaps it was the end of its process. */
  #closed(): void {
    this.end()
    if (this.process !== null) this.#state.groups.suspect(this.process)
  }

  #read(reader: FrameReader, chunk: Buffer): void {
    try {
      reader.push(chunk)
    } catch (error) {
      this.#cut(error)
    }
    this.#work()
  }

  #cut(error: unknown): void {
    const facts = { clientId: this.#client?.clientId, error: thrown(error).message }
    this.#state.log.warn(facts, 'a client sent what cannot be understood: its connection is cut')
    this.end()
  }

  /** Nothing more is begun, nor read, while there is too much to do for this client or it does not take its answers. */
  #work(): void {
    if (this.#isWorking) return
    this.#isWorking = true
    while (!this.#isEnded && !this.#isFull) {
      const frame = this.#frames.shift()
      if (frame === undefined) break
      try {
        this.#take(frame)
      } catch (error) {
        this.#cut(error)
      }
    }
    this.#isWorking = false
    if (!this.#isEnded) this.#pause(this.#isFull)
  }

  get #isFull(): boolean {
    return this.#load > mostLoad || this.#socket.writableLength > mostAnswers
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  #take({ kind, id, payload }: Frame): void {
    if (kind === frameKind.cancel) return this.#cancel(id)
    const question = this.#open(id, payload.length)
    if (this.#client === null) return this.#greet(readJson<Request>(payload), question)
    const run = (): void => this.#perform(kind, payload, question)
    if (this.#client.fsync) this.#state.committer.durably(run)
    else run()
  }

  #perform(kind: number, payload: Buffer, question: Question<never>): void {
    if (kind === frameKind.produce) {
      const { head, at } = readBlocksHead<ProduceRequest>(payload)
      return produce(this.#state, { request: head, blocks: payload.subarray(at) }, question)
    }
    perform(readJson<Request>(payload), question, { state: this.#state, caller: this })
  }

  #greet(request: Request, question: Question<Requests['hello']['gets']>): void {
    const refusal = refuse(request, this.#state.directory)
    if (refusal !== null) {
      this.send(question, [jsonFrame(frameKind.refusal, question.id, encodeError(refusal))])
      return this.#socket.destroySoon()
    }
    this.#client = request as Requests['hello']['asks']
    question.resolve({ epoch: this.#state.epoch, version: protocolVersion })
  }

  #open(id: number, bytes: number): Question<never> {
    const question = new Question<never>(id, this)
    this.#cancel(id)
    this.#pending.set(id, question)
    this.weigh(question, bytes + bytesPerQuestion)
    return question
  }

  #cancel(id: number): void {
    const question = this.#pending.get(id)
    if (question === undefined) return
    question.withdraw()
    this.#settle(question)
  }

  #settle(question: Question<never>): void {
    question.isOver = true
    this.#pending.delete(question.id)
    this.weigh(question, 0)
    this.#work()
  }

  #write(frames: readonly Buffer[]): void {
    if (this.#isEnded) return
    this.#socket.cork()
    frames.forEach((frame, index) => {
      if (index < frames.length - 1) this.#socket.write(frame)
      else this.#socket.write(frame, () => this.#taken())
    })
    this.#socket.uncork()
  }

  #taken(): void {
    this.#fetches.run()
    this.#work()
  }
}

/** Bytes that a client may have been sent and not taken before it gets more messages. */
const mostUntaken = 1024 * 1024

/** The same for answers, before no more is done of what it asks. */
const mostAnswers = 16 * 1024 * 1024

/** Bytes of questions under way, with their answers, before no more is done or read. */
const mostLoad = 8 * 1024 * 1024

/** What a question takes besides its bytes. */
const bytesPerQuestion = 512

function refuse(request: Request, directory: string): TransportError | null {
  const refusal = (why: string, remedy: string): TransportError =>
    new TransportError(`Cannot talk to the broker in "${directory}": ${why}. ${remedy}.`, { retriable: false })
  if (request.type !== 'hello') return refusal('the first request was no greeting', sameVersion)
  if (request.version !== protocolVersion) {
    return refusal(`it speaks version ${protocolVersion} of its protocol, the client ${request.version}`, sameVersion)
  }
  if (request.directory === directory) return null
  return refusal(`the client means the one in "${request.directory}"`, 'Start a broker there, or name this directory')
}

const sameVersion = 'Use one version of this library for all processes of a directory'
