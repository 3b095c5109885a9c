import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, nextTurn, systemClock } from '../../lib/clock.js'
import { type Logger, silentLogger } from '../../lib/log.js'
import type { Batch, Isolation, TopicPartition } from '../../transport/transport.js'
import { OpenBlock } from '../block/open-block.js'
import { readBlocks } from '../block/read-blocks.js'
import type { LogRecord, TransactionRecord } from './log-record.js'
import { PartitionLog, type PartitionLogOptions } from './partition-log.js'
import { Shelf, type ShelfOptions } from './shelf.js'

/** A log in a temporary folder, with the metadata that a broker would keep of it: for tests. */
export class LogTrial {
  readonly at: TopicPartition = { topic: 'orders', partition: 0 }
  readonly folder: string = mkdtempSync(join(memoryFiles, 'faust-log-'))
  readonly warnings: Warning[] = []
  readonly clock: Clock
  readonly #options: TrialOptions
  readonly #block = new OpenBlock()
  nowMs = 1_000_000
  /** What the metadata hold. */
  stored: Stored = { record: null, transactions: null }
  shelf: Shelf
  log: PartitionLog

  constructor(options: TrialOptions = {}) {
    this.#options = options
    this.clock = { ...systemClock, now: () => this.nowMs, turn: run => systemClock.turn(() => (this.onTurn(), run())) }
    this.shelf = this.#newShelf()
    this.log = this.#newLog(this.folder, this.stored)
  }

  /** Called whenever something gives way to others. */
  onTurn: () => void = () => undefined

  /** Returns the base offset. */
  append(messages: readonly Sample[], transaction: number = 0): number {
    for (const { key = null, value, timestamp = this.nowMs } of messages) {
      const bytes = key === null ? null : Buffer.from(key)
      const range = { keyStart: 0, keyEnd: bytes?.length ?? 0 }
      this.#block.add({ ...this.at, timestamp, key: bytes, ...range, value, headers: null })
    }
    return this.log.append(this.#block.close(), { transaction, nowMs: this.nowMs })
  }

  /** Writes to the metadata what has changed; it is published when `publish` is called. */
  stage(): boolean {
    const staged = this.log.stage()
    if (staged === null) return false
    // As they come back from a file.
    const { log: record, transactions } = JSON.parse(JSON.stringify(staged)) as typeof staged
    this.stored = { record, transactions: transactions ?? this.stored.transactions }
    return true
  }

  commit(): void {
    if (this.stage()) this.log.publish()
  }

  /** Everything from an offset on, and where the reader stands in the end. */
  async read(from: number, options: ReadOptions = {}): Promise<{ batches: Batch[]; position: number }> {
    const { isolation = 'read-committed', maxBytes = 1024 * 1024 } = options
    const batches: Batch[] = []
    for (let position = from; ;) {
      const answer = await this.log.read(position, { isolation, maxBytes })
      // A socket hands them over in one piece.
      const bytes = Buffer.concat(answer.blocks)
      const batch = readBlocks(bytes, this.at, { from: position, nextOffset: answer.position })
      if (batch !== null) batches.push(batch)
      if (answer.position === position) return { batches, position }
      position = answer.position
    }
  }

  /** Closes what is written, and compacts all that is committed. */
  async compact(): Promise<void> {
    this.log.roll()
    await this.log.sync()
    this.commit()
    await this.log.compact(() => Promise.resolve())
  }

  /** As another process finds it when this one has died. */
  crash(options: Pick<PartitionLogOptions, 'isSuspect'> = {}): void {
    this.shelf.close()
    this.shelf = this.#newShelf()
    this.log = this.#newLog(this.folder, this.stored, options)
  }

  /** A copy of the files as they are now, and a log that reads it as the metadata know it. */
  copy(stored: Stored = this.stored): LogTrial {
    const copy = new LogTrial(this.#options)
    for (const name of readdirSync(this.folder)) {
      try {
        copyFileSync(join(this.folder, name), join(copy.folder, name))
      } catch {
        // It has been removed meanwhile.
      }
    }
    copy.nowMs = this.nowMs
    copy.stored = stored
    copy.crash()
    return copy
  }

  /** Names of its files. */
  get files(): string[] {
    return readdirSync(this.folder).sort()
  }

  /** The same once there are so many: what was dropped takes a moment to go. */
  async filesOnce(count: number): Promise<string[]> {
    for (let turn = 0; turn < 1000 && this.files.length !== count; turn++) await nextTurn(systemClock)
    return this.files
  }

  close(): void {
    this.shelf.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #newShelf(): Shelf {
    const logger: Logger = { ...silentLogger, warn: (facts, message) => void this.warnings.push({ ...facts, message }) }
    return new Shelf({ ...this.#options, clock: this.clock, logger })
  }

  #newLog(folder: string, stored: Stored, options: Pick<PartitionLogOptions, 'isSuspect'> = {}): PartitionLog {
    const retention = { retentionMs: -1, retentionBytes: -1, compacted: false, ...this.#options.retention }
    return new PartitionLog({ at: this.at, folder, ...stored, shelf: this.shelf, retention, ...options })
  }
}

/** Files in memory where there are any: a disk takes its time to say that it has something. */
const memoryFiles = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

interface TrialOptions extends Partial<ShelfOptions> {
  readonly retention?: Partial<PartitionLogOptions['retention']>
}

interface Sample {
  readonly key?: string | null
  readonly value: string | null
  readonly timestamp?: number
}

interface Stored {
  readonly record: LogRecord | null
  readonly transactions: TransactionRecord | null
}

interface ReadOptions {
  readonly isolation?: Isolation
  readonly maxBytes?: number
}

interface Warning {
  readonly message: string
  readonly [fact: string]: unknown
}
