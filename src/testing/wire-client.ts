import type { Socket } from 'node:net'
import { Deferred } from '../lib/deferred.js'
import type { Batch, Outgoing, TopicPartition } from '../transport/transport.js'
import { OpenBlock } from '../embedded/block/open-block.js'
import { readBlocks } from '../embedded/block/read-blocks.js'
import { blocksFrame, emptyFrame, jsonFrame, readBlocksHead, readJson } from '../embedded/wire/frame-codec.js'
import { type Frame, FrameReader } from '../embedded/wire/frame-reader.js'
import {
  type Answer,
  type FetchAnswer,
  type FetchRequest,
  frameKind,
  type Notice,
  type ProduceAnswer,
  type ProduceRequest,
  protocolVersion,
  type Requests,
  type RequestType,
} from '../embedded/wire/protocol.js'
import { reviveError } from '../embedded/wire/wire-error.js'

/** A client as bare as can be, for tests: it says what it is told to, and keeps what it hears. */
export class WireClient {
  readonly socket: Socket
  readonly notices: Notice[] = []
  /** The kind and id of every answer, in order. */
  readonly heard: { readonly kind: number; readonly id: number }[] = []
  readonly closed: Promise<void>
  /** What becomes of the blocks on their way. */
  tamper: (frame: Buffer) => Buffer = frame => frame
  readonly #answers = new Map<number, Deferred<Frame>>()
  #lastId = 0

  constructor(socket: Socket) {
    this.socket = socket
    const reader = new FrameReader(frame => this.#receive(frame))
    socket.on('data', chunk => reader.push(chunk)).on('error', () => undefined)
    this.closed = new Promise(resolve => void socket.on('close', () => resolve()))
  }

  greet(asks: Partial<Requests['hello']['asks']> & { directory: string }): Promise<Answer<'hello'>> {
    return this.ask('hello', { version: protocolVersion, clientId: 'client', process: null, fsync: false, ...asks })
  }

  async ask<Type extends RequestType>(type: Type, asks: Requests[Type]['asks']): Promise<Answer<Type>> {
    return readJson<Answer<Type>>((await this.answer(this.send(type, asks))).payload)
  }

  /** Asks without waiting; returns the id of the question. */
  send<Type extends RequestType>(type: Type, asks: Requests[Type]['asks']): number {
    const id = ++this.#lastId
    this.socket.write(jsonFrame(frameKind.request, id, { type, ...asks }))
    return id
  }

  /** Rejects with what the question was refused with; never settles when the connection ends first. */
  async answer(id: number): Promise<Frame> {
    const frame = await this.#waiting(id).promise
    if (frame.kind === frameKind.refusal) throw reviveError(readJson(frame.payload))
    return frame
  }

  cancel(id: number): void {
    this.socket.write(emptyFrame(frameKind.cancel, id))
  }

  /** Has blocks stored, each with these values. */
  async produce(head: Omit<ProduceRequest, 'batches'>, batches: readonly Values[]): Promise<ProduceAnswer> {
    return readJson<ProduceAnswer>((await this.answer(this.sendProduce(head, batches))).payload)
  }

  sendProduce(head: Omit<ProduceRequest, 'batches'>, batches: readonly Values[]): number {
    const blocks = batches.map(blockOf)
    const id = ++this.#lastId
    const sizes = batches.map(({ at: { topic, partition } }, index) => ({ topic, partition, bytes: blocks[index]?.length ?? 0 }))
    const blockBytes = blocks.reduce((sum, { length }) => sum + length, 0)
    const frame = blocksFrame(frameKind.produce, id, { head: { ...head, batches: sizes }, blockBytes })
    this.socket.write(this.tamper(Buffer.concat([frame, ...blocks])))
    return id
  }

  async fetch(request: Partial<FetchRequest> & TopicPartition): Promise<Fetched> {
    return fetched(await this.answer(this.sendFetch(request)), request)
  }

  sendFetch(request: Partial<FetchRequest> & TopicPartition): number {
    const defaults = { topicId: null, from: 'earliest', isolation: 'read-committed', maxBytes: 1024 * 1024 } as const
    return this.send('fetch', { ...defaults, ...request })
  }

  /** As when its process dies. */
  die(): void {
    this.socket.destroy()
  }

  #receive(frame: Frame): void {
    if (frame.kind === frameKind.notice) return void this.notices.push(readJson<Notice>(frame.payload))
    this.heard.push({ kind: frame.kind, id: frame.id })
    this.#waiting(frame.id).resolve({
      ...frame,
      payload: frame.kind === frameKind.blocks ? frame.payload : Buffer.from(frame.payload),
    })
  }

  #waiting(id: number): Deferred<Frame> {
    const known = this.#answers.get(id)
    if (known !== undefined) return known
    const waiting = new Deferred<Frame>()
    this.#answers.set(id, waiting)
    return waiting
  }
}

/** What goes into one block. */
export interface Values {
  readonly at: TopicPartition
  readonly values: readonly (string | Buffer | null)[]
  readonly keys?: readonly string[]
}

/** An answer to a fetch. */
export interface Fetched extends FetchAnswer {
  readonly batch: Batch | null
  readonly values: readonly (string | null)[]
}

function blockOf({ at, values, keys }: Values): Buffer {
  const block = new OpenBlock()
  values.forEach((value, index) => {
    const key = keys === undefined ? null : Buffer.from(keys[index] ?? '')
    const range = { keyStart: 0, keyEnd: key?.length ?? 0 }
    const message: Outgoing = { ...at, ...range, timestamp: 1_700_000_000_000, key, value, headers: null }
    block.add(message)
  })
  return block.close()
}

export function fetched(frame: Frame, { topic, partition }: TopicPartition): Fetched {
  const { head, at } = readBlocksHead<FetchAnswer>(frame.payload)
  const options = { from: head.begin, nextOffset: head.position }
  const batch = head.bytes === 0 ? null : readBlocks(frame.payload.subarray(at), { topic, partition }, options)
  const values = Array.from({ length: batch?.count ?? 0 }, (_, index) => valueAt(batch as Batch, index))
  return { ...head, batch, values }
}

function valueAt({ buffer, valueStarts, valueEnds }: Batch, index: number): string | null {
  const start = valueStarts[index] as number
  return start < 0 ? null : buffer.toString('utf8', start, valueEnds[index])
}
