import type { Socket } from 'node:net'
import { TransportError } from '../../errors.js'
import { processIdentity } from '../process-identity.js'
import { jsonFrame, readJson } from '../wire/frame-codec.js'
import { type Frame, FrameReader } from '../wire/frame-reader.js'
import { type Answer, frameKind, protocolVersion } from '../wire/protocol.js'
import { reviveError } from '../wire/wire-error.js'

export interface CallOptions {
  readonly hello: { readonly id: number; readonly directory: string; readonly clientId: string; readonly fsync: boolean }
  /** The broker has answered the greeting. */
  readonly onOpen: () => void
  readonly onFrame: (frame: Frame) => void
  /** The socket is gone, for this reason if one is known. */
  readonly onEnd: (error: Error | null) => void
}

/** One socket, from the greeting to its end. */
export class Call {
  isOpen = false
  readonly #socket: Socket
  readonly #options: CallOptions
  #isHolding = true
  #isCorked = false
  #error: Error | null = null

  constructor(socket: Socket, options: CallOptions) {
    this.#socket = socket
    this.#options = options
    const { id, ...who } = options.hello
    const reader = new FrameReader(frame => this.#receive(frame))
    socket.on('data', chunk => this.#read(reader, chunk))
    socket.on('error', error => (this.#error ??= error))
    socket.on('close', () => options.onEnd(this.#error))
    const hello = { type: 'hello', version: protocolVersion, process: processIdentity(), ...who }
    socket.write(jsonFrame(frameKind.request, id, hello))
  }

  /** What is written in one turn leaves in one piece. */
  write(frames: readonly Buffer[]): void {
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(() => this.#uncork())
    }
    for (const frame of frames) this.#socket.write(frame)
  }

  /** Whether the process stays alive for this socket. */
  hold(isHolding: boolean): void {
    if (this.#isHolding === isHolding) return
    this.#isHolding = isHolding
    if (isHolding) this.#socket.ref()
    else this.#socket.unref()
  }

  end(): void {
    this.#socket.destroy()
  }

  #uncork(): void {
    this.#isCorked = false
    this.#socket.uncork()
  }

  #read(reader: FrameReader, chunk: Buffer): void {
    try {
      reader.push(chunk)
    } catch (error) {
      // Anything else comes from whoever was handed a message.
      if (!(error instanceof TransportError)) throw error
      this.#fail(error)
    }
  }

  #receive(frame: Frame): void {
    if (this.#socket.destroyed) return
    if (this.isOpen) return this.#options.onFrame(frame)
    if (frame.id !== this.#options.hello.id) return
    if (frame.kind === frameKind.refusal) return this.#fail(reviveError(readJson(frame.payload)))
    const { version } = readJson<Answer<'hello'>>(frame.payload)
    if (version !== protocolVersion) return this.#fail(foreign(this.#options.hello.directory, version))
    this.isOpen = true
    this.#options.onOpen()
  }

  #fail(error: Error): void {
    this.#error = error
    this.#socket.destroy()
  }
}

function foreign(directory: string, version: number): TransportError {
  return new TransportError(
    `Cannot talk to the broker in "${directory}": it speaks version ${version} of its protocol, this process ${protocolVersion}. ` +
      'Use one version of this library for all processes of a directory.',
    { retriable: false },
  )
}
