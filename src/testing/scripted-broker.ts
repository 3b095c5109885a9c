import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blocksFrame, jsonFrame, readBlocksHead, readJson } from '../embedded/wire/frame-codec.js'
import { type Frame, FrameReader } from '../embedded/wire/frame-reader.js'
import { type FetchAnswer, frameKind, type ProduceRequest, protocolVersion, type Request } from '../embedded/wire/protocol.js'
import { encodeError } from '../embedded/wire/wire-error.js'
import { Deferred } from '../lib/deferred.js'

/** What a client of the embedded broker has said. */
export interface Heard {
  readonly kind: number
  readonly id: number
  readonly request: Request | null
  readonly produced: ProduceRequest | null
}

/** The other end of an embedded client's socket, for tests: it greets, and says nothing else that the test does not tell it to. */
export class ScriptedBroker {
  version: number = protocolVersion
  greetings = 0
  /** While it is away, nobody answers the call. */
  isAway = false
  readonly #folder = mkdtempSync(join(tmpdir(), 'faust-script-'))
  readonly #server: Server
  readonly #heard: Heard[] = []
  #waiting: Deferred<Heard> | null = null
  #socket: Socket | null = null

  constructor() {
    this.#server = createServer(socket => this.#accept(socket)).listen(join(this.#folder, 'socket'))
  }

  readonly dial = async (): Promise<Socket> => {
    const socket = connect(join(this.#folder, this.isAway ? 'nowhere' : 'socket'))
    await once(socket, 'connect')
    return socket
  }

  /** The next thing that was said. */
  async next(): Promise<Heard> {
    const heard = this.#heard.shift()
    if (heard !== undefined) return heard
    this.#waiting = new Deferred()
    return await this.#waiting.promise
  }

  /** The next question, which must be of this type. */
  async expect<Type extends Request['type']>(type: Type): Promise<{ id: number; request: Extract<Request, { type: Type }> }> {
    const { id, request } = await this.next()
    assert.equal(request?.type, type)
    return { id, request: request as Extract<Request, { type: Type }> }
  }

  get hasHeardMore(): boolean {
    return this.#heard.length > 0
  }

  answer({ id }: Pick<Heard, 'id'>, value: unknown): void {
    this.write(jsonFrame(frameKind.answer, id, value))
  }

  refuse({ id }: Pick<Heard, 'id'>, error: Error): void {
    this.write(jsonFrame(frameKind.refusal, id, encodeError(error)))
  }

  /** Answers a fetch. */
  feed({ id }: Pick<Heard, 'id'>, answer: Omit<FetchAnswer, 'bytes'>, blocks: readonly Buffer[] = []): void {
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0)
    this.write(Buffer.concat([blocksFrame(frameKind.blocks, id, { head: { ...answer, bytes }, blockBytes: bytes }), ...blocks]))
  }

  write(bytes: Buffer | string): void {
    this.#socket?.write(bytes)
  }

  cut(): void {
    this.#socket?.destroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
    rmSync(this.#folder, { recursive: true })
  }

  #accept(socket: Socket): void {
    this.#socket = socket
    const reader = new FrameReader(frame => this.#receive(socket, frame))
    socket.on('data', chunk => reader.push(chunk))
    socket.on('error', () => undefined)
  }

  #receive(socket: Socket, { kind, id, payload }: Frame): void {
    if (kind === frameKind.produce) {
      return this.#hear({ kind, id, request: null, produced: readBlocksHead<ProduceRequest>(payload).head })
    }
    const request = payload.length === 0 ? null : readJson<Request>(payload)
    if (request?.type !== 'hello') return this.#hear({ kind, id, request, produced: null })
    this.greetings++
    socket.write(jsonFrame(frameKind.answer, id, { epoch: 1, version: this.version }))
  }

  #hear(heard: Heard): void {
    if (this.#waiting === null) return void this.#heard.push(heard)
    this.#waiting.resolve(heard)
    this.#waiting = null
  }
}
