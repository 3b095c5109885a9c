import { unlink } from 'node:fs'
import type { Clock } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import { type LogFile, OpenFiles } from './open-files.js'
import { BlockMemory } from './recent-blocks.js'

/** What all logs of a broker share. */
export class Shelf {
  readonly clock: Clock
  readonly logger: Logger
  readonly files: OpenFiles
  readonly memory: BlockMemory
  readonly segmentBytes: number
  readonly compactionBytes: number
  readonly tombstoneRetentionMs: number
  #isClosed = false

  constructor(options: ShelfOptions) {
    this.clock = options.clock
    this.logger = options.logger
    this.files = new OpenFiles(options.openFiles ?? 256)
    this.memory = new BlockMemory(options.memoryBytes ?? 32 * 1024 * 1024)
    this.segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024
    this.compactionBytes = options.compactionBytes ?? 64 * 1024 * 1024
    this.tombstoneRetentionMs = options.tombstoneRetentionMs ?? 24 * 60 * 60 * 1000
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Removes a file; who reads it goes on until they are done. */
  remove(file: LogFile): void {
    if (this.#isClosed) return
    this.files.forget(file)
    unlink(file.path, error => {
      if (error !== null && error.code !== 'ENOENT')
        this.logger.warn({ file: file.path, error }, 'cannot remove a file of the log')
    })
  }

  /** Closes all files: this process does not own the broker any more, and changes nothing from now on. */
  close(): void {
    this.#isClosed = true
    this.files.close()
  }
}

export interface ShelfOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Bytes of a segment, at most, unless a single block has more. Default 64 MiB. */
  readonly segmentBytes?: number
  /** Files that are open at a time, unless more are in use. Default 256. */
  readonly openFiles?: number
  /** Bytes of recent blocks that are kept for readers, of all logs together. Default 32 MiB. */
  readonly memoryBytes?: number
  /** Bytes of memory for the keys that compaction looks at in one pass. Default 64 MiB. */
  readonly compactionBytes?: number
  /** How long a tombstone is kept after it has become the only message of its key, in milliseconds. Default a day. */
  readonly tombstoneRetentionMs?: number
}
