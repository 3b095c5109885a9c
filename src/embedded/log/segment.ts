import { fdatasync, ftruncateSync, mkdirSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { baseOffsetOf, latestTimestampOf, nextOffsetOf, storedAtOf } from '../block/block-header.js'
import type { TopicPartition } from '../../transport/transport.js'
import { LogFile, type OpenFiles } from './open-files.js'
import { SparseIndex } from './sparse-index.js'
import { cannotSync } from './storage-error.js'
import { syncFolder } from './sync-folder.js'

/** A file of blocks, and what is known of it. */
export class Segment {
  readonly at: TopicPartition
  readonly base: number
  readonly file: LogFile
  /** Offset after its last message or marker. */
  end: number
  /** Bytes of whole blocks. */
  bytes = 0
  /** Where its last block begins; -1 when it has none. */
  lastBlock = -1
  /** Bytes known to be on the disk. */
  synced = 0
  readonly times: Times = new Times()
  /** Bytes, from its beginning, of which `times` does not know all. */
  unseen = 0
  /** Dropped with the descriptor of the file, when nobody has read or written for a while. */
  index: SparseIndex | null = null
  #isCreated: boolean
  /** Folders that do not know on the disk yet what was created in them. */
  #newIn: string[] = []
  #syncing: Promise<void> = Promise.resolve()

  constructor(at: TopicPartition, folder: string, { base, isNew }: { base: number; isNew: boolean }) {
    this.at = at
    this.base = base
    this.end = base
    this.file = new LogFile(join(folder, fileName(base)))
    this.file.onCold = () => (this.index = null)
    this.#isCreated = !isNew
  }

  /** Writes a block behind the others. Throws what the file system throws; the next write then takes its place. */
  write(block: Buffer, files: OpenFiles): void {
    const fd = this.#open(files)
    const position = this.bytes
    for (let written = 0; written < block.length;) {
      written += writeSync(fd, block, written, block.length - written, position + written)
    }
    if (position === 0) this.index ??= new SparseIndex()
    this.index?.note(position, { base: baseOffsetOf(block), next: nextOffsetOf(block), size: block.length })
    this.lastBlock = position
    this.bytes = position + block.length
    this.end = nextOffsetOf(block)
    this.times.note(block, 0)
  }

  /** Cuts off what a failed write may have left behind its last block. */
  finish(files: OpenFiles): void {
    ftruncateSync(files.touch(this.file), this.bytes)
  }

  /**
   * Puts on the disk what was written before the call. Throws `TransportError`, and then at every later call too: what a disk
   * has failed to take it does not try again.
   */
  sync(files: OpenFiles): Promise<void> {
    this.#syncing = this.#syncing.then(() => this.#sync(files))
    return this.#syncing
  }

  async #sync(files: OpenFiles): Promise<void> {
    const { bytes } = this
    if (this.synced >= bytes || this.file.isGone) return
    try {
      await flush(this.file, files)
      for (const folder of this.#newIn.splice(0)) await syncFolder(folder)
    } catch (error) {
      throw cannotSync(this.at, this.file.path, error)
    }
    this.synced = Math.max(this.synced, bytes)
  }

  #open(files: OpenFiles): number {
    if (this.#isCreated) return files.touch(this.file)
    const folder = dirname(this.file.path)
    const created = mkdirSync(folder, { recursive: true })
    const fd = files.touch(this.file, 'new')
    this.#isCreated = true
    this.#newIn = foldersBetween(folder, created === undefined ? folder : dirname(created))
    return fd
  }
}

/** When the latest of some messages came, in milliseconds since 1970. */
export class Times {
  latestTimestamp: number = -Infinity
  latestStoredAt: number = -Infinity

  /** Nothing goes sooner than the retention after it came, nor than its own timestamp says. */
  get latest(): number {
    return Math.max(this.latestTimestamp, this.latestStoredAt)
  }

  /** Takes up the block that begins at `at`. */
  note(bytes: Buffer, at: number): void {
    this.latestTimestamp = Math.max(this.latestTimestamp, latestTimestampOf(bytes, at))
    this.latestStoredAt = Math.max(this.latestStoredAt, storedAtOf(bytes, at))
  }
}

/** So long that names sort as their numbers do. */
export function fileName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`
}

async function flush(file: LogFile, files: OpenFiles): Promise<void> {
  const fd = files.hold(file)
  try {
    await new Promise<void>((resolve, reject) => fdatasync(fd, error => (error === null ? resolve() : reject(error))))
  } finally {
    files.release(file)
  }
}

/** Both of them too. */
function foldersBetween(lowest: string, highest: string): string[] {
  const folders = [lowest]
  for (let folder = lowest; folder !== highest; folders.push(folder)) folder = dirname(folder)
  return folders
}
