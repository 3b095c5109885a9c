import { TransportError } from '../../errors.js'
import { frameHeaderSize, maxPayloadBytes } from './frame.js'
import { frameKind } from './protocol.js'

/** One message as it came from the socket. */
export interface Frame {
  readonly kind: number
  readonly id: number
  /**
   * Of frames with blocks memory of its own, aligned to 8 bytes. Others may lie in the chunk that brought them: read them at
   * once.
   */
  readonly payload: Buffer
}

/** Chunks of a socket in, whole frames out. A payload is copied once at most, however many chunks it came in. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  readonly #header = Buffer.alloc(frameHeaderSize)
  #headerBytes = 0
  /** Of the frame whose payload is still on its way. */
  #payload: Buffer | null = null
  #payloadBytes = 0

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Throws `TransportError` when what came is no frame: nothing after it can be understood. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#payload === null ? this.#begin(chunk, at) : this.#fill(this.#payload, chunk, at)
    }
  }

  /** Reads a header, and the payload too where it is here already; returns where to go on. */
  #begin(chunk: Buffer, at: number): number {
    const end = at + frameHeaderSize - this.#headerBytes
    if (end > chunk.length) {
      this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, at)
      return chunk.length
    }
    chunk.copy(this.#header, this.#headerBytes, at, end)
    this.#headerBytes = 0
    const size = this.#header.readUInt32LE(0)
    if (size > maxPayloadBytes || this.#header.readUInt32LE(12) !== 0) throw noise(this.#header)
    if (end + size <= chunk.length && !this.#hasBlocks()) {
      this.#emit(chunk.subarray(end, end + size))
      return end + size
    }
    this.#payload = Buffer.allocUnsafeSlow(size)
    return size === 0 ? this.#fill(this.#payload, chunk, end) : end
  }

  #fill(payload: Buffer, chunk: Buffer, at: number): number {
    const copied = chunk.copy(payload, this.#payloadBytes, at)
    this.#payloadBytes += copied
    if (this.#payloadBytes === payload.length) {
      this.#payload = null
      this.#payloadBytes = 0
      this.#emit(payload)
    }
    return at + copied
  }

  #hasBlocks(): boolean {
    const kind = this.#header.readUInt32LE(4)
    return kind === frameKind.blocks || kind === frameKind.produce
  }

  #emit(payload: Buffer): void {
    this.#onFrame({ kind: this.#header.readUInt32LE(4), id: this.#header.readUInt32LE(8), payload })
  }
}

function noise(header: Buffer): TransportError {
  return new TransportError(
    `Cannot read from the broker's socket: ${header.toString('hex')} begins no frame. Use one version of this library for all processes of a directory.`,
  )
}
