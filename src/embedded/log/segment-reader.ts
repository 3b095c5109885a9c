import { read } from 'node:fs'
import { baseOffsetOf, nextOffsetOf, sizeOf } from '../block/block-header.js'
import { headerSize } from '../block/layout.js'
import { verify, verifyHeader } from '../block/stored-block.js'
import type { OpenFiles } from './open-files.js'
import type { Segment } from './segment.js'
import { SparseIndex } from './sparse-index.js'
import { cannotRead, damaged } from './storage-error.js'

/** Somebody who reads a segment: until `close` it is the same file, also when another has taken its place. */
export class SegmentReader {
  /** What had been written when the reading began. */
  readonly bytes: number
  readonly #segment: Segment
  readonly #files: OpenFiles
  readonly #fd: number

  /** Throws `TransportError`. */
  constructor(segment: Segment, files: OpenFiles) {
    this.bytes = segment.bytes
    this.#segment = segment
    this.#files = files
    try {
      // What has no blocks need not have a file.
      this.#fd = this.bytes === 0 ? -1 : files.hold(segment.file)
    } catch (error) {
      throw cannotRead(segment.at, segment.file.path, error)
    }
  }

  close(): void {
    if (this.#fd !== -1) this.#files.release(this.#segment.file)
  }

  /** Where the block begins that contains the offset, or at most 64 KiB before; `bytes` when there is none. Throws `TransportError`. */
  async locate(offset: number): Promise<number> {
    const index = (this.#segment.index ??= new SparseIndex())
    const floor = index.floor(offset)
    if (floor !== null) return floor
    const place = { position: index.covered, offset: Math.max(this.#segment.base, index.coveredOffset) }
    return this.walk(place, (bytes, at, position) => {
      const next = nextOffsetOf(bytes, at)
      index.note(position, { base: baseOffsetOf(bytes, at), next, size: sizeOf(bytes, at) })
      return next <= offset
    })
  }

  /**
   * Looks at the header of each block from a place on, until `visit` says `false`; returns where that was, `bytes` when it was
   * nowhere. Throws `TransportError`.
   */
  async walk(from: Place, visit: (bytes: Buffer, at: number, position: number) => boolean): Promise<number> {
    let { position, offset } = from
    while (position < this.bytes) {
      const bytes = await this.#read({ position, offset }, walkBytes)
      let at = 0
      do {
        this.#check(bytes, at, { position: position + at, offset })
        if (!visit(bytes, at, position + at)) return position + at
        offset = nextOffsetOf(bytes, at)
        at += sizeOf(bytes, at)
      } while (at + headerSize <= bytes.length)
      position += at
    }
    return position
  }

  /**
   * Whole blocks from a place on: at most so many bytes, at least one block. Their headers are right, their messages are not
   * looked at. Throws `TransportError` when the first is damaged.
   */
  async blocks(place: Place, most: number): Promise<Buffer> {
    const bytes = await this.#read(place, most)
    this.#check(bytes, 0, place)
    const size = sizeOf(bytes)
    if (size > bytes.length) return this.#read(place, size)
    let end = size
    while (end + headerSize <= bytes.length && verifyHeader(bytes, end) === null) {
      const next = end + sizeOf(bytes, end)
      if (next > bytes.length) break
      end = next
    }
    return bytes.subarray(0, end)
  }

  /** What is wrong with a block that lies at this position; `null` when nothing is. */
  fault(block: Buffer, position: number): Error | null {
    const fault = verify(block)
    return fault === null ? null : this.#damaged({ position, offset: baseOffsetOf(block) }, fault)
  }

  #check(bytes: Buffer, at: number, place: Place): void {
    const fault = verifyHeader(bytes, at)
    if (fault !== null) throw this.#damaged(place, fault)
    if (place.position + sizeOf(bytes, at) > this.bytes) throw this.#damaged(place, 'it reaches beyond the end of the log')
  }

  #damaged(place: Place, fault: string): Error {
    const { at, file, end } = this.#segment
    return damaged(at, { ...place, path: file.path, beyond: end, fault })
  }

  async #read(place: Place, most: number): Promise<Buffer> {
    const { position } = place
    const bytes = Buffer.allocUnsafeSlow(Math.min(most, this.bytes - position))
    let filled = 0
    while (filled < bytes.length) {
      const count = await this.#readOnce(bytes, filled, position + filled)
      if (count === 0) throw this.#damaged(place, `the file ends at byte ${position + filled} of ${this.bytes}`)
      filled += count
    }
    return bytes
  }

  #readOnce(bytes: Buffer, filled: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, bytes, filled, bytes.length - filled, position, (error, count) => {
        if (error === null) resolve(count)
        else reject(cannotRead(this.#segment.at, this.#segment.file.path, error))
      })
    })
  }
}

/** A place in a segment, and the offset of what is expected there. */
export interface Place {
  readonly position: number
  readonly offset: number
}

const walkBytes = 128 * 1024
