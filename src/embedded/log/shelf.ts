import { unlink } from 'node:fs'
import type { Clock } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import { type LogFile, OpenFiles } from './open-files.js'
import { BlockMemory } from './recent-blocks.js'
import { secretFrom, SipHash } from './sip-hash.js'

/** What all logs of a broker share. */
export class Shelf {
  readonly clock: Clock
  readonly logger: Logger
  readonly files: OpenFiles
  readonly memory: BlockMemory
  readonly hash: SipHash
  readonly segmentBytes: number
  readonly compactionKeys: number
  readonly tombstoneRetentionMs: number
  #isClosed = false

  constructor(options: ShelfOptions) {
    this.clock = options.clock
    this.logger = options.logger
    this.files = new OpenFiles(options.openFiles ?? 256)
    this.memory = new BlockMemory(options.memoryBytes ?? 32 * 1024 * 1024)
    this.hash = new SipHash(secretFrom(options.random))
    this.segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024
    this.compactionKeys = options.compactionKeys ?? 1024 * 1024
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
  readonly random: Random
  /** Bytes of a segment, at most, unless a single block has more. Default 64 MiB. */
  readonly segmentBytes?: number
  /** Files that are open at a time, unless more are in use. Default 256. */
  readonly openFiles?: number
  /** Bytes of recent blocks that are kept for readers, of all logs together. Default 32 MiB. */
  readonly memoryBytes?: number
  /** Keys that compaction looks at in one pass, at 35 to 70 bytes each. Default 1,048,576. */
  readonly compactionKeys?: number
  /** How long a tombstone is kept after it has become the only message of its key, in milliseconds. Default a day. */
  readonly tombstoneRetentionMs?: number
}
