import { type FileHandle, open, unlink } from 'node:fs/promises'

/** A file that is written beside a segment and takes its place when it is whole. */
export class CompactedFile {
  readonly path: string
  bytes = 0
  #file: FileHandle | null = null
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(path: string) {
    this.path = path
  }

  async add(block: Buffer): Promise<void> {
    this.#waiting.push(block)
    this.#waitingBytes += block.length
    this.bytes += block.length
    if (this.#waitingBytes >= mostWaiting) await this.#write()
  }

  /** Puts all of it on the disk. */
  async finish(): Promise<void> {
    await this.#write()
    await this.#file?.datasync()
    await this.close()
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.close()
  }

  /** Removes it, unless it has been renamed. */
  async discard(): Promise<void> {
    await unlink(this.path).catch(() => undefined)
  }

  async #write(): Promise<void> {
    this.#file ??= await open(this.path, 'w')
    const blocks = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    for (let written = 0; written < blocks.length;) {
      written += (await this.#file.write(blocks, written)).bytesWritten
    }
  }
}

const mostWaiting = 1024 * 1024
